import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type TransferListItem, Worker } from "node:worker_threads";
import { OscServerError } from "../../errors.ts";

/**
 * Starts a thread of the library itself, which the calling thread may wait for, blocked.
 *
 * @param entryOf its file
 * @throws OscServerError `OSC_THREAD_FAILED` if its file is missing, as in a bundle
 */
export function startOwnThread(entryOf: () => URL, workerData: unknown, transferList: readonly TransferListItem[], name: string): Worker {
  const entry = fileOf(entryOf);
  checkWorkingDirectory();
  const env = { ...process.env };
  // What a program has loaded into each of its threads, such as a loader for TypeScript, is not for this one.
  delete env["NODE_OPTIONS"];
  return new Worker(entry, { workerData, transferList: [...transferList], env, execArgv: [], name });
}

/** A worker whose file is missing says so only in the event loop, which is about to be blocked. */
function fileOf(entryOf: () => URL): URL {
  let entry: URL;
  try {
    entry = entryOf();
  } catch {
    // A bundle of CommonJS doesn't know its own URL.
    throw threadFailed(BUNDLED);
  }
  if (!existsSync(fileURLToPath(entry))) throw threadFailed(`its file ${fileURLToPath(entry)} is missing. ${BUNDLED}`);
  return entry;
}

const BUNDLED =
  "Threads and processes are started from files of the package, which a bundle doesn't have: leave oscine out of the bundle, as an external package";

/** A thread that starts in a directory that is gone never gets anywhere, and says nothing. */
function checkWorkingDirectory(): void {
  try {
    process.cwd();
  } catch (error) {
    throw threadFailed("the working directory of this process no longer exists: change to another one with process.chdir()", error);
  }
}

export function threadFailed(what: string, cause?: unknown): OscServerError {
  return new OscServerError("OSC_THREAD_FAILED", `The I/O thread of the server failed: ${what}.`, cause === undefined ? {} : { cause });
}
