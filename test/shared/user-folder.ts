import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
const run = promisify(execFile);

/** A project of a user, outside of ours, in which the package is there by its name. */
export class UserFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), "oscine-user-"));

  /** @param lib the libraries of TypeScript that the user's code knows */
  constructor(lib: readonly string[]) {
    mkdirSync(join(this.path, "node_modules", "@types"), { recursive: true });
    symlinkSync(root, join(this.path, "node_modules", "oscine"), "junction");
    symlinkSync(join(root, "node_modules", "@types", "node"), join(this.path, "node_modules", "@types", "node"), "junction");
    const compilerOptions = { target: "es2023", lib, module: "nodenext", types: ["node"], strict: true, noEmit: true, skipLibCheck: true };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    this.write("package.json", JSON.stringify({ type: "module" }));
  }

  /** @returns the whole path of the file */
  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text);
    return file;
  }

  /**
   * Checks all that was written, as one program.
   *
   * @param nameOf what stands in place of a file's name, which is a number
   * @returns what the compiler says; nothing where all is right
   */
  async complaints(nameOf: (index: number) => string | undefined): Promise<string> {
    try {
      await run(process.execPath, [compiler, "-p", this.path, "--pretty", "false"], { cwd: this.path });
      return "";
    } catch (error) {
      const { stdout } = error as { readonly stdout: string };
      // The compiler says what it doesn't like; anything else went wrong with the compiler.
      if (stdout === "") throw error;
      return stdout.replace(/^(\d+)\.ts/gm, (_, index: string) => nameOf(Number(index)) ?? index);
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
