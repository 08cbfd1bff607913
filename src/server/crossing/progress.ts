/** Where in the memory what lies: a 32-bit number, and a 64-bit one behind it. */
const FINISHED = 0;
const WORKED = 1;

/** How far a thread has come that handles one packet after another: it writes that down, and its pool reads it whenever it wants to know. */
export class Progress {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = 2 * Float64Array.BYTES_PER_ELEMENT;

  readonly #counts: Int32Array;
  readonly #times: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#counts = new Int32Array(memory);
    this.#times = new Float64Array(memory);
  }

  /** How many packets the thread has done with; begins again at 2^32, as a number with a sign. */
  get finished(): number {
    return Atomics.load(this.#counts, FINISHED);
  }

  set finished(count: number) {
    Atomics.store(this.#counts, FINISHED, count);
  }

  /** For how long it was at work, in milliseconds; it looks at the clock less often than it does with a packet. */
  get worked(): number {
    return this.#times[WORKED] ?? 0;
  }

  set worked(milliseconds: number) {
    this.#times[WORKED] = milliseconds;
  }
}
