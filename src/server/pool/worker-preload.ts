/**
 * Prepares a worker before any code of the program runs. Given to Node by `--require`, which unlike `--import` leaves it to Node how the
 * entry script is loaded.
 *
 * It is compiled to one file of CommonJS with a copy of all it needs: a thread that ends while Node links modules for `require` takes the
 * whole process with it.
 */
import { writeSync } from "node:fs";
import module, { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import { FAILED, encodeRecord } from "./records.ts";
import { RESULTS_FD, workerInit } from "./worker-init.ts";

const init = workerInit();
if (init !== null) (module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
if (init !== null && isMainThread) {
  // The exit code alone says little. Node prints the error as well.
  process.on("uncaughtExceptionMonitor", (error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    writeSync(RESULTS_FD, encodeRecord(FAILED, 0, Buffer.from(`uncaught ${reason}`)));
  });
}
if (init?.forkServer) {
  const emitWarning = process.emitWarning.bind(process);
  // Some versions of Node warn about a module that is loaded by `require`. That isn't the program's business.
  process.emitWarning = () => undefined;
  try {
    createRequire(init.forkServer.entry)(init.forkServer.entry);
  } finally {
    process.emitWarning = emitWarning;
  }
}
