/** What docs/bundling.md says, with the bundlers it names. */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { buildSync } from "esbuild";
import { rolldown } from "rolldown";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canFork } from "./pool-program.ts";

const run = promisify(execFile);
const pathOf = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const SERVER = pathOf("bundled/server.mjs");
const HANDLERS = pathOf("bundled/handlers.mjs");
/** Within the repository, so that what is left out of the bundle is found. */
const folder = fileURLToPath(new URL(`../../coverage/bundled-${process.pid}/`, import.meta.url));
beforeAll(() => {
  mkdirSync(folder, { recursive: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Format = "cjs" | "esm";

async function bundleWith(bundler: string, format: Format, external: readonly string[], entry = SERVER): Promise<string> {
  const file = `${folder}${basename(entry, ".mjs")}-${bundler}-${format}-${external.length}.${format === "cjs" ? "cjs" : "mjs"}`;
  if (bundler === "esbuild") {
    const options = { outfile: file, bundle: true, platform: "node", format, logLevel: "silent" } as const;
    buildSync({ ...options, entryPoints: [entry], external: ["koffi", ...external] });
  } else if (bundler === "rolldown") {
    const bundle = await rolldown({ input: entry, platform: "node", external: ["koffi", ...external], logLevel: "silent" });
    await bundle.write({ dir: folder, entryFileNames: basename(file), format, ...(external.length === 0 ? { codeSplitting: false } : {}) });
    await bundle.close();
  } else {
    const output = { entryFileNames: file.slice(folder.length), format };
    const rolldownOptions = { input: entry, external: ["koffi", ...external], output };
    const options = { ssr: true, outDir: folder, emptyOutDir: false, minify: false, rolldownOptions } as const;
    await vite({ configFile: false, logLevel: "silent", ssr: external.length === 0 ? { noExternal: true } : {}, build: options });
  }
  return file;
}

const BUNDLERS = ["esbuild", "rolldown", "vite"].flatMap((bundler) => (["cjs", "esm"] as const).map((format) => ({ bundler, format })));

describe.each(BUNDLERS)("a program bundled by $bundler as $format", ({ bundler, format }) => {
  test("serves with every kind if oscine is external", { timeout: 60_000 }, async () => {
    const file = await bundleWith(bundler, format, ["oscine"]);
    for (const kind of ["Async", "Blocking", "Threading", "Forking"]) {
      const { stdout } = await run(process.execPath, [file, kind]);
      expect(stdout).toContain("closed");
    }
  });

  test("serves in the event loop and otherwise gives advice if oscine is in the bundle", { timeout: 60_000 }, async () => {
    const file = await bundleWith(bundler, format, []);
    expect((await run(process.execPath, [file, "Async"])).stdout).toContain("closed");
    for (const kind of ["Blocking", "Threading", "Forking"]) {
      const { stdout } = await run(process.execPath, [file, kind]);
      expect(stdout).toMatch(/^OSC_THREAD_FAILED .*mark oscine as an external package/);
    }
  });

  // What matters is that there are two copies of our classes, whoever made the second.
  const isOther = bundler !== "esbuild" && format === "cjs";
  test.skipIf(isOther)("works as a handlers module with oscine in it", { timeout: 60_000 }, async () => {
    const file = await bundleWith(bundler, format, [], HANDLERS);
    // One process for all packets, because starting one takes longest.
    const spawned = { strategy: "spawn", requestsPerChild: 100 };
    const strategies = canFork() ? [spawned, { strategy: "fork" }] : [spawned];
    for (const [kind, ...options] of [["Threading"], ...strategies.map((options) => ["Forking", JSON.stringify(options)])]) {
      const { stdout } = await run(process.execPath, [pathOf("bundled-handlers.mjs"), file, kind as string, ...options]);
      const [replies = [], errors] = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line.slice(line.indexOf(" "))) as unknown[]);
      expect(replies).toEqual([
        ["/echoed", ""],
        ["/message", "d", 1.5],
        ["/one", ""],
        ["/two", ""],
        ["/replied", ""],
        ["/gain", "f", 0.5],
      ]);
      expect(errors).toEqual(["OSC_HANDLER_FAILED", "OSC_BAD_REPLY", "unverified", "arguments"]);
    }
  });
});
