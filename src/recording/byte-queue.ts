/** The initial capacity; it doubles as needed. */
const FIRST_SIZE = 4096;

/** A byte buffer: chunks of any size go in, and the reader takes out the lengths it needs. */
export class ByteQueue {
  #bytes: Uint8Array = new Uint8Array(FIRST_SIZE);
  #start = 0;
  #end = 0;
  #offset = 0;

  /** The number of buffered bytes. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The number of bytes taken so far: the next byte's offset in the file. */
  get offset(): number {
    return this.#offset;
  }

  push(piece: Uint8Array): void {
    if (this.#end + piece.length > this.#bytes.length) this.#makeRoom(piece.length);
    this.#bytes.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** The buffered bytes, without removing them. The view is valid until the next `push`. */
  peek(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Removes and returns `length` bytes, which must be buffered. The view is valid until the next `push`. */
  take(length: number): Uint8Array {
    const from = this.#start;
    this.#start += length;
    this.#offset += length;
    return this.#bytes.subarray(from, this.#start);
  }

  #makeRoom(length: number): void {
    const waiting = this.peek();
    const needed = waiting.length + length;
    const target = needed * 2 <= this.#bytes.length ? this.#bytes : new Uint8Array(Math.max(FIRST_SIZE, needed * 2));
    target.set(waiting);
    this.#bytes = target;
    this.#start = 0;
    this.#end = waiting.length;
  }
}
