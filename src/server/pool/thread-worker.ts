import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MessageChannel, type MessagePort, Worker, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import { WakeSignal } from "../io-thread/wake-signal.ts";
import type { Limits } from "../options.ts";
import type { ThreadPoolDescription } from "./pool-options.ts";
import { END, encodePackets, encodeRecord, recordsIn } from "./records.ts";
import { THREAD_KEY, type WorkerInit, workerLimits } from "./worker-init.ts";
import type { InFlightPacket, PoolWorker, PoolWorkerEvents } from "./worker.ts";

const MODULE_ENTRY = new URL("./module-entry.js", import.meta.url);
const PRELOAD = fileURLToPath(new URL("./worker-preload.cjs", import.meta.url));
/** How long a thread that loads the program may take to end by itself. */
const LOADING_MS = 1000;
/** The most MiB of a thread's heap for what is new: in a flood of large packets it grows to its bound and stays there. */
const YOUNG_MIB = 8;
/** What {@link ThreadWorker.takeBack} leaves for the thread to find: no packet's number follows it. */
const TAKEN_BACK = -1;

/** The pool's side of one thread. It is sent packets in batches, and claims each before it begins with it. */
export class ThreadWorker implements PoolWorker {
  readonly #description: ThreadPoolDescription;
  readonly #port: MessagePort;
  readonly #signal: WakeSignal;
  readonly #claims: Int32Array | null;
  readonly #events: PoolWorkerEvents;
  readonly #worker: Worker;
  /** Why it ends, if more is known than its exit code. */
  #reason: string | null = null;
  /** The packet that it had begun last when packets were taken back. */
  #begun = 0;
  /** Set while a thread that loads the program is asked to end. */
  #ending: NodeJS.Timeout | undefined;

  constructor(description: ThreadPoolDescription, limits: Limits, events: PoolWorkerEvents) {
    this.#description = description;
    this.#events = events;
    const signal = new SharedArrayBuffer(WakeSignal.byteLength);
    const claims = description.packetsPerThread === 1 ? new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) : null;
    this.#signal = new WakeSignal(signal);
    this.#claims = claims === null ? null : new Int32Array(claims);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = startThread(description, {
      program: description.program,
      limits: workerLimits(limits),
      thread: { signal, claims },
      forkServer: null,
    });
    this.#worker.postMessage(port2, [port2]);
    this.#signal.wake();
    port1.on("message", (message: Uint8Array) => this.#take(message));
    this.#worker.on("error", (error) => (this.#reason ??= this.#describeError(error)));
    this.#worker.on("exit", (code) => this.#exited(code));
  }

  assign(packets: readonly InFlightPacket[]): void {
    // As it is already, unless packets were taken back.
    if (this.#claims !== null) Atomics.store(this.#claims, 0, (packets[0] as InFlightPacket).id - 1);
    this.#post(encodePackets(packets));
  }

  takeBack(): number | null {
    if (this.#claims === null) return null;
    const begun = Atomics.exchange(this.#claims, 0, TAKEN_BACK);
    if (begun !== TAKEN_BACK) this.#begun = begun;
    return this.#begun;
  }

  retire(): void {
    this.#post(encodeRecord(END, 0));
  }

  kill(isStarting: boolean): void {
    if (!isStarting) return void this.#worker.terminate();
    // It loads the program. Were it ended by force while Node links modules for `require`, it would take the whole process with it.
    this.retire();
    this.#ending = setTimeout(() => void this.#worker.terminate(), LOADING_MS);
  }

  #post(message: Uint8Array): void {
    this.#port.postMessage(message, [message.buffer as ArrayBuffer]);
    this.#signal.wake();
  }

  #take(message: Uint8Array): void {
    for (const record of recordsIn(message)) this.#events.record(record);
  }

  #exited(code: number): void {
    clearTimeout(this.#ending);
    // What it said last may still be in the port.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message as Uint8Array);
    }
    this.#port.close();
    this.#events.ended(this.#reason ?? `exit code ${code}`);
  }

  #describeError(error: unknown): string {
    if (!(error instanceof Error)) return `uncaught ${String(error)}`;
    if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") {
      return `it needed more memory than threadMemory allows (${this.#description.threadMemory} MiB)`;
    }
    return `uncaught ${error.stack ?? error.message}`;
  }
}

/** Starts a thread that runs the program again, or loads its handlers module. */
function startThread({ program, threadMemory, workerData }: ThreadPoolDescription, init: Omit<WorkerInit, "nodeOptions">): Worker {
  const { NODE_OPTIONS = "" } = process.env;
  const flags = threadFlags(program.execArgv, NODE_OPTIONS);
  // A path as a URL, because it may hold characters that mean something there.
  const file = program.kind === "module" ? MODULE_ENTRY : pathToFileURL(program.path);
  const create = (execArgv: readonly string[]): Worker =>
    new Worker(file, {
      workerData,
      name: "oscine handlers",
      argv: [...program.argv],
      execArgv: ["--require", PRELOAD, ...execArgv],
      ...(NODE_OPTIONS === flags.nodeOptions ? {} : { env: { ...process.env, NODE_OPTIONS: flags.nodeOptions } }),
      resourceLimits: { maxOldGenerationSizeMb: threadMemory, maxYoungGenerationSizeMb: YOUNG_MIB },
    });
  setEnvironmentData(THREAD_KEY, { ...init, nodeOptions: NODE_OPTIONS === flags.nodeOptions ? null : NODE_OPTIONS } satisfies WorkerInit);
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

/** `tsx` by its name, or by its file, as its own command line passes it. */
const TSX = /^tsx(\/esm)?$|[\\/]tsx[\\/]dist[\\/]/;
const IMPORT_IN_OPTIONS = /(?:^|\s)--import[=\s]\s*"?([^"\s]+)"?/g;

/** How a thread is to be started that runs the program again, or loads its modules. */
export interface ThreadFlags {
  readonly execArgv: readonly string[];
  readonly nodeOptions: string;
}

/**
 * The flags of the program, for a thread.
 *
 * The loader `tsx` does nothing in threads on most versions of Node 20, 22 and 24: it asks whether it is in the main thread. So it is loaded
 * by a module that says yes while it looks. All other flags stay as they are.
 *
 * @param nodeOptions `NODE_OPTIONS`, which a thread heeds, too
 */
export function threadFlags(flags: readonly string[], nodeOptions = ""): ThreadFlags {
  const loaders: string[] = [];
  const otherOptions = nodeOptions.replaceAll(IMPORT_IN_OPTIONS, (option: string, specifier: string) => {
    if (!TSX.test(specifier)) return option;
    loaders.push("--import", asIfInMainThread(specifier));
    return "";
  });
  const execArgv = flags.flatMap((flag, index) => {
    if (flag === "--import" && TSX.test(flags[index + 1] ?? "")) return [];
    const specifier = flags[index - 1] === "--import" ? flag : flag.startsWith("--import=") ? flag.slice("--import=".length) : null;
    return specifier !== null && TSX.test(specifier) ? ["--import", asIfInMainThread(specifier)] : [flag];
  });
  return { execArgv: [...loaders, ...execArgv], nodeOptions: otherOptions };
}

function asIfInMainThread(specifier: string): string {
  const code = `
    import { syncBuiltinESMExports } from "node:module";
    import threads from "node:worker_threads";
    const { isMainThread } = threads;
    const pretend = (answer) => { threads.isMainThread = answer; syncBuiltinESMExports(); };
    pretend(true);
    try { await import(${JSON.stringify(urlOf(specifier))}); } finally { pretend(isMainThread); }
  `;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Node takes what `--import` names as if it were imported from the working directory. */
function urlOf(specifier: string): string {
  if (specifier.startsWith("file:")) return specifier;
  const file = createRequire(join(process.cwd(), "any.js")).resolve(specifier);
  return pathToFileURL(file).href;
}
