import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("../build/", import.meta.url));

/**
 * Compiles a program of bench/c. Undefined, with a line on standard error that says so, where the compiler or a library is missing.
 *
 * @param needs what it takes, in Debian's words
 */
export function compileProgram(source: string, libraries: readonly string[], needs: string): string | undefined {
  const name = basename(source).replace(/\.\w+$/, "");
  const program = `${build}${name}`;
  mkdirSync(build, { recursive: true });
  const compiler = source.endsWith(".cpp") ? "c++" : "cc";
  const path = fileURLToPath(new URL(`../c/${source}`, import.meta.url));
  const { status, stderr, error } = spawnSync(compiler, ["-O2", "-o", program, path, ...libraries.map((library) => `-l${library}`)], {
    encoding: "utf8",
  });
  if (status === 0) return program;
  console.error(`${name} is LEFT OUT, for it cannot be compiled (${needs}): ${error?.message ?? stderr.split("\n")[0]}`);
  return undefined;
}
