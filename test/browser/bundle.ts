import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Bundle {
  readonly code: string;
  /** Bytes as they travel to a browser. */
  readonly gzipped: number;
  /** What it is made of, from the root of the repository. */
  readonly files: readonly string[];
}

/** Bundles a program for browsers that imports this package by its name, as its users do. Fails where something of Node is asked for. */
export async function bundle(program: string, format: "esm" | "iife" = "esm"): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    minify: true,
    format,
    globalName: "oscine",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "silent",
    absWorkingDir: root,
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error("esbuild made no file.");
  return { code: output.text, gzipped: gzipSync(output.contents, { level: 9 }).length, files: Object.keys(metafile.inputs) };
}
