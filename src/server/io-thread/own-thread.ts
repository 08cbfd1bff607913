import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type TransferListItem, Worker } from "node:worker_threads";
import { OscServerError } from "../../errors.ts";

/**
 * Starts a thread of the library itself, which the calling thread may wait for, blocked.
 *
 * @throws OscServerError `OSC_THREAD_FAILED` if its file is missing
 */
export function startOwnThread(entry: URL, workerData: unknown, transferList: readonly TransferListItem[], name: string): Worker {
  // A worker whose file is missing says so only in the event loop, which is about to be blocked.
  if (!existsSync(fileURLToPath(entry))) {
    throw threadFailed(
      `its file ${fileURLToPath(entry)} is missing. If this program was bundled, leave oscine out of the bundle (as an external package)`,
    );
  }
  checkWorkingDirectory();
  const env = { ...process.env };
  // What a program has loaded into each of its threads, such as a loader for TypeScript, is not for this one.
  delete env["NODE_OPTIONS"];
  return new Worker(entry, { workerData, transferList: [...transferList], env, execArgv: [], name });
}

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
