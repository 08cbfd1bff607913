import { threadFailed } from "./own-thread.ts";

const INT = Int32Array.BYTES_PER_ELEMENT;

/** Words of the shared memory. */
const LOCK = 0;
const STOPPED = 1;
const TURNS = 2;
const AWAY = 3;
const ASLEEP = 4;
const READY = 5;

/** States of the lock. */
const FREE = 0;
const TAKEN = 1;
/** Taken, and the other thread waits for it. */
const WANTED = 2;
const PATIENCE_MS = 10_000;

/**
 * Decides which of two threads may receive from one socket: the one that serves, or the one that drains it while handlers run.
 *
 * The thread that receives holds the lock meanwhile, or has said that it is at the socket. This keeps datagrams in order.
 */
export class SocketTurn {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 6 * INT;

  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** True while the thread that serves is not at the socket. */
  get isAway(): boolean {
    return Atomics.load(this.#words, AWAY) === 1;
  }

  /** How often the thread that serves has come to the socket. */
  get turns(): number {
    return Atomics.load(this.#words, TURNS);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }

  /** For the draining thread: it has started. */
  ready(): void {
    Atomics.store(this.#words, READY, 1);
    Atomics.notify(this.#words, READY);
  }

  /** Waits, blocked, until the draining thread has started. Returns false if it doesn't. */
  awaitReady(): boolean {
    return Atomics.wait(this.#words, READY, 0, PATIENCE_MS) !== "timed-out";
  }

  /** The serving thread is at the socket from now on. It must first read what was drained. */
  come(): void {
    this.#lock();
    Atomics.add(this.#words, TURNS, 1);
    Atomics.store(this.#words, AWAY, 0);
    this.#unlock();
  }

  /** The serving thread is elsewhere from now on. */
  leave(): void {
    Atomics.store(this.#words, AWAY, 1);
    if (Atomics.load(this.#words, ASLEEP) === 1) {
      Atomics.store(this.#words, ASLEEP, 0);
      Atomics.notify(this.#words, ASLEEP);
    }
  }

  /** Ends the draining thread. It receives nothing after this. */
  stop(): void {
    this.#lock();
    Atomics.store(this.#words, STOPPED, 1);
    this.#unlock();
    Atomics.notify(this.#words, STOPPED);
    this.leave();
  }

  /**
   * For the draining thread: calls `receive` while nobody else receives.
   *
   * @param turns the value of {@link turns} when the serving thread was seen to be away; does nothing if it has come back since
   * @returns what `receive` returns, or 0
   */
  whileAway(turns: number, receive: () => number): number {
    this.#lock();
    try {
      return this.isAway && this.turns === turns && !this.isStopped ? receive() : 0;
    } finally {
      this.#unlock();
    }
  }

  /** For the draining thread: sleeps for that long, or until it is stopped. */
  rest(ms: number): void {
    Atomics.wait(this.#words, STOPPED, 0, ms);
  }

  /** For the draining thread: sleeps until the serving thread leaves the socket. */
  sleepUntilAway(): void {
    Atomics.store(this.#words, ASLEEP, 1);
    if (this.isAway) Atomics.store(this.#words, ASLEEP, 0);
    else Atomics.wait(this.#words, ASLEEP, 1);
  }

  #lock(): void {
    if (Atomics.compareExchange(this.#words, LOCK, FREE, TAKEN) === FREE) return;
    while (Atomics.exchange(this.#words, LOCK, WANTED) !== FREE) {
      // Held for microseconds; only a thread that has died holds it for long.
      if (Atomics.wait(this.#words, LOCK, WANTED, PATIENCE_MS) === "timed-out") throw threadFailed("the draining thread no longer answers");
    }
  }

  #unlock(): void {
    if (Atomics.exchange(this.#words, LOCK, FREE) === WANTED) Atomics.notify(this.#words, LOCK, 1);
  }
}
