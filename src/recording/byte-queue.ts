/** The buffer starts small and doubles. */
const FIRST_SIZE = 4096;

/** Bytes that arrive in pieces of any size and are taken in lengths of the reader's choice. */
export class ByteQueue {
  #bytes: Uint8Array = new Uint8Array(FIRST_SIZE);
  #start = 0;
  #end = 0;
  #offset = 0;

  /** How many bytes wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** How many bytes were taken so far: the offset of the next one in the file. */
  get offset(): number {
    return this.#offset;
  }

  push(piece: Uint8Array): void {
    if (this.#end + piece.length > this.#bytes.length) this.#makeRoom(piece.length);
    this.#bytes.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** The bytes that wait, which stay. The view is good until the next `push`. */
  peek(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Takes `length` bytes, which must be there. The view is good until the next `push`. */
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
