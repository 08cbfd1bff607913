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

/** How long an I/O thread may take to start and to bind; the look-up of a host name is part of it. */
const START_MS = 60_000;
/** How often a sleeping thread looks whether its I/O thread still lives. */
const CHECK_MS = 1000;
/** So many checks without a pulse mean that it does not. One is not enough: the whole machine may have been asleep, or overloaded. */
const CHECKS_WITHOUT_HEARTBEAT = 8;
/** How long an I/O thread may take to close beyond the grace that handlers get. */
const CLOSE_MS = 5000;

export interface IoThreadSetup extends Pick<IoOwner, "limits" | "onError" | "onShutdown" | "onServeOne" | "onWorkers" | "onValue"> {
  readonly spec: TransportSpec;
  readonly strictTiming: boolean;
  readonly executor: ExecutorDescription;
  /** The ports in `executor`, which go to the I/O thread. */
  readonly transfer: readonly MessagePort[];
}

/**
 * The calling thread's side of an I/O thread, which owns the sockets of one server.
 *
 * The calling thread may block: it then sleeps on the signal, and reads the messages and reports errors itself. While it doesn't block, its
 * event loop reads them.
 */
export class IoThread implements ServerIo {
  readonly backend: Backend;
  readonly counters: Counters;
  /** Where the transport is bound. */
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

  /** Why the thread failed; null while it has not. */
  get failure(): OscError | null {
    return this.#failure;
  }

  /** To be read before looking for work, and given to {@link sleep}. */
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
   * Takes messages that have come: errors and wishes to end are passed on.
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

  /** Sleeps until something has happened since `sequence` was read, but not longer than `timeoutMs`. */
  sleep(sequence: number, timeoutMs: number): void {
    this.#signal.sleep(sequence, Math.min(timeoutMs, CHECK_MS));
    if (this.#signal.sequence === sequence && timeoutMs >= CHECK_MS) this.#checkHeartbeat();
    else this.#checksWithoutHeartbeat = 0;
  }

  /** Ends the thread and waits, blocked, until the port is free. What has begun in a pool gets `graceMs` to end. */
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
      // It failed, so it is closed; that it failed has been said before.
    }
    this.#end();
  }

  /** As {@link close}, without blocking. */
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
    // It ends by itself; this is for one that hangs.
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

  /** The thread has ended: as it should, if it said so before; and what it said may still lie in the port. */
  #ended(): void {
    this.#takeMessages();
    this.#failAsync(threadFailed("it ended"));
  }

  /** As {@link #fail}, if no call of the user is running that could throw it. */
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
