import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, setEnvironmentData } from "node:worker_threads";
import { threadFlags } from "./thread-flags.ts";
import { THREAD_KEY, type ThreadInit } from "./thread-messages.ts";
import type { ThreadPoolDescription } from "./thread-pool-options.ts";

const ENTRY = new URL("./module-thread-entry.js", import.meta.url);
const PRELOAD = fileURLToPath(new URL("./program-thread-entry.cjs", import.meta.url));
/**
 * How large the part of a thread's heap may become in which V8 puts what is new. In a flood of large packets it grows to its bound and stays there, and is most of
 * what a thread that has been busy takes: heaps grew to 28 MiB with this bound, to 43 with twice as much, to 59 with V8's own (`npm run attack`). Decoding took
 * no longer with it, for hardly anything lives longer than a packet.
 */
const YOUNG_MIB = 8;

/** Starts a thread that runs the program again, or loads its handlers module. */
export function startThread(description: ThreadPoolDescription, init: Omit<ThreadInit, "nodeOptions">): Worker {
  const { program, threadMemory, workerData } = description;
  const { NODE_OPTIONS = "" } = process.env;
  const flags = threadFlags(program.execArgv, NODE_OPTIONS);
  const isModule = program.kind === "module";
  // A path as a URL, for it may hold characters that mean something there.
  const file = isModule ? ENTRY : pathToFileURL(program.path);
  const create = (execArgv: readonly string[]): Worker =>
    new Worker(file, {
      workerData,
      name: "oscine handlers",
      argv: [...program.argv],
      // The entry script finds this thread to be a worker from its first line on; and loaders come later than that.
      execArgv: isModule ? [...execArgv] : ["--require", PRELOAD, ...execArgv],
      ...(NODE_OPTIONS === flags.nodeOptions ? {} : { env: { ...process.env, NODE_OPTIONS: flags.nodeOptions } }),
      resourceLimits: { maxOldGenerationSizeMb: threadMemory, maxYoungGenerationSizeMb: YOUNG_MIB },
    });
  setEnvironmentData(THREAD_KEY, { ...init, nodeOptions: NODE_OPTIONS });
  try {
    return createWithFlags(flags.execArgv, create);
  } finally {
    setEnvironmentData(THREAD_KEY, undefined);
  }
}

/** Flags that are for a whole process, such as the size of the heap, a thread has anyway; Node refuses to be given them for a thread. */
function createWithFlags(flags: readonly string[], create: (flags: readonly string[]) => Worker): Worker {
  try {
    return create(flags);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_WORKER_INVALID_EXEC_ARGV") throw error;
    const accepted = flags.filter((flag) => !flag.startsWith("-") || !message.includes(flag.split("=")[0] as string));
    if (accepted.length === flags.length) throw error;
    return createWithFlags(accepted, create);
  }
}
