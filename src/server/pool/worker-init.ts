import { writeSync } from "node:fs";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";
import type { NetAddress } from "../../net-address.ts";
import type { Limits } from "../options.ts";

/** What a worker runs. Plain data. */
export type Program = EntryProgram | ModuleProgram;

/** The program's entry script, up to the constructor of a server. */
interface EntryProgram extends Invocation {
  readonly kind: "entry";
  readonly path: string;
  /** Index of the server whose constructor becomes the worker's loop. */
  readonly target: number;
  /** Addresses of the servers before that one. */
  readonly addresses: readonly NetAddress[];
}

/** A module whose default export is a dispatcher. */
interface ModuleProgram extends Invocation {
  readonly kind: "module";
  readonly url: string;
}

/** How the program was started, and what it wants from its workers. */
interface Invocation {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  /** Whether workers report the values of described methods. */
  readonly sendsValues: boolean;
}

/** Keys of the {@link WorkerInit}: for a thread in its environment data, for a process in its environment variables. */
export const THREAD_KEY = "oscine:worker";
export const PROCESS_KEY = "OSCINE_CHILD";

/** File descriptors of a worker process: packets arrive on one, results are written to the other. */
export const PACKETS_FD = 3;
export const RESULTS_FD = 4;

/** How a worker decodes packets. */
export type WorkerLimits = Pick<Limits, "strict" | "maxNesting" | "maxPacketSize" | "allowOddAddresses">;

/** What a worker is started with. */
export interface WorkerInit {
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** `NODE_OPTIONS` of the program, if the worker was started with different ones. */
  readonly nodeOptions: string | null;
  /** Null for a process. */
  readonly thread: ThreadInit | null;
  /** Set for the fork server, which forks children instead of handling packets. */
  readonly forkServer: ForkServerInit | null;
}

export interface ThreadInit {
  /** Memory of the thread's `WakeSignal`. */
  readonly signal: SharedArrayBuffer;
  /** Holds the id of the packet that the thread began last. Null if it handles packets concurrently. */
  readonly claims: SharedArrayBuffer | null;
}

export interface ForkServerInit {
  /** The file to load before the program. */
  readonly entry: string;
  /** Process id of the server. */
  readonly server: number;
  readonly maxChildren: number;
  readonly spareChildren: number;
  /** Whether to refuse if a handler is an async function. */
  readonly refuseAsync: boolean;
}

/** The limits that a worker needs. */
export function workerLimits({ strict, maxNesting, maxPacketSize, allowOddAddresses }: Limits): WorkerLimits {
  return { strict, maxNesting, maxPacketSize, allowOddAddresses };
}

/** A registered symbol, because a program may load this file twice: for `import` and for `require`. */
const INIT = Symbol.for("oscine.worker-init");

/** What this worker was started with; null if this thread or process isn't a worker. The first call also prepares it. */
export function workerInit(): WorkerInit | null {
  const holder = globalThis as { [INIT]?: WorkerInit | null };
  if (holder[INIT] === undefined) Object.defineProperty(holder, INIT, { value: takeInit(), enumerable: false });
  return holder[INIT] ?? null;
}

/** Also removes it, because threads and processes started by handlers aren't workers of the pool. */
function takeInit(): WorkerInit | null {
  const init = isMainThread ? fromEnvironment() : ((getEnvironmentData(THREAD_KEY) as WorkerInit | undefined) ?? null);
  if (init === null) return null;
  if (!isMainThread) setEnvironmentData(THREAD_KEY, undefined);
  delete process.env[PROCESS_KEY];
  writeOutputAtOnce();
  process.execArgv = [...init.program.execArgv];
  if (init.nodeOptions !== null) process.env["NODE_OPTIONS"] = init.nodeOptions;
  return init;
}

function fromEnvironment(): WorkerInit | null {
  const json = process.env[PROCESS_KEY];
  return json === undefined ? null : (JSON.parse(json) as WorkerInit);
}

const RETRY_MS = 1;
/** Never notified: waiting on it is a blocking sleep. */
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

type Callback = (error?: Error | null) => void;

/**
 * Makes `process.stdout`, `process.stderr` and `console` of this thread write synchronously.
 *
 * By default a worker thread writes through the main thread's event loop, so nothing would appear while that thread is blocked.
 */
function writeOutputAtOnce(): void {
  process.stdout.write = writerTo(1);
  process.stderr.write = writerTo(2);
}

/** A stream's `write` method that writes synchronously to a file descriptor. */
function writerTo(descriptor: number): NodeJS.WriteStream["write"] {
  return (chunk: Uint8Array | string, encodingOrCallback?: BufferEncoding | Callback, callback?: Callback): boolean => {
    const encoding = typeof encodingOrCallback === "string" ? encodingOrCallback : "utf8";
    const done = typeof encodingOrCallback === "function" ? encodingOrCallback : callback;
    const error = writeAll(descriptor, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    if (done !== undefined) process.nextTick(done, error);
    return true;
  };
}

/** Writes all bytes. Returns an error, such as a closed pipe, instead of throwing it: no caller could catch it. */
function writeAll(descriptor: number, bytes: Uint8Array): Error | null {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return error as Error;
      // A full non-blocking pipe: wait for its reader.
      Atomics.wait(nobody, 0, 0, RETRY_MS);
    }
  }
  return null;
}
