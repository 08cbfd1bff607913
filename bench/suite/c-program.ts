import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("../build/", import.meta.url));

/**
 * Compiles a program of bench/c. Returns undefined and prints a line to stderr if the compiler or a library is missing.
 *
 * @param needs the Debian packages that it needs
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
  console.error(`${name} is SKIPPED, because it can't be compiled (${needs}): ${error?.message ?? stderr.split("\n")[0]}`);
  return undefined;
}
