/**
 * Prepares a worker before any code of the program runs. Loaded with `--require` because `--import` would change how Node loads the entry
 * script.
 *
 * Bundled into a single CommonJS file, because a thread that ends while Node links modules for `require` crashes the whole process.
 */
import { writeSync } from "node:fs";
import module, { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import { FAILED, encodeRecord } from "./records.ts";
import { RESULTS_FD, workerInit } from "./worker-init.ts";

const init = workerInit();
if (init !== null) (module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
if (init !== null && isMainThread) {
  // Tells the pool the reason, because the exit code says little. Node prints the error as well.
  process.on("uncaughtExceptionMonitor", (error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    writeSync(RESULTS_FD, encodeRecord(FAILED, 0, Buffer.from(`uncaught ${reason}`)));
  });
}
if (init?.forkServer) {
  const emitWarning = process.emitWarning.bind(process);
  // Some versions of Node warn about `require` of an ES module, which doesn't concern the program.
  process.emitWarning = () => undefined;
  try {
    createRequire(init.forkServer.entry)(init.forkServer.entry);
  } finally {
    process.emitWarning = emitWarning;
  }
}
