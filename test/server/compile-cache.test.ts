/** Workers don't parse the program anew each time, if Node has a compile cache (22.1 and later). */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PoolProgram } from "./pool-program.ts";

const hasCache = "enableCompileCache" in module;
if (!hasCache) console.log(`SKIPPED: Node ${process.version} has no compile cache, which workers would share.`);

test.skipIf(!hasCache).each([
  ["Threading", {}],
  ["Forking", { strategy: "spawn" }],
] as const)("workers of a %s server share a compile cache", async (kind, options) => {
  const folder = mkdtempSync(join(tmpdir(), "oscine-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = await PoolProgram.start(["pool.mjs", kind, "dispatcher", JSON.stringify(options)], {
    env: { TMPDIR: folder, TEMP: folder, NODE_COMPILE_CACHE: undefined },
  });
  onTestFinished(() => program.dispose());
  expect(await program.ask("/echo", 1)).toEqual(["/echoed", 1]);
  await program.quit();
  const cached = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  // The program, its handlers, and ours.
  expect(cached.length).toBeGreaterThan(5);
});
