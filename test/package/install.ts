import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

export const root = fileURLToPath(new URL("../..", import.meta.url));

interface PackedFile {
  readonly path: string;
  readonly size: number;
  readonly mode: number;
}

declare module "vitest" {
  interface ProvidedContext {
    /** The folder that the package is installed into, and what its tarball holds. */
    readonly installed: { readonly folder: string; readonly files: readonly PackedFile[] };
  }
}

export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly exports: object; readonly bin: object };
export const SUBPATHS = Object.keys(manifest.exports).flatMap((path) => /^\.\/(\w+)$/.exec(path)?.[1] ?? []);

/** Packs the package and installs it into an empty folder, once for all files of tests. Vitest calls this by its name, and what it returns at the end. */
export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "oscine-package-"));
  // With the one dependency, from where it is installed: npm keeps what a lock file names without its description, which an offline install wants.
  const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ".", "./node_modules/ws"];
  const [packed, dependency] = JSON.parse(npm(root, ...pack)) as [{ filename: string; files: readonly PackedFile[] }, { filename: string }];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true }));
  npm(folder, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", `./${dependency.filename}`, `./${packed.filename}`);
  project.provide("installed", { folder, files: packed.files });
  return () => rmSync(folder, { recursive: true, force: true });
}

/** npm by its own file, so that no shell is needed on any system. */
export function npm(cwd: string, ...words: string[]): string {
  const cli = process.env["npm_execpath"];
  if (cli !== undefined && cli.endsWith("npm-cli.js")) return execFileSync(process.execPath, [cli, ...words], { cwd, encoding: "utf8" });
  return execFileSync("npm", words, { cwd, encoding: "utf8", shell: process.platform === "win32" });
}
