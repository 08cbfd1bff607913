const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 64;

/**
 * The bytes of one unfinished packet. Its memory doubles as bytes come, so that a packet in a thousand pieces is copied about twice and not
 * a thousand times, and it is given away with the packet, never used again.
 */
export class FrameBuffer {
  /** How many bytes of `reserve`'s memory are filled. */
  length = 0;
  #memory: Uint8Array = NO_BYTES;

  /** Memory in which `count` more bytes may be written after the first `length`; at most `limit` bytes in all are ever needed. */
  reserve(count: number, limit: number): Uint8Array {
    const needed = Math.min(this.length + count, limit);
    if (needed > this.#memory.length) {
      const capacity = Math.min(Math.max(needed, this.#memory.length * 2, FIRST_CAPACITY), limit);
      const memory = new Uint8Array(capacity);
      if (this.length > 0) memory.set(this.#memory.subarray(0, this.length));
      this.#memory = memory;
    }
    return this.#memory;
  }

  append(bytes: Uint8Array, limit: number): void {
    this.reserve(bytes.length, limit).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The packet, with its memory; the buffer is empty then. */
  take(): Uint8Array {
    const packet = this.#memory.subarray(0, this.length);
    this.clear();
    return packet;
  }

  clear(): void {
    this.#memory = NO_BYTES;
    this.length = 0;
  }
}
