/** The longest string that is kept, in words of four bytes, with its NUL and padding. Longer ones are read as quickly as they are found. */
const WORDS = 16;

/**
 * The texts of OSC strings that come again and again: addresses, type tags, names. Every byte of a string is compared before its
 * text is used, so nothing that a sender does can make the cache give a wrong text, or make it large or slow. It keeps ASCII text that comes a
 * second time while no other one with the same place has come; what never comes again isn't stored.
 */
export class StringCache {
  /** The offset after the string that was looked for, padding included, if its end was found; otherwise -1. */
  end = -1;
  /** The offset of the NUL that ends it, or the offset up to which there is none. Not set if the text is kept here. */
  nul = -1;
  /** Whether a string that is not kept here is ASCII with padding of zeros, so that `add` may follow. */
  isPlain = false;
  /** The words of the string that was looked for. */
  readonly #words: Int32Array = new Int32Array(WORDS);
  /** Of each place the words of its string, how many they are (and the characters left out, times 32), and its text. */
  readonly #keys: Int32Array;
  readonly #sizes: Uint8Array;
  readonly #texts: string[];
  /** Of each place the hash of the string that was looked for last and not found. */
  readonly #missed: Int32Array;
  /** How far a hash is shifted to become a place. */
  readonly #shift: number;
  #hash = 0;
  #size = 0;

  /**
   * @param bits the cache has 2^bits places
   */
  constructor(bits: number) {
    this.#shift = 32 - bits;
    this.#keys = new Int32Array(WORDS << bits);
    this.#sizes = new Uint8Array(1 << bits);
    this.#texts = new Array<string>(1 << bits).fill("");
    this.#missed = new Int32Array(1 << bits);
  }

  /**
   * The text of the OSC string at `start`, if it is kept here.
   *
   * @param skip how many characters at its beginning are left out of the text
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

  /** Keeps the text of the string that `find` has just looked for in vain, if it came before. */
  add(text: string, bytes: Uint8Array): void {
    const place = this.#hash >>> this.#shift;
    if (this.#missed[place] !== this.#hash) {
      this.#missed[place] = this.#hash;
    } else if (bytes.buffer instanceof ArrayBuffer) {
      // Not from shared memory: another thread may have changed it between the words and the text.
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
    // From the end, where addresses that are much alike differ.
    for (let i = count - 1; i >= 0; i--) if (keys[from + i] !== words[i]) return false;
    return true;
  }
}
