import { writeSync } from "node:fs";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";
import type { NetAddress } from "../../net-address.ts";
import type { Limits } from "../options.ts";

/** What a worker runs, as plain data. */
export type Program = EntryProgram | ModuleProgram;

/** The program's entry script, up to the constructor of a server. */
interface EntryProgram extends Invocation {
  readonly kind: "entry";
  readonly path: string;
  /** The number of the server at which the worker begins its work. */
  readonly target: number;
  /** Where the servers before that one listen. */
  readonly addresses: readonly NetAddress[];
}

/** A module whose default export is a dispatcher. */
interface ModuleProgram extends Invocation {
  readonly kind: "module";
  readonly url: string;
}

/** How the program was started, and what it wants to know. */
interface Invocation {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  /** Whether workers send the values of described methods. */
  readonly sendsValues: boolean;
}

/** Where a thread finds its {@link WorkerInit} in the environment data, and a process in its environment. */
export const THREAD_KEY = "oscine:worker";
export const PROCESS_KEY = "OSCINE_CHILD";

/** A process's descriptors: packets come by one, results go by the other. */
export const PACKETS_FD = 3;
export const RESULTS_FD = 4;

/** How a worker decodes packets. */
export type WorkerLimits = Pick<Limits, "strict" | "maxNesting" | "maxPacketSize" | "allowOddAddresses">;

/** What a worker is started with. */
export interface WorkerInit {
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** `NODE_OPTIONS` of the program, if the worker was started with others. */
  readonly nodeOptions: string | null;
  /** For a thread. */
  readonly thread: ThreadInit | null;
  /** For a process that is to fork children instead of handling packets. */
  readonly forkServer: ForkServerInit | null;
}

export interface ThreadInit {
  /** The memory of the `WakeSignal` of a thread that blocks. */
  readonly signal: SharedArrayBuffer;
  /** Holds the number of the packet that the thread began last. Null if it may handle several at once. */
  readonly claims: SharedArrayBuffer | null;
}

export interface ForkServerInit {
  /** The file to load before the program. */
  readonly entry: string;
  /** The process of the server. */
  readonly server: number;
  readonly maxChildren: number;
  readonly spareChildren: number;
  /** Whether to refuse to fork if a handler is an async function. */
  readonly refuseAsync: boolean;
}

/** The limits that a worker needs, as plain data. */
export function workerLimits({ strict, maxNesting, maxPacketSize, allowOddAddresses }: Limits): WorkerLimits {
  return { strict, maxNesting, maxPacketSize, allowOddAddresses };
}

/** In the registry of symbols, because a program may have loaded this file twice: once for `import` and once for `require`. */
const INIT = Symbol.for("oscine.worker-init");

/** What this thread or process was started with; null if it isn't a worker. The first call prepares it to be one. */
export function workerInit(): WorkerInit | null {
  const holder = globalThis as { [INIT]?: WorkerInit | null };
  if (holder[INIT] === undefined) Object.defineProperty(holder, INIT, { value: takeInit(), enumerable: false });
  return holder[INIT] ?? null;
}

/** Takes it away as well: threads and processes that handlers start aren't workers of the pool. */
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
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

type Callback = (error?: Error | null) => void;

/**
 * Makes `process.stdout` and `process.stderr` of this thread, and with them `console`, write at once.
 *
 * In a worker thread they pass what is written to the main thread, whose event loop writes it: nothing would appear while that thread is
 * blocked.
 */
function writeOutputAtOnce(): void {
  process.stdout.write = writerTo(1);
  process.stderr.write = writerTo(2);
}

/** A `write` of a stream that writes to a file descriptor before it returns. */
function writerTo(descriptor: number): NodeJS.WriteStream["write"] {
  return (chunk: Uint8Array | string, encodingOrCallback?: BufferEncoding | Callback, callback?: Callback): boolean => {
    const encoding = typeof encodingOrCallback === "string" ? encodingOrCallback : "utf8";
    const done = typeof encodingOrCallback === "function" ? encodingOrCallback : callback;
    const error = writeAll(descriptor, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    if (done !== undefined) process.nextTick(done, error);
    return true;
  };
}

/** Writes all bytes. Gives back why that was not possible, as when the reader of a pipe has gone; nobody could catch it. */
function writeAll(descriptor: number, bytes: Uint8Array): Error | null {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return error as Error;
      // A pipe that is full, and set not to block: its reader needs a moment.
      Atomics.wait(nobody, 0, 0, RETRY_MS);
    }
  }
  return null;
}
