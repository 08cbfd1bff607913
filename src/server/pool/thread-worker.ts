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
/** How long a thread that is still loading the program may take to end by itself. */
const LOADING_MS = 1000;
/** Maximum size of a thread's young generation, in MiB: after a flood of large packets it never shrinks again. */
const YOUNG_MIB = 8;
/** Stored by {@link ThreadWorker.takeBack} so that the thread's next claim fails: no packet has the id that follows it. */
const TAKEN_BACK = -1;

/**
 * The pool's side of one worker thread. The thread receives packets in batches and claims each one before it begins: it advances the id in
 * shared memory by one. `takeBack` replaces that id, so that later claims fail.
 */
export class ThreadWorker implements PoolWorker {
  readonly #description: ThreadPoolDescription;
  readonly #port: MessagePort;
  readonly #signal: WakeSignal;
  readonly #claims: Int32Array | null;
  readonly #events: PoolWorkerEvents;
  readonly #worker: Worker;
  /** Why the thread ended, if more is known than its exit code. */
  #reason: string | null = null;
  /** Id of the packet begun last, as of the last `takeBack`. */
  #begun = 0;
  /** Terminates a loading thread that doesn't end by itself. */
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
    // A no-op unless packets were taken back.
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
    // It is loading the program. Terminating it while Node links modules for `require` would crash the whole process.
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
    // Its last messages may still be in the port.
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
  // pathToFileURL escapes characters that are special in a URL.
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

/** Drops flags that Node rejects for a thread. They apply to the whole process, such as the heap size, so the thread has them anyway. */
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

/** `tsx` by name, or by file, as its own command line passes it. */
const TSX = /^tsx(\/esm)?$|[\\/]tsx[\\/]dist[\\/]/;
const IMPORT_IN_OPTIONS = /(?:^|\s)--import[=\s]\s*"?([^"\s]+)"?/g;

/** The options to start a worker thread with. */
export interface ThreadFlags {
  readonly execArgv: readonly string[];
  readonly nodeOptions: string;
}

/**
 * The program's flags, adapted for a thread.
 *
 * On most versions of Node 20, 22 and 24 the loader `tsx` does nothing unless `isMainThread` is true. So it is loaded by a module that
 * pretends so while `tsx` checks. All other flags stay unchanged.
 *
 * @param nodeOptions `NODE_OPTIONS`, which apply to threads too
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

/** Resolves a specifier like Node's `--import` does: from the working directory. */
function urlOf(specifier: string): string {
  if (specifier.startsWith("file:")) return specifier;
  const file = createRequire(join(process.cwd(), "any.js")).resolve(specifier);
  return pathToFileURL(file).href;
}
