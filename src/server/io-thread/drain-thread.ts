import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ReceivedPacket, packetOf, recordsIn } from "../pool/records.ts";
import { startOwnThread, threadFailed } from "./io-thread.ts";

/** The `workerData` of the draining thread. */
export interface DrainInit {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  /** Takes what was drained, as records. */
  readonly port: MessagePort;
}

/**
 * A thread that receives while the serving thread is busy with a handler, because the kernel's buffer may hold no more than a few hundred
 * packets. It sleeps while the serving thread waits at the socket.
 */
export class DrainThread {
  readonly turn: SocketTurn;
  readonly #port: MessagePort;

  /**
   * @param fd the socket
   * @param onFailure called, in the event loop, if the thread ends by itself
   * @throws OscServerError `OSC_THREAD_FAILED` if its file is missing or it doesn't start
   */
  constructor(fd: number, onFailure: (error: unknown) => void) {
    const memory = new SharedArrayBuffer(SocketTurn.byteLength);
    const { port1, port2 } = new MessageChannel();
    this.turn = new SocketTurn(memory);
    this.#port = port1;
    const init: DrainInit = { fd, memory, port: port2 };
    const worker = startOwnThread(() => new URL("./drain-entry.js", import.meta.url), init, [port2], "oscine drain");
    worker.on("error", onFailure);
    worker.unref();
    // The process would be aborted if it ended while a thread loads koffi.
    if (!this.turn.awaitReady()) throw threadFailed("the draining thread did not start");
    this.turn.leave();
  }

  /** Takes out what was drained. To be called between `turn.come()` and `turn.leave()`. */
  *take(): Generator<ReceivedPacket> {
    while (this.turn.held > 0) {
      const { message } = receiveMessageOnPort(this.#port) as { readonly message: Uint8Array };
      this.turn.hold(-message.length);
      for (const record of recordsIn(message)) yield packetOf(record);
    }
  }
}

const INT = Int32Array.BYTES_PER_ELEMENT;

/** Words of the shared memory. */
const STATUS = 0;
/** The number of the serving thread's absence from the socket; 0 while it is there. */
const ABSENCE = 1;
/** 1 while the draining thread receives. */
const RECEIVING = 2;
/** 1 while the draining thread waits for the serving thread to leave. */
const ASLEEP = 3;
/** Bytes that were drained and not taken. */
const HELD = 4;

const STARTING = 0;
const READY = 1;
const STOPPED = 2;

const MOST_ABSENCES = 0x7fff_ffff;
const PATIENCE_MS = 10_000;

/** Decides which of two threads receives from one socket, so that datagrams stay in order. */
export class SocketTurn {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 5 * INT;

  readonly #words: Int32Array;
  #absences = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  get held(): number {
    return Atomics.load(this.#words, HELD);
  }

  /** Counts bytes that were drained, or taken. */
  hold(bytes: number): void {
    Atomics.add(this.#words, HELD, bytes);
  }

  /** Waits, blocked, until the draining thread has started. Returns false if it doesn't. */
  awaitReady(): boolean {
    return Atomics.wait(this.#words, STATUS, STARTING, PATIENCE_MS) !== "timed-out";
  }

  /** The serving thread receives from now on. What was drained arrived before that. */
  come(): void {
    Atomics.store(this.#words, ABSENCE, 0);
    if (Atomics.load(this.#words, RECEIVING) === 0) return;
    // For microseconds; only a thread that has died receives for long.
    if (Atomics.wait(this.#words, RECEIVING, 1, PATIENCE_MS) === "timed-out") throw threadFailed("the draining thread no longer answers");
  }

  /** The serving thread is about to run handlers. */
  leave(): void {
    this.#absences = (this.#absences % MOST_ABSENCES) + 1;
    Atomics.store(this.#words, ABSENCE, this.#absences);
    // Notifying is a system call.
    if (Atomics.load(this.#words, ASLEEP) === 1) this.#wake();
  }

  /** Ends the draining thread. It receives nothing after this. */
  stop(): void {
    this.come();
    Atomics.store(this.#words, STATUS, STOPPED);
    Atomics.notify(this.#words, STATUS);
    this.#wake();
  }

  /** For the draining thread: it has started. */
  ready(): void {
    Atomics.store(this.#words, STATUS, READY);
    Atomics.notify(this.#words, STATUS);
  }

  /** For the draining thread: sleeps until the serving thread is away. Returns the number of the absence; 0 if this thread is to stop. */
  sleepUntilAway(): number {
    for (;;) {
      Atomics.store(this.#words, ASLEEP, 1);
      const absence = Atomics.load(this.#words, ABSENCE);
      if (absence !== 0 || Atomics.load(this.#words, STATUS) === STOPPED) return absence;
      Atomics.wait(this.#words, ASLEEP, 1);
    }
  }

  /** For the draining thread: sleeps for that long, or until it is stopped. */
  rest(ms: number): void {
    Atomics.store(this.#words, ASLEEP, 0);
    Atomics.wait(this.#words, STATUS, READY, ms);
  }

  /** For the draining thread: calls `receive` until it returns false, or the absence is over. */
  receiveDuring(absence: number, receive: () => boolean): void {
    Atomics.store(this.#words, RECEIVING, 1);
    try {
      while (Atomics.load(this.#words, ABSENCE) === absence && receive());
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
