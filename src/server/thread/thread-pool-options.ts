import { availableParallelism } from "node:os";
import { OscServerError } from "../../errors.ts";
import { positive } from "../options.ts";
import { type HandlersSource, type Program, programOf, strictTimingOf } from "../pool/program.ts";

/** Options of the threads of a threading server. */
export interface ThreadPoolOptions {
  /**
   * How many threads there may be at once. Default 16 for each processor, at least 32 and at most 64: a handler that waits leaves the
   * processors to others, so it pays to have many more threads than processors. A thread is started only when packets have waited, and beyond
   * the number of processors only while handlers wait for something for longer than 2 ms (on Linux; elsewhere also where they compute for so long), or
   * take longer than 200 ms; it takes about 10 MiB.
   */
  readonly maxThreads?: number;
  /** How many threads are kept ready, at most `maxThreads`. Default 4 to 8, as many as there are processors. */
  readonly minThreads?: number;
  /** After how long without a packet a thread ends that is more than `minThreads`, in milliseconds. Default 30,000. */
  readonly idleTimeout?: number;
  /** How long a handler may take, in milliseconds; then its thread is ended and the packet reported as dropped. Default 60,000. */
  readonly threadTimeout?: number;
  /** How long a thread may take from its start to the server's constructor, or to load the handlers module, in milliseconds. Default 30,000. */
  readonly startTimeout?: number;
  /**
   * How much memory the objects of a thread may take, in MiB; a thread that needs more is ended, and only that thread. The bytes of buffers
   * do not count: where handlers may fill those without end, use the forking server. Default 512.
   */
  readonly threadMemory?: number;
  /** The `workerData` of `node:worker_threads` in each thread. A `SharedArrayBuffer` in it is shared by all threads. Default undefined. */
  readonly workerData?: unknown;
  /**
   * How many packets a thread may handle side by side while handlers await something. More than 1 needs a handlers module, for only there
   * handlers may be asynchronous. Default 1.
   */
  readonly packetsPerThread?: number;
  /**
   * With a handlers module: the `strictTiming` of its dispatcher, which the server cannot see. Where the two differ, this one holds, and
   * that is reported. With a dispatcher the dispatcher's own holds. Default true.
   */
  readonly strictTiming?: boolean;
}

/** What a thread pool is made of, as plain data. */
export interface ThreadPoolDescription {
  readonly kind: "threading";
  readonly program: Program;
  readonly strictTiming: boolean;
  readonly maxThreads: number;
  readonly minThreads: number;
  readonly idleTimeout: number;
  readonly threadTimeout: number;
  readonly startTimeout: number;
  readonly threadMemory: number;
  readonly workerData: unknown;
  readonly packetsPerThread: number;
}

/** The longest time that a timer of Node can wait. */
const LONGEST_TIMEOUT = 2_147_483_647;

/** @throws OscServerError `OSC_OPTION` where an option has no such value, `OSC_ENTRY_NOT_RUNNABLE` as `programOf` */
export function threadPoolDescription(source: HandlersSource, options: ThreadPoolOptions): ThreadPoolDescription {
  const processors = availableParallelism();
  const maxThreads = positive("maxThreads", options.maxThreads, Math.min(64, Math.max(32, 16 * processors)));
  const minThreads = atMost("minThreads", options.minThreads, Math.min(maxThreads, 8, Math.max(4, processors)), "maxThreads", maxThreads);
  const program = programOf(source);
  const packetsPerThread = positive("packetsPerThread", options.packetsPerThread, 1);
  if (packetsPerThread > 1 && program.kind === "entry") {
    throw new OscServerError(
      "OSC_OPTION",
      "packetsPerThread above 1 needs a handlers module in place of the dispatcher: only there handlers may be asynchronous.",
    );
  }
  return {
    kind: "threading",
    program,
    strictTiming: strictTimingOf(source, options),
    maxThreads,
    minThreads,
    idleTimeout: timeout("idleTimeout", options.idleTimeout, 30_000),
    threadTimeout: timeout("threadTimeout", options.threadTimeout, 60_000),
    startTimeout: timeout("startTimeout", options.startTimeout, 30_000),
    threadMemory: positive("threadMemory", options.threadMemory, 512),
    workerData: cloneable(options.workerData),
    packetsPerThread,
  };
}

/** A number of milliseconds. */
export function timeout(name: string, value: number | undefined, fallback: number): number {
  return atMost(name, value, fallback, "the longest that a timer can wait", LONGEST_TIMEOUT);
}

/** A whole number from 1 on that is not above another. */
export function atMost(name: string, value: number | undefined, fallback: number, limitName: string, limit: number): number {
  const number = positive(name, value, fallback);
  if (number > limit) throw new OscServerError("OSC_OPTION", `${name} is at most ${limitName}, ${limit}; got ${number}.`);
  return number;
}

function cloneable(workerData: unknown): unknown {
  try {
    return structuredClone(workerData);
  } catch (cause) {
    throw new OscServerError("OSC_OPTION", `workerData cannot go to another thread: ${String(cause)}`, { cause });
  }
}
