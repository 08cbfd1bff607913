/** The longest cached string, in words of four bytes, with its NUL and padding. Decoding longer strings is as fast as looking them up. */
const WORDS = 16;

/**
 * Caches the text of recurring OSC strings: addresses, type tags, names. Every byte of a string is compared before its text is used, so a
 * sender can't make the cache return wrong text, grow or become slow. An ASCII string is stored when it occurs a second time, unless
 * another string with the same slot occurred in between.
 */
export class StringCache {
  /** The offset after the string last looked up, padding included; -1 if its end wasn't found. */
  end = -1;
  /** The offset of the terminating NUL, or the offset up to which there is no NUL. Not set on a cache hit. */
  nul = -1;
  /** After a miss, whether the string is ASCII with zero padding, and may be passed to `add`. */
  isPlain = false;
  /** The words of the string last looked up. */
  readonly #words: Int32Array = new Int32Array(WORDS);
  /** For each slot: the words of its string, their number (plus 32 times the number of omitted characters), and its text. */
  readonly #keys: Int32Array;
  readonly #sizes: Uint8Array;
  readonly #texts: string[];
  /** For each slot: the hash of the last string that missed. */
  readonly #missed: Int32Array;
  /** Number of bits by which a hash is shifted to get a slot. */
  readonly #shift: number;
  #hash = 0;
  #size = 0;

  /** @param bits the cache has 2^bits slots */
  constructor(bits: number) {
    this.#shift = 32 - bits;
    this.#keys = new Int32Array(WORDS << bits);
    this.#sizes = new Uint8Array(1 << bits);
    this.#texts = new Array<string>(1 << bits).fill("");
    this.#missed = new Int32Array(1 << bits);
  }

  /**
   * The text of the OSC string at `start`, if it is cached.
   *
   * @param skip number of leading characters to omit from the text
   */
  find(bytes: Uint8Array, start: number, end: number, skip: number): string | undefined {
    const words = this.#words;
    const most = start + WORDS * 4;
    const last = (end < most ? end : most) - 4;
    let hash = skip;
    let bits = 0;
    let count = 0;
    let p = start;
    for (; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      words[count++] = word;
      bits |= word;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
      // True for a word without a zero byte.
      if (((word - 0x01010101) & ~word & 0x80808080) === 0) continue;
      this.end = p + 4;
      const size = count | (skip << 5);
      const place = hash >>> this.#shift;
      if (this.#sizes[place] === size && this.#hasWords(place, count)) return this.#texts[place];
      const length = word >>> 24 === 0 ? 0 : (word & 0xff0000) === 0 ? 1 : (word & 0xff00) === 0 ? 2 : 3;
      this.nul = p + length;
      this.isPlain = (bits & 0x80808080) === 0 && word << (8 * length) === 0;
      this.#hash = hash;
      this.#size = size;
      return undefined;
    }
    this.end = -1;
    this.nul = p;
    return undefined;
  }

  /** Caches the text of the string that `find` just missed, if it occurred before. */
  add(text: string, bytes: Uint8Array): void {
    const place = this.#hash >>> this.#shift;
    if (this.#missed[place] !== this.#hash) {
      this.#missed[place] = this.#hash;
    } else if (bytes.buffer instanceof ArrayBuffer) {
      // Not from shared memory: another thread may have changed it after the words were read.
      const from = place * WORDS;
      const count = this.#size & 31;
      for (let i = 0; i < count; i++) this.#keys[from + i] = this.#words[i]!;
      this.#sizes[place] = this.#size;
      this.#texts[place] = text;
    }
  }

  #hasWords(place: number, count: number): boolean {
    const words = this.#words;
    const keys = this.#keys;
    const from = place * WORDS;
    // Backwards, because similar addresses differ near the end.
    for (let i = count - 1; i >= 0; i--) if (keys[from + i] !== words[i]) return false;
    return true;
  }
}
