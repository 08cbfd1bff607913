const ENTRIES = 1024;
/** The longest string that is kept: 64 words, 256 bytes with its NUL and padding. */
const WORDS = 64;

/**
 * The texts of OSC strings that come again and again: addresses, type tags, names. Every byte of a string is compared before
 * its text is used. The cache has a fixed size, a place for each hash and one string at a place, so nothing that a sender does can
 * make it large or slow. A string is kept when it comes a second time, so that strings that never come again cost little.
 */
export class StringCache {
  /** The offset after the string, padding included; set where `find` returns a text. */
  end = 0;
  /** How many bytes at the beginning of a string are left out of its text. */
  readonly #skip: number;
  readonly #words = new Int32Array(WORDS);
  readonly #keys: Int32Array[] = new Array<Int32Array>(ENTRIES).fill(this.#words.subarray(0, 0));
  readonly #texts: string[] = new Array<string>(ENTRIES).fill("");
  readonly #seen = new Int32Array(ENTRIES);
  #hash = 0;
  #count = 0;

  constructor(skip: number) {
    this.#skip = skip;
  }

  /** The text of the OSC string at `start`, if it is kept here. `add` may follow at once where it is not. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const words = this.#words;
    const last = Math.min(end, start + WORDS * 4) - 4;
    let hash = 0;
    let count = 0;
    for (let p = start; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      words[count++] = word;
      hash = Math.imul(hash ^ word, 0x9e3779b1);
      // The last word of a string ends with NUL, and no other word does.
      if ((word & 0xff) === 0) {
        this.#hash = hash;
        this.#count = count;
        this.end = p + 4;
        return this.#compare((hash >>> 22) & (ENTRIES - 1), count);
      }
    }
    this.#count = 0;
    return undefined;
  }

  #compare(place: number, count: number): string | undefined {
    const words = this.#words;
    const key = this.#keys[place]!;
    if (key.length !== count) return undefined;
    for (let i = 0; i < count; i++) if (key[i] !== words[i]) return undefined;
    return this.#texts[place];
  }

  /** Keeps the text of the string that `find` has just looked for in vain, and returns it. The string has to be well formed, padding included. */
  add(whole: string): string {
    const text = this.textOf(whole);
    if (this.#count === 0) return text;
    const place = (this.#hash >>> 22) & (ENTRIES - 1);
    if (this.#seen[place] === this.#hash) {
      this.#keys[place] = this.#words.slice(0, this.#count);
      this.#texts[place] = text;
    } else {
      this.#seen[place] = this.#hash;
    }
    return text;
  }

  /** A text without the characters that this cache leaves out. */
  textOf(whole: string): string {
    return this.#skip === 0 ? whole : whole.slice(this.#skip);
  }
}
