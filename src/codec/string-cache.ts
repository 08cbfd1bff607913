/** The longest string that is kept, in bytes, with its NUL and padding. Longer ones are read as quickly as they are found. */
const LONGEST = 64;

/**
 * The texts of OSC strings that come again and again: addresses, type tags, names. A text is used only if all its characters are those of the
 * bytes, so nothing that a sender does can make the cache give a wrong text, or make it large or slow. It keeps ASCII text that comes a
 * second time while no other one with the same place has come; what never comes again isn't stored.
 */
export class StringCache {
  /** The offset after the string that was looked for, padding included, if its end was found; otherwise -1. */
  end = -1;
  /** The offset of the NUL that ends it. */
  nul = -1;
  /** Whether the string is ASCII with padding of zeros, so that `add` may follow. */
  isPlain = false;
  readonly #texts: string[];
  /** Of each place the hash of the string that was looked for last and not found. */
  readonly #missed: Int32Array;
  /** How far a hash is shifted to become a place. */
  readonly #shift: number;
  #hash = 0;

  /**
   * @param bits the cache has 2^bits places
   */
  constructor(bits: number) {
    this.#shift = 32 - bits;
    this.#texts = new Array<string>(1 << bits).fill("");
    this.#missed = new Int32Array(1 << bits);
  }

  /**
   * The text of the OSC string at `start`, if it is kept here.
   *
   * @param skip how many characters at its beginning are left out of the text
   */
  find(bytes: Uint8Array, start: number, end: number, skip: number): string | undefined {
    const last = (end < start + LONGEST ? end : start + LONGEST) - 4;
    let hash = skip;
    let bits = 0;
    for (let p = start; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      bits |= word;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
      // True for a word without a zero byte.
      if (((word - 0x01010101) & ~word & 0x80808080) === 0) continue;
      const length = word >>> 24 === 0 ? 0 : (word & 0xff0000) === 0 ? 1 : (word & 0xff00) === 0 ? 2 : 3;
      this.end = p + 4;
      this.nul = p + length;
      this.isPlain = (bits & 0x80808080) === 0 && word << (8 * length) === 0;
      this.#hash = hash;
      const text = this.#texts[hash >>> this.#shift]!;
      return this.isPlain && matches(text, bytes, start + skip, p + length) ? text : undefined;
    }
    this.end = -1;
    return undefined;
  }

  /** Keeps the text of the string that `find` has just looked for in vain, if it came before. */
  add(text: string): void {
    const place = this.#hash >>> this.#shift;
    if (this.#missed[place] === this.#hash) this.#texts[place] = text;
    else this.#missed[place] = this.#hash;
  }
}

/** Whether the characters of the text are the bytes. From the end, where addresses that are much alike differ. */
function matches(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = text.length - 1, p = end - 1; i >= 0; i--, p--) if (text.charCodeAt(i) !== bytes[p]) return false;
  return true;
}
