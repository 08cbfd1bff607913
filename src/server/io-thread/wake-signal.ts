const INT = Int32Array.BYTES_PER_ELEMENT;

/** Where in the memory what lies. */
const RINGS = 0;
const SLEEPER = 1;
const MAIL = 2;
const PULSE = 3;

/**
 * Lets a thread sleep until another thread has something for it, without using the CPU meanwhile.
 *
 * The sleeper reads `rings`, looks for work, and if there is none sleeps: a ring in between is not missed.
 */
export class WakeSignal {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 4 * INT;

  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** How often it was rung; begins again at some time. */
  get rings(): number {
    return Atomics.load(this.#words, RINGS);
  }

  /** How often it was rung for a message in the port; the port need not be looked at where this is unchanged. */
  get mail(): number {
    return Atomics.load(this.#words, MAIL);
  }

  /** Changes every second while the other thread is alive. */
  get pulse(): number {
    return Atomics.load(this.#words, PULSE);
  }

  /** Sleeps until it has been rung since `rings` was read, or for `timeoutMs`, which may be `Infinity`. */
  sleep(rings: number, timeoutMs: number): void {
    Atomics.store(this.#words, SLEEPER, 1);
    Atomics.wait(this.#words, RINGS, rings, timeoutMs);
    Atomics.store(this.#words, SLEEPER, 0);
  }

  ring(): void {
    Atomics.add(this.#words, RINGS, 1);
    // Waking costs a call of the system, so it is done only where somebody sleeps.
    if (Atomics.load(this.#words, SLEEPER) !== 0) Atomics.notify(this.#words, RINGS);
  }

  ringForMail(): void {
    Atomics.add(this.#words, MAIL, 1);
    this.ring();
  }

  beat(): void {
    Atomics.add(this.#words, PULSE, 1);
  }
}
