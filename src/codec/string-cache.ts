/** The longest string that is kept, in words of four bytes, with its NUL and padding. Longer ones are read as quickly as they are found (bench/codec, text). */
const WORDS = 16;

/**
 * The texts of OSC strings that come again and again: addresses, type tags, names. Every byte of a string is compared before
 * its text is used. The cache has a fixed size, two places for each hash and one string at a place, so nothing that a sender does can
 * make it large or slow. A string is kept when it comes a second time, so that strings that never come again cost little.
 */
export class StringCache {
  /** The offset after the string that was looked for last, padding included, or after what was read of one that is longer than is kept. */
  end = 0;
  /** The words of the string that was looked for last: as many as a string may have that is kept. */
  readonly #words: Int32Array = new Int32Array(WORDS);
  /** The words, how many they are, the text, and the hash seen last, of each place. Memory that is not used is not taken from the system. */
  readonly #keys: Int32Array;
  readonly #counts: Uint8Array;
  readonly #texts: string[];
  readonly #seen: Int32Array;
  /** How far a hash is shifted to become a place. */
  readonly #shift: number;
  #hash = 0;
  #count = 0;

  /**
   * @param bits the cache has 2^bits places
   */
  constructor(bits: number) {
    this.#shift = 32 - bits;
    this.#keys = new Int32Array(WORDS << bits);
    this.#counts = new Uint8Array(1 << bits);
    this.#texts = new Array<string>(1 << bits).fill("");
    this.#seen = new Int32Array(1 << bits);
  }

  /** The text of the OSC string at `start`, if it is kept here. `add` may follow at once where it is not. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const words = this.#words;
    const most = start + WORDS * 4;
    const last = (end < most ? end : most) - 4;
    let hash = 0;
    let count = 0;
    let p = start;
    for (; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      words[count++] = word;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
      // The last word of a string ends with NUL, and no other word does.
      if ((word & 0xff) === 0) {
        this.end = p + 4;
        const place = hash >>> this.#shift;
        const text = this.#compare(place, count) ?? this.#compare(place ^ 1, count);
        if (text === undefined) {
          this.#hash = hash;
          this.#count = count;
        }
        return text;
      }
    }
    this.end = p;
    this.#count = 0;
    return undefined;
  }

  #compare(place: number, count: number): string | undefined {
    if (this.#counts[place] !== count) return undefined;
    const words = this.#words;
    const keys = this.#keys;
    const from = place * WORDS;
    // From the end, where addresses and texts that are much alike differ.
    for (let i = count - 1; i >= 0; i--) if (keys[from + i] !== words[i]) return undefined;
    return this.#texts[place];
  }

  /** Keeps the text of the string that `find` has just looked for in vain. The string has to be well formed, padding included. */
  add(text: string): void {
    if (this.#count === 0) return;
    const first = this.#hash >>> this.#shift;
    if (this.#seen[first] === this.#hash) {
      const second = first ^ 1;
      this.#keys.copyWithin(second * WORDS, first * WORDS, (first + 1) * WORDS);
      this.#counts[second] = this.#counts[first]!;
      this.#texts[second] = this.#texts[first]!;
      this.#keys.set(this.#words, first * WORDS);
      this.#counts[first] = this.#count;
      this.#texts[first] = text;
    } else {
      this.#seen[first] = this.#hash;
    }
  }
}
