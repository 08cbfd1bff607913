import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, type TransferListItem, Worker, receiveMessageOnPort } from "node:worker_threads";
import { type OscError, OscServerError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import { withinTime } from "../executor.ts";
import { type Backend, Counters } from "../stats.ts";
import { WakeSignal } from "./wake-signal.ts";
import { unpackError } from "../pool/error-transfer.ts";
import type { ExecutorDescription, FromIoThread, IoThreadInit, ToIoThread } from "./messages.ts";
import type { IoOwner, ServerIo } from "./server-io.ts";
import { type TransportSpec, backendOf } from "../transports.ts";

/** How long an I/O thread may take to start and bind, including the lookup of a host name. */
const START_MS = 60_000;
/** How often a sleeping thread checks the heartbeat of its I/O thread. */
const CHECK_MS = 1000;
/**
 * After this many checks without a heartbeat, the I/O thread counts as dead. More than one, because the machine may have slept or be
 * overloaded.
 */
const CHECKS_WITHOUT_HEARTBEAT = 8;
/** How long an I/O thread may take to close, in addition to the handlers' `graceMs`. */
const CLOSE_MS = 5000;

export interface IoThreadSetup extends Pick<IoOwner, "limits" | "onError" | "onShutdown" | "onServeOne" | "onWorkers" | "onValue"> {
  readonly spec: TransportSpec;
  readonly strictTiming: boolean;
  readonly executor: ExecutorDescription;
  /** The ports in `executor`, to transfer to the I/O thread. */
  readonly transfer: readonly MessagePort[];
}

/**
 * The calling thread's side of an I/O thread, which owns the sockets of one server.
 *
 * While the calling thread blocks, it sleeps on the `WakeSignal` and calls `readMessages` itself; otherwise its event loop receives the
 * messages.
 */
export class IoThread implements ServerIo {
  readonly backend: Backend;
  readonly counters: Counters;
  /** The bound address. */
  readonly address: NetAddress;
  readonly #setup: IoThreadSetup;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #signal: WakeSignal;
  #opened: NetAddress | null = null;
  #failure: OscError | null = null;
  #closed = false;
  #onClosed: (() => void) | null = null;
  #messagesRead = -1;
  #lastHeartbeat = -1;
  #checksWithoutHeartbeat = 0;

  /**
   * Starts the thread and waits until it has bound its transport.
   *
   * @throws OscSocketError if the address can't be used
   * @throws OscServerError `OSC_THREAD_FAILED` if the thread can't be started
   */
  constructor(setup: IoThreadSetup) {
    this.#setup = setup;
    const counters = new SharedArrayBuffer(Counters.byteLength);
    const signal = new SharedArrayBuffer(WakeSignal.byteLength);
    this.counters = new Counters(counters);
    this.#signal = new WakeSignal(signal);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const { spec, limits, strictTiming, executor } = setup;
    const nodeOptions = process.env["NODE_OPTIONS"] ?? null;
    const backend = backendOf(spec);
    this.backend = backend;
    const init: IoThreadInit = { spec, backend, limits, strictTiming, executor, counters, signal, port: port2, nodeOptions };
    this.#worker = startOwnThread(() => new URL("./io-thread-entry.js", import.meta.url), init, [port2, ...setup.transfer], "oscine I/O");
    this.#worker.on("error", (error) => this.#failAsync(threadFailed("it threw", error)));
    this.#worker.on("exit", () => this.#ended());
    this.address = this.#awaitOpening();
    port1.on("message", (message: FromIoThread) => this.#take(message));
    this.unref();
  }

  /** Why the thread failed; null if it hasn't. */
  get failure(): OscError | null {
    return this.#failure;
  }

  /** Read it before looking for work, and pass it to {@link sleep}. */
  get sequence(): number {
    return this.#signal.sequence;
  }

  /** Keeps the process alive until {@link unref}. */
  ref(): void {
    this.#worker.ref();
    this.#port.ref();
  }

  unref(): void {
    this.#worker.unref();
    this.#port.unref();
  }

  send(message: ToIoThread): void {
    this.#port.postMessage(message);
  }

  sendPacket(data: Uint8Array, to: NetAddress): void {
    this.send({ type: "send", data, to });
  }

  /**
   * Processes the messages that have arrived from the I/O thread.
   *
   * @throws OscServerError `OSC_THREAD_FAILED` if the thread has failed
   */
  readMessages(): void {
    const { messageCount } = this.#signal;
    if (messageCount !== this.#messagesRead) {
      this.#messagesRead = messageCount;
      this.#takeMessages();
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /** Sleeps until a wake after `sequence` was read, at most for `timeoutMs` and `CHECK_MS`. */
  sleep(sequence: number, timeoutMs: number): void {
    this.#signal.sleep(sequence, Math.min(timeoutMs, CHECK_MS));
    if (this.#signal.sequence === sequence && timeoutMs >= CHECK_MS) this.#checkHeartbeat();
    else this.#checksWithoutHeartbeat = 0;
  }

  /** Ends the thread, and blocks until the port is free. Handlers running in a pool get `graceMs` to finish. */
  close(graceMs: number): void {
    if (this.#closed || this.#failure !== null) return this.#end();
    this.send({ type: "close", graceMs });
    const deadline = performance.now() + graceMs + CLOSE_MS;
    try {
      for (let left = deadline - performance.now(); !this.#closed && left > 0; left = deadline - performance.now()) {
        const { sequence } = this;
        this.readMessages();
        if (!this.#closed) this.sleep(sequence, left);
      }
    } catch {
      // A failed thread is closed. The failure has already been reported.
    }
    this.#end();
  }

  /** Like {@link close}, without blocking. */
  async closed(graceMs: number): Promise<void> {
    if (!this.#closed && this.#failure === null) {
      this.send({ type: "close", graceMs });
      this.ref();
      await withinTime(graceMs + CLOSE_MS, (done) => (this.#onClosed = done));
    }
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#port.close();
    this.#worker.unref();
    // In case it hangs instead of ending by itself.
    void this.#worker.terminate();
  }

  #awaitOpening(): NetAddress {
    const deadline = performance.now() + START_MS;
    for (let left = START_MS; left > 0; left = deadline - performance.now()) {
      const { sequence } = this;
      try {
        this.readMessages();
      } catch (error) {
        this.#end();
        throw error;
      }
      if (this.#opened !== null) return this.#opened;
      this.#signal.sleep(sequence, left);
    }
    this.#end();
    throw threadFailed(`it did not start within ${START_MS / 1000} s`);
  }

  #take(message: FromIoThread): void {
    switch (message.type) {
      case "opened":
        this.#opened = message.address;
        return;
      case "refused":
      case "failed":
        return this.#fail(unpackError(message.error));
      case "error":
        return this.#setup.onError(unpackError(message.error), message.client ?? undefined);
      case "shutdown":
        return this.#setup.onShutdown();
      case "serve-one-status":
        return this.#setup.onServeOne(message.status);
      case "workers":
        return this.#setup.onWorkers(message.failure === null ? null : unpackError(message.failure), message.strategy);
      case "values":
        for (const record of message.values) this.#setup.onValue(record);
        if (!this.#closed) this.send({ type: "values-taken" });
        return;
      case "closed":
        this.#closed = true;
        this.#onClosed?.();
    }
  }

  #fail(error: OscError): void {
    if (this.#closed) return;
    this.#failure ??= error;
    if (this.#opened !== null) this.#setup.onWorkers(error, null);
    this.#onClosed?.();
  }

  #takeMessages(): void {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message as FromIoThread);
    }
  }

  /** The thread has ended. Its last messages, which may still be in the port, say whether it was closed. */
  #ended(): void {
    this.#takeMessages();
    this.#failAsync(threadFailed("it ended"));
  }

  /** Like {@link #fail}, and reports the error, because no call is running that could throw it. */
  #failAsync(error: OscError): void {
    if (this.#closed || this.#failure !== null) return;
    this.#fail(error);
    this.unref();
    this.#setup.onError(error, undefined);
  }

  #checkHeartbeat(): void {
    const { heartbeat } = this.#signal;
    this.#checksWithoutHeartbeat = heartbeat === this.#lastHeartbeat ? this.#checksWithoutHeartbeat + 1 : 0;
    this.#lastHeartbeat = heartbeat;
    if (this.#checksWithoutHeartbeat >= CHECKS_WITHOUT_HEARTBEAT) this.#fail(threadFailed("it no longer answers"));
  }
}

/**
 * Starts a thread that runs only library code. The calling thread may block until it is ready.
 *
 * @param entryOf returns the URL of its file
 * @throws OscServerError `OSC_THREAD_FAILED` if the file is missing, as in a bundle
 */
export function startOwnThread(entryOf: () => URL, workerData: unknown, transferList: readonly TransferListItem[], name: string): Worker {
  const entry = fileOf(entryOf);
  checkWorkingDirectory();
  const env = { ...process.env };
  // Code that the program loads into all of its threads, such as a TypeScript loader, doesn't belong here.
  delete env["NODE_OPTIONS"];
  return new Worker(entry, { workerData, transferList: [...transferList], env, execArgv: [], name });
}

/** Checks that the file exists, because `Worker` reports that only in the event loop, which may be about to block. */
function fileOf(entryOf: () => URL): URL {
  let entry: URL;
  try {
    entry = entryOf();
  } catch {
    // A CommonJS bundle has no `import.meta.url`.
    throw threadFailed(BUNDLED);
  }
  if (!existsSync(fileURLToPath(entry))) throw threadFailed(`its file ${fileURLToPath(entry)} is missing. ${BUNDLED}`);
  return entry;
}

const BUNDLED =
  "Threads and processes are started from files of the package, which a bundle doesn't contain: mark oscine as an external package";

/** A thread that starts in a deleted directory hangs silently. */
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
