import { threadFailed } from "./own-thread.ts";

/** Words of the shared memory. */
const LOCK = 0;
const STOPPED = 1;
const TURNS = 2;
const AWAY = 3;
const ASLEEP = 4;
const FILLED = 5;
const READY = 6;
const HEADER = 64;

/** Room for what comes while a handler is at work. The system gives memory only for what is used. */
const CAPACITY = 32 * 1024 * 1024;

/** A datagram in the memory: its size, its sender's, the sender, the data. */
const SENDER_SIZE = 4;
const SENDER = 8;
const DATA = 40;
/** What the largest datagram takes. */
const LARGEST = DATA + 65_536;

const FREE = 0;
const TAKEN = 1;
/** Taken, and somebody waits for it. */
const WANTED = 2;
const PATIENCE_MS = 10_000;

/**
 * What the thread that serves and its stand-in share: which of the two may receive, and the datagrams that the stand-in received.
 *
 * Who receives holds the lock meanwhile, or has said that it is at the socket; so datagrams keep their order.
 */
export class StandInMemory {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = HEADER + CAPACITY;

  readonly #words: Int32Array;
  readonly #sizes: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEADER / 4);
    this.#sizes = new Uint32Array(memory, HEADER);
    this.#bytes = new Uint8Array(memory, HEADER);
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

  /** How many datagrams there is certainly room for. */
  get room(): number {
    return Math.floor((CAPACITY - (this.#words[FILLED] ?? 0)) / LARGEST);
  }

  /** For the stand-in: it has started. */
  ready(): void {
    Atomics.store(this.#words, READY, 1);
    Atomics.notify(this.#words, READY);
  }

  /** Waits, blocked, until the stand-in has started. False where it does not. */
  awaitReady(): boolean {
    return Atomics.wait(this.#words, READY, 0, PATIENCE_MS) !== "timed-out";
  }

  /** The thread that serves is at the socket from now on. What the stand-in has received is to be read first. */
  come(): void {
    this.#lock();
    Atomics.add(this.#words, TURNS, 1);
    Atomics.store(this.#words, AWAY, 0);
    this.#unlock();
  }

  /** The thread that serves is elsewhere from now on. */
  leave(): void {
    Atomics.store(this.#words, AWAY, 1);
    if (Atomics.load(this.#words, ASLEEP) === 1) {
      Atomics.store(this.#words, ASLEEP, 0);
      Atomics.notify(this.#words, ASLEEP);
    }
  }

  /** The stand-in receives nothing from now on, and ends. */
  stop(): void {
    this.#lock();
    Atomics.store(this.#words, STOPPED, 1);
    this.#unlock();
    Atomics.notify(this.#words, STOPPED);
    this.leave();
  }

  /** Gives the datagrams to `take`, which has to copy what it keeps, and forgets them. Between {@link come} and {@link leave}. */
  read(take: (data: Uint8Array, sender: Uint8Array) => void): void {
    const filled = Atomics.load(this.#words, FILLED);
    for (let at = 0; at < filled;) {
      const size = this.#sizes[at / 4] ?? 0;
      const senderSize = this.#sizes[(at + SENDER_SIZE) / 4] ?? 0;
      const start = at + DATA;
      take(this.#bytes.subarray(start, start + size), this.#bytes.subarray(at + SENDER, at + SENDER + senderSize));
      at = start + align(size);
    }
    Atomics.store(this.#words, FILLED, 0);
  }

  /**
   * For the stand-in: calls `receive`, which may {@link add}, while nobody else receives.
   *
   * @param turns what they were when the thread that serves was seen to be away; where it has come since, nothing is done
   */
  whileAway(turns: number, receive: () => number): number {
    this.#lock();
    try {
      return this.isAway && this.turns === turns && !this.isStopped ? receive() : 0;
    } finally {
      this.#unlock();
    }
  }

  add(data: Uint8Array, sender: Uint8Array): void {
    const at = this.#words[FILLED] ?? 0;
    this.#sizes[at / 4] = data.length;
    this.#sizes[(at + SENDER_SIZE) / 4] = sender.length;
    this.#bytes.set(sender, at + SENDER);
    this.#bytes.set(data, at + DATA);
    Atomics.store(this.#words, FILLED, at + DATA + align(data.length));
  }

  /** For the stand-in: sleeps for so long, or until it is stopped. */
  rest(ms: number): void {
    Atomics.wait(this.#words, STOPPED, 0, ms);
  }

  /** For the stand-in: sleeps until the thread that serves leaves the socket. */
  sleepUntilAway(): void {
    Atomics.store(this.#words, ASLEEP, 1);
    if (this.isAway) Atomics.store(this.#words, ASLEEP, 0);
    else Atomics.wait(this.#words, ASLEEP, 1);
  }

  #lock(): void {
    if (Atomics.compareExchange(this.#words, LOCK, FREE, TAKEN) === FREE) return;
    while (Atomics.exchange(this.#words, LOCK, WANTED) !== FREE) {
      // It is held for microseconds; only a thread that has died holds it for long.
      if (Atomics.wait(this.#words, LOCK, WANTED, PATIENCE_MS) === "timed-out") throw threadFailed("its stand-in no longer answers");
    }
  }

  #unlock(): void {
    if (Atomics.exchange(this.#words, LOCK, FREE) === WANTED) Atomics.notify(this.#words, LOCK, 1);
  }
}

function align(size: number): number {
  return (size + 3) & -4;
}
