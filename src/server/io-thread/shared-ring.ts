const INT = Int32Array.BYTES_PER_ELEMENT;
/** Records begin at multiples of this, so that 64-bit numbers in them are aligned. */
const ALIGNMENT = 8;
/** A record begins with its size, this header included, and its state: two words. */
export const RECORD_HEADER: number = 2 * INT;

/** Words of the ring's own header. Each has a cache line of its own, because two threads write them. */
const WRITTEN = 0;
const READ = 16;
const FLAGS = 32;
const HEADER = 48 * INT;

/** The flags of a ring, with which its two ends tell each other that they have to be woken. 1 is yes, 0 is no. */
export const READER_SLEEPS = 0;
export const WRITER_WAITS = 1;

/** States of a record besides its kind, which is positive and means that it is to be read. */
const CLAIMED = 0;
const CANCELLED = -1;
const FILLER = -2;

/** Memory for a ring that holds `capacity` bytes, a power of 2. A record of up to half of that always finds room when the ring has been read. */
export function ringMemory(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER + capacity);
}

/** What both ends of a ring see: a record's payload is read and written through these views, at `payload`. */
class RingEnd {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly doubles: Float64Array;
  /** Bytes of the ring. A record of more than half as many, header included, may find no room before the end of the memory nor after it. */
  readonly capacity: number;
  protected readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - HEADER;
    this.words = new Int32Array(memory, 0, HEADER / INT);
    this.bytes = new Uint8Array(memory, HEADER);
    this.ints = new Int32Array(memory, HEADER);
    this.doubles = new Float64Array(memory, HEADER);
  }

  /** Raises a flag. Whatever the other end does after that, it sees it. */
  raise(flag: typeof READER_SLEEPS | typeof WRITER_WAITS): void {
    Atomics.store(this.words, FLAGS + flag, 1);
  }

  /** Lowers a flag. True if it was raised. */
  lower(flag: typeof READER_SLEEPS | typeof WRITER_WAITS): boolean {
    return Atomics.exchange(this.words, FLAGS + flag, 0) === 1;
  }

  protected sizeAt(at: number): number {
    return this.ints[at / INT] ?? 0;
  }
}

/**
 * The writing end of a ring of records in shared memory: one thread writes, one thread reads, neither waits for the other.
 *
 * Positions count all bytes ever written and begin again at 2^32.
 */
export class RingWriter extends RingEnd {
  /** Continues where a writer before this one ended. */
  #written = Atomics.load(this.words, WRITTEN) >>> 0;
  #pending = 0;
  /** How far the reader had come when it was looked for last: to look takes longer than to write a word. */
  #readBefore = Atomics.load(this.words, READ) >>> 0;

  /** How far the ring has been written. */
  get position(): number {
    return this.#written;
  }

  /** True if the reader has given back all that was written. */
  get isDrained(): boolean {
    return Atomics.load(this.words, READ) >>> 0 === this.#written;
  }

  /** True if a record of up to a quarter of the ring is sure to find room. */
  get isHalfEmpty(): boolean {
    return this.#hasFree(this.capacity / 2);
  }

  /**
   * Makes room for a record.
   *
   * @returns where its payload is to be written, in bytes from the beginning of the views; -1 if there is no room now
   */
  begin(payloadSize: number): number {
    const size = align(RECORD_HEADER + payloadSize);
    let at = this.#written & (this.capacity - 1);
    const beforeEnd = this.capacity - at;
    // A record is never cut in two by the end of the memory.
    const filler = size > beforeEnd ? beforeEnd : 0;
    if (!this.#hasFree(filler + size)) return -1;
    if (filler > 0) {
      this.ints[at / INT] = filler;
      this.ints[at / INT + 1] = FILLER;
      this.#written = (this.#written + filler) >>> 0;
      at = 0;
    }
    this.ints[at / INT] = size;
    this.#pending = size;
    return at + RECORD_HEADER;
  }

  /**
   * Shows the reader the record that was begun.
   *
   * @param kind a whole number from 1 on
   * @returns the record's position, for {@link cancel}
   */
  publish(kind: number): number {
    const position = this.#written;
    // The reader looks there only once it has seen what is stored last.
    this.ints[(position & (this.capacity - 1)) / INT + 1] = kind;
    this.#written = (position + this.#pending) >>> 0;
    Atomics.store(this.words, WRITTEN, this.#written | 0);
    return position;
  }

  /** Takes back a record of that kind, if the reader hasn't read it yet. True if so. */
  cancel(position: number, kind: number): boolean {
    // If that record has been read, a later one may be there now.
    const isRead = (this.#written - position) >>> 0 > (this.#written - Atomics.load(this.words, READ)) >>> 0;
    if (isRead) return false;
    return Atomics.compareExchange(this.ints, (position & (this.capacity - 1)) / INT + 1, kind, CANCELLED) === kind;
  }

  /** Whether so many bytes are free. */
  #hasFree(size: number): boolean {
    if (((this.#written - this.#readBefore) >>> 0) + size <= this.capacity) return true;
    this.#readBefore = Atomics.load(this.words, READ) >>> 0;
    return ((this.#written - this.#readBefore) >>> 0) + size <= this.capacity;
  }
}

/** The reading end of a ring of records in shared memory. */
export class RingReader extends RingEnd {
  /** The kind of the record that was claimed last. */
  kind = 0;
  /** Where its payload lies, in bytes from the beginning of the views. */
  payload = 0;
  #read = 0;
  #size = 0;
  /** How far the writer had come when it was looked for last. */
  #writtenBefore = 0;

  /** How far the ring has been read. */
  get position(): number {
    return this.#read;
  }

  /** Goes to the next record; false if there is none. Call {@link release} before the next one. */
  claim(): boolean {
    for (;;) {
      if (this.#writtenBefore === (this.#read | 0)) {
        this.#writtenBefore = Atomics.load(this.words, WRITTEN);
        if (this.#writtenBefore === (this.#read | 0)) return false;
      }
      const at = this.#read & (this.capacity - 1);
      // Whether it is still so, the exchange tells.
      const state = this.ints[at / INT + 1] ?? 0;
      this.#size = this.sizeAt(at);
      if (state > 0 && Atomics.compareExchange(this.ints, at / INT + 1, state, CLAIMED) === state) {
        this.kind = state;
        this.payload = at + RECORD_HEADER;
        return true;
      }
      this.release();
    }
  }

  /** Gives the record's memory back to the writer. */
  release(): void {
    this.#read = (this.#read + this.#size) >>> 0;
    Atomics.store(this.words, READ, this.#read | 0);
  }
}

function align(size: number): number {
  return (size + ALIGNMENT - 1) & -ALIGNMENT;
}
