const INT = Int32Array.BYTES_PER_ELEMENT;

/** Words of the shared memory. */
const SEQUENCE = 0;
const SLEEPER = 1;
const MESSAGES = 2;
const HEARTBEAT = 3;

/**
 * Lets a thread sleep, without using the CPU, until another thread has work for it.
 *
 * The sleeper reads `sequence`, looks for work, and if there is none, calls `sleep` with that sequence. So it doesn't miss a wake in
 * between.
 */
export class WakeSignal {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 4 * INT;

  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Changes with each wake. */
  get sequence(): number {
    return Atomics.load(this.#words, SEQUENCE);
  }

  /** Number of messages posted. If it is unchanged, the port needn't be read. */
  get messageCount(): number {
    return Atomics.load(this.#words, MESSAGES);
  }

  /** Changes at least once per second while the other thread is alive. */
  get heartbeat(): number {
    return Atomics.load(this.#words, HEARTBEAT);
  }

  /** Sleeps until a wake after `sequence` was read, or for `timeoutMs`, which may be `Infinity`. */
  sleep(sequence: number, timeoutMs: number): void {
    Atomics.store(this.#words, SLEEPER, 1);
    Atomics.wait(this.#words, SEQUENCE, sequence, timeoutMs);
    Atomics.store(this.#words, SLEEPER, 0);
  }

  wake(): void {
    Atomics.add(this.#words, SEQUENCE, 1);
    // Only if a thread sleeps, because notifying is a system call.
    if (Atomics.load(this.#words, SLEEPER) !== 0) Atomics.notify(this.#words, SEQUENCE);
  }

  wakeForMessage(): void {
    Atomics.add(this.#words, MESSAGES, 1);
    this.wake();
  }

  beat(): void {
    Atomics.add(this.#words, HEARTBEAT, 1);
  }
}
