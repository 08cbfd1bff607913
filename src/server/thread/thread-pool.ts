import { availableParallelism } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MessageChannel, type MessagePort, Worker, receiveMessageOnPort, setEnvironmentData } from "node:worker_threads";
import { OscServerError, type OscRejectedError } from "../../errors.ts";
import { compiledFile } from "../../package-files.ts";
import { Doorbell } from "../crossing/doorbell.ts";
import { unpackError } from "../crossing/error-transfer.ts";
import type { Limits } from "../road/options.ts";
import type { Executor, ExecutorEvents, Packet } from "../road/packet.ts";
import { describeProgram } from "../pool/program.ts";
import { threadFlags } from "./thread-flags.ts";
import { type FromThread, THREAD_KEY, type ThreadInit, type ToThread, exactly } from "./thread-messages.ts";
import type { ThreadPoolDescription } from "./thread-pool-options.ts";
import type { PoolPolicy, PoolWorker, PoolWorkerEvents } from "../pool/pool-worker.ts";
import { WorkerPool } from "../pool/worker-pool.ts";
import { workerLimits } from "../pool/worker-service.ts";

export type { ThreadPoolDescription } from "./thread-pool-options.ts";

const ENTRY = compiledFile("server/thread/thread-entry.js");
const PRELOAD = fileURLToPath(compiledFile("server/pool/worker-preload.cjs"));
/** How much of what a thread has made may lie about before it looks what is still needed. V8's own 48 MiB are much for 32 threads (`npm run attack`). */
const YOUNG_MIB = 16;
/** How long packets wait before a thread is started for them: far longer than light handlers take for those before, shorter than a start takes. */
const PATIENCE_MS = 10;

/** Handles packets in threads of a pool. */
export function createThreadPool(description: ThreadPoolDescription, limits: Limits, events: ExecutorEvents): Executor {
  return new WorkerPool(policyOf(description), limits, events, (workerEvents) => new PoolThread(description, limits, workerEvents));
}

function policyOf(description: ThreadPoolDescription): PoolPolicy {
  const { program, maxThreads, minThreads, idleTimeout, threadTimeout, startTimeout, packetsPerThread } = description;
  const processors = availableParallelism();
  return {
    code: "OSC_THREAD_FAILED",
    noun: "thread",
    goal:
      program.kind === "module" ? `the end of ${describeProgram(program)}` : `the constructor of its server in ${describeProgram(program)}`,
    max: maxThreads,
    packetsAtOnce: packetsPerThread,
    packetsInAll: Infinity,
    packetTimeout: threadTimeout,
    packetTimeoutOption: "threadTimeout",
    startTimeout,
    idleTimeout,
    patience: PATIENCE_MS,
    missing: ({ queued, starting, slow, alive }) => {
      // More threads than processors help only where handlers wait; otherwise they would cost their start and take turns.
      const mayHelp = alive < processors || slow * 2 >= alive - starting;
      return Math.max(minThreads - alive, mayHelp ? queued - starting : 0);
    },
    superfluous: ({ alive }) => alive - minThreads,
  };
}

/** The pool's side of one thread. */
class PoolThread implements PoolWorker {
  readonly #description: ThreadPoolDescription;
  readonly #events: PoolWorkerEvents;
  readonly #port: MessagePort;
  readonly #doorbell: Doorbell;
  readonly #worker: Worker;
  /** Why it ends, where more is known than the exit code. */
  #reason: string | null = null;

  constructor(description: ThreadPoolDescription, limits: Limits, events: PoolWorkerEvents) {
    this.#description = description;
    this.#events = events;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const memory = new SharedArrayBuffer(Doorbell.byteLength);
    this.#doorbell = new Doorbell(memory);
    this.#worker = startThread(description, { program: description.program, limits: workerLimits(limits), doorbell: memory });
    this.#worker.postMessage(port2, [port2]);
    this.#doorbell.ring();
    port1.on("message", (message: FromThread) => this.#take(message));
    this.#worker.on("error", (error) => (this.#reason ??= this.#describeError(error)));
    this.#worker.on("exit", (code) => this.#exited(code));
  }

  give(id: number, { data, peer, asOf }: Packet): void {
    this.#send({ type: "packet", id, data: exactly(data), client: peer.address, asOf });
  }

  retire(): void {
    this.#send({ type: "end" });
  }

  kill(): void {
    void this.#worker.terminate();
  }

  #send(message: ToThread): void {
    this.#port.postMessage(message);
    this.#doorbell.ring();
  }

  #take(message: FromThread): void {
    const events = this.#events;
    switch (message.type) {
      case "ready":
        if (message.strictTiming !== this.#description.strictTiming) events.fault(timingDiffers(message.strictTiming));
        return events.ready();
      case "reply":
        return events.reply(message.id, message.data);
      case "report":
        return events.report(message.id, unpackError(message.error));
      case "settled":
        return events.settle(message.id, message.outcome === null ? null : (unpackError(message.outcome) as OscRejectedError));
      case "shutdown":
        return events.shutdown();
      case "unusable":
        this.#reason = message.reason;
    }
  }

  #exited(code: number): void {
    // What it said last may still lie in the port.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message as FromThread);
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

/** The report about a server that was not told how its handlers module wants bundles to be timed. */
export function timingDiffers(strictTiming: boolean): OscServerError {
  return new OscServerError(
    "OSC_OPTION",
    `The dispatcher of the handlers module has strictTiming ${strictTiming}, which the server does not see: give the server the option strictTiming: ${strictTiming}.`,
  );
}

function startThread(description: ThreadPoolDescription, init: Omit<ThreadInit, "nodeOptions">): Worker {
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
