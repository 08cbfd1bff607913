import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ReceivedPacket, packetOf, recordsIn } from "../pool/records.ts";
import { startOwnThread, threadFailed } from "./io-thread.ts";

/** The `workerData` of the draining thread. */
export interface DrainInit {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  /** Receives the drained packets, as records. */
  readonly port: MessagePort;
}

/**
 * A thread that receives packets while the serving thread is busy with a handler, because the kernel's buffer may hold only a few hundred
 * packets. It sleeps while the serving thread holds the socket.
 */
export class DrainThread {
  readonly lock: SocketLock;
  readonly #port: MessagePort;

  /**
   * @param fd the socket
   * @param onFailure called from the event loop if the thread fails
   * @throws OscServerError `OSC_THREAD_FAILED` if its file is missing or it doesn't start
   */
  constructor(fd: number, onFailure: (error: unknown) => void) {
    const memory = new SharedArrayBuffer(SocketLock.byteLength);
    const { port1, port2 } = new MessageChannel();
    this.lock = new SocketLock(memory);
    this.#port = port1;
    const init: DrainInit = { fd, memory, port: port2 };
    const worker = startOwnThread(() => new URL("./drain-entry.js", import.meta.url), init, [port2], "oscine drain");
    worker.on("error", onFailure);
    worker.unref();
    // Waits, because the process would abort if it ended while a thread loads koffi.
    if (!this.lock.awaitReady()) throw threadFailed("the draining thread did not start");
    this.lock.release();
  }

  /** Removes and returns the drained packets. Call it between `lock.acquire()` and `lock.release()`. */
  *take(): Generator<ReceivedPacket> {
    while (this.lock.held > 0) {
      const { message } = receiveMessageOnPort(this.#port) as { readonly message: Uint8Array };
      this.lock.addHeld(-message.length);
      for (const record of recordsIn(message)) yield packetOf(record);
    }
  }
}

const INT = Int32Array.BYTES_PER_ELEMENT;

/** Words of the shared memory. */
const STATUS = 0;
/** A number that differs for each release of the socket; 0 while the serving thread holds it. */
const RELEASE = 1;
/** 1 while the draining thread is receiving. */
const RECEIVING = 2;
/** 1 while the draining thread sleeps until the serving thread releases the socket. */
const ASLEEP = 3;
/** Number of bytes that were drained and not taken yet. */
const HELD = 4;

const STARTING = 0;
const READY = 1;
const STOPPED = 2;

const MAX_RELEASES = 0x7fff_ffff;
const PATIENCE_MS = 10_000;

/**
 * A lock in shared memory for the socket of a blocking server, so that only one thread receives and datagrams stay in order. The serving
 * thread acquires it before it receives, and releases it before it runs handlers; the draining thread receives only in between.
 */
export class SocketLock {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 5 * INT;

  readonly #words: Int32Array;
  #releases = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  get held(): number {
    return Atomics.load(this.#words, HELD);
  }

  /** Adds drained bytes, or subtracts bytes that were taken. */
  addHeld(bytes: number): void {
    Atomics.add(this.#words, HELD, bytes);
  }

  /** Blocks until the draining thread has started. Returns false if it doesn't start. */
  awaitReady(): boolean {
    return Atomics.wait(this.#words, STATUS, STARTING, PATIENCE_MS) !== "timed-out";
  }

  /** For the serving thread, before it receives. Everything drained so far arrived earlier. */
  acquire(): void {
    Atomics.store(this.#words, RELEASE, 0);
    if (Atomics.load(this.#words, RECEIVING) === 0) return;
    // Takes microseconds, unless the draining thread has died.
    if (Atomics.wait(this.#words, RECEIVING, 1, PATIENCE_MS) === "timed-out") throw threadFailed("the draining thread no longer answers");
  }

  /** For the serving thread, before it runs handlers. */
  release(): void {
    this.#releases = (this.#releases % MAX_RELEASES) + 1;
    Atomics.store(this.#words, RELEASE, this.#releases);
    // Only if needed, because notifying is a system call.
    if (Atomics.load(this.#words, ASLEEP) === 1) this.#wake();
  }

  /** Stops the draining thread. It receives nothing after this returns. */
  stop(): void {
    this.acquire();
    Atomics.store(this.#words, STATUS, STOPPED);
    Atomics.notify(this.#words, STATUS);
    this.#wake();
  }

  /** For the draining thread: reports that it has started. */
  ready(): void {
    Atomics.store(this.#words, STATUS, READY);
    Atomics.notify(this.#words, STATUS);
  }

  /** For the draining thread: sleeps until the socket is released. Returns the number of the release; 0 if the thread should stop. */
  sleepUntilReleased(): number {
    for (;;) {
      Atomics.store(this.#words, ASLEEP, 1);
      const release = Atomics.load(this.#words, RELEASE);
      if (release !== 0 || Atomics.load(this.#words, STATUS) === STOPPED) return release;
      Atomics.wait(this.#words, ASLEEP, 1);
    }
  }

  /** For the draining thread: sleeps for `ms`, or until it is stopped. */
  rest(ms: number): void {
    Atomics.store(this.#words, ASLEEP, 0);
    Atomics.wait(this.#words, STATUS, READY, ms);
  }

  /** For the draining thread: calls `receive` until it returns false, or the serving thread acquires the socket. */
  receiveDuring(release: number, receive: () => boolean): void {
    Atomics.store(this.#words, RECEIVING, 1);
    try {
      while (Atomics.load(this.#words, RELEASE) === release && receive());
    } finally {
      Atomics.store(this.#words, RECEIVING, 0);
      Atomics.notify(this.#words, RECEIVING);
    }
  }

  #wake(): void {
    Atomics.store(this.#words, ASLEEP, 0);
    Atomics.notify(this.#words, ASLEEP);
  }
}
