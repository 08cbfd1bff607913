const NO_WORDS = /* @__PURE__ */ new Int32Array(0);

/**
 * The texts of OSC strings that come again and again: addresses, type tags, names. Every byte of a string is compared before
 * its text is used. The cache has a fixed size, two places for each hash and one string at a place, so nothing that a sender does can
 * make it large or slow. A string is kept when it comes a second time, so that strings that never come again cost little.
 */
export class StringCache {
  /** The offset after the string, padding included; set where `find` returns a text. */
  end = 0;
  /** The words of the string that was looked for last: as many as a string may have that is kept. */
  readonly #words: Int32Array;
  /** The words, the text, and the hash seen last, of each place. */
  readonly #keys: Int32Array[];
  readonly #texts: string[];
  readonly #seen: Int32Array;
  /** How far a hash is shifted to become a place. */
  readonly #shift: number;
  #hash = 0;
  #count = 0;

  /**
   * @param bits the cache has 2^bits places
   * @param words the longest string that is kept, in words of four bytes with its NUL and padding
   */
  constructor(bits: number, words: number) {
    this.#words = new Int32Array(words);
    this.#shift = 32 - bits;
    this.#keys = Array.from({ length: 2 ** bits }, () => NO_WORDS);
    this.#texts = new Array<string>(2 ** bits).fill("");
    this.#seen = new Int32Array(2 ** bits);
  }

  /** The text of the OSC string at `start`, if it is kept here. `add` may follow at once where it is not. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const words = this.#words;
    const last = Math.min(end, start + words.length * 4) - 4;
    let hash = 0;
    let count = 0;
    for (let p = start; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      words[count++] = word;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
      // The last word of a string ends with NUL, and no other word does.
      if ((word & 0xff) === 0) {
        this.#hash = hash;
        this.#count = count;
        this.end = p + 4;
        const place = hash >>> this.#shift;
        return this.#compare(place, count) ?? this.#compare(place ^ 1, count);
      }
    }
    this.#count = 0;
    return undefined;
  }

  #compare(place: number, count: number): string | undefined {
    const words = this.#words;
    const key = this.#keys[place]!;
    if (key.length !== count) return undefined;
    // From the end, where addresses and texts that are much alike differ.
    for (let i = count - 1; i >= 0; i--) if (key[i] !== words[i]) return undefined;
    return this.#texts[place];
  }

  /** Keeps the text of the string that `find` has just looked for in vain. The string has to be well formed, padding included. */
  add(text: string): void {
    if (this.#count === 0) return;
    const first = this.#hash >>> this.#shift;
    if (this.#seen[first] === this.#hash) {
      this.#keys[first ^ 1] = this.#keys[first]!;
      this.#texts[first ^ 1] = this.#texts[first]!;
      this.#keys[first] = this.#words.slice(0, this.#count);
      this.#texts[first] = text;
    } else {
      this.#seen[first] = this.#hash;
    }
  }
}
