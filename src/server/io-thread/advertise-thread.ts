import { MessageChannel, type MessagePort, type Worker, receiveMessageOnPort } from "node:worker_threads";
import type { OscError } from "../../errors.ts";
import type { AdvertisedService } from "../transports.ts";
import { type PackedError, unpackError } from "../pool/error-transfer.ts";
import { startOwnThread, threadFailed } from "./io-thread.ts";

/** The `workerData` of the advertising thread. */
export interface AdvertiseInit {
  readonly service: AdvertisedService;
  readonly port: number;
  /** Memory of the `AdvertiseStatus`. */
  readonly status: SharedArrayBuffer;
  /** Carries errors from the thread, and the request to close to it. */
  readonly channel: MessagePort;
}

/** How long it may take to find a free name: a hundred variants may be taken. */
const START_MS = 120_000;
/** How long it may take to send the goodbye packet. */
const CLOSE_MS = 5000;

/** A thread that advertises a server whose own thread may be blocked, because queries must be answered at any time. */
export class AdvertiseThread {
  readonly #status: AdvertiseStatus;
  readonly #channel: MessagePort;
  readonly #worker: Worker;
  readonly #onError: (error: OscError) => void;
  readonly #exited: Promise<void>;
  #isClosed = false;

  /**
   * Blocks until the service has a name and can be found.
   *
   * @throws OscDiscoveryError if that fails, OscServerError `OSC_THREAD_FAILED` if the thread doesn't start
   */
  constructor(service: AdvertisedService, port: number, onError: (error: OscError) => void) {
    const status = new SharedArrayBuffer(AdvertiseStatus.byteLength);
    const { port1, port2 } = new MessageChannel();
    this.#status = new AdvertiseStatus(status);
    this.#channel = port1;
    this.#onError = onError;
    const init: AdvertiseInit = { service, port, status, channel: port2 };
    this.#worker = startOwnThread(() => new URL("./advertise-entry.js", import.meta.url), init, [port2], "oscine advertise");
    this.#worker.on("error", (error) => onError(threadFailed("the advertising thread ended", error)));
    this.#exited = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    port1.on("message", (error: PackedError) => onError(unpackError(error)));
    port1.unref();
    this.#worker.unref();
    const outcome = this.#status.wait("starting", START_MS);
    if (outcome === "serving") return;
    const received = receiveMessageOnPort(port1);
    this.#end();
    throw received === undefined ? threadFailed("the advertising thread did not start") : unpackError(received.message as PackedError);
  }

  /** Announces that the service is gone, and blocks until that is done. */
  close(): void {
    if (this.#isClosed) return;
    this.#channel.postMessage("close");
    this.#status.wait("serving", CLOSE_MS);
    for (let next = receiveMessageOnPort(this.#channel); next !== undefined; next = receiveMessageOnPort(this.#channel))
      this.#onError(unpackError(next.message as PackedError));
    this.#end();
  }

  /** Like {@link close}, without blocking. */
  async closed(): Promise<void> {
    if (this.#isClosed) return;
    this.#worker.ref();
    this.#channel.postMessage("close");
    await this.#exited;
    this.#end();
  }

  #end(): void {
    this.#isClosed = true;
    this.#channel.close();
    void this.#worker.terminate();
  }
}

const STATES = ["starting", "serving", "ended"] as const;

/** The state of an advertising thread, in shared memory so that another thread can block until it changes. */
export class AdvertiseStatus {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = Int32Array.BYTES_PER_ELEMENT;

  readonly #word: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#word = new Int32Array(memory);
  }

  set(state: (typeof STATES)[number]): void {
    Atomics.store(this.#word, 0, STATES.indexOf(state));
    Atomics.notify(this.#word, 0);
  }

  /** Waits while the state is `state`. Returns the new state, or the same one after a timeout. */
  wait(state: (typeof STATES)[number], timeoutMs: number): (typeof STATES)[number] {
    Atomics.wait(this.#word, 0, STATES.indexOf(state), timeoutMs);
    return STATES[Atomics.load(this.#word, 0)] ?? "ended";
  }
}
