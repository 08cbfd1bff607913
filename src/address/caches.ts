/** Caches that avoid searches: literal addresses by their bytes in a message, and results for earlier texts. */

/** Longer texts, in words of four bytes with NUL and padding, are not cached. */
const MAX_WORDS = 64;
/** Maximum number of slots probed for a hash. Addresses chosen to collide are found by their text instead. */
const MAX_TRIES = 16;
/** The fields of a record in `#records`: its hash, the index of its value, the number of words of its text, and the words. */
const HASH = 0;
const VALUE = 1;
const COUNT = 2;
const WORDS = 3;

/**
 * Maps the bytes of an address at the beginning of a message to a value, so that handlers are found without decoding the address.
 *
 * A hash table with open addressing. Everything it compares is stored contiguously in two typed arrays, because with 100,000 objects most
 * lookups would miss the CPU cache (bench/dispatch, "1,000 in turn").
 */
export class ByteIndex<V> {
  /**
   * The start of each slot's record in `#records`; 0 for a free slot. The length is a power of two, and at least half the slots are free.
   */
  #places = new Int32Array(32);
  #shift = 27;
  #records = new Int32Array(256);
  #used = 1;
  #values: V[] = [];
  /** The last text read: its words, their number and their hash. */
  readonly #words = new Int32Array(MAX_WORDS);
  #count = 0;
  #hash = 0;

  /** Number of texts in the index. */
  get size(): number {
    return this.#values.length;
  }

  /** The value for the OSC string at the beginning of the bytes. Compares every byte, including NUL and padding. */
  find(bytes: Uint8Array): V | undefined {
    if (!this.#read(bytes)) return undefined;
    const place = this.#place();
    const record = place < 0 ? 0 : this.#places[place]!;
    return record === 0 ? undefined : this.#values[this.#records[record + VALUE]!];
  }

  /**
   * Sets the value for the OSC string at the beginning of the bytes. It must be well formed.
   *
   * @returns the size of the string in bytes, NUL and padding included; 0 if it is not cached
   */
  set(bytes: Uint8Array, value: V): number {
    if (!this.#read(bytes)) return 0;
    if ((this.size + 1) * 2 > this.#places.length) this.#grow();
    let place = this.#place();
    if (place < 0 && this.size * 4 > this.#places.length) {
      this.#grow();
      place = this.#place();
    }
    if (place < 0) return 0;
    const known = this.#places[place]!;
    if (known === 0) this.#places[place] = this.#append(value);
    else this.#values[this.#records[known + VALUE]!] = value;
    return this.#count * 4;
  }

  clear(): void {
    const empty = new ByteIndex<V>();
    this.#places = empty.#places;
    this.#shift = empty.#shift;
    this.#records = empty.#records;
    this.#used = 1;
    this.#values = [];
  }

  /** Reads the words of the string at the beginning of the bytes. Returns false if it is too long or incomplete. */
  #read(bytes: Uint8Array): boolean {
    const words = this.#words;
    const last = Math.min(bytes.length, MAX_WORDS * 4) - 4;
    let hash = 0;
    let count = 0;
    for (let p = 0; p <= last; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      words[count++] = word;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
      // Only the last word of a string ends with NUL.
      if ((word & 0xff) === 0) {
        this.#count = count;
        this.#hash = hash;
        return true;
      }
    }
    return false;
  }

  /** The slot of the last text read, or the free slot for it; -1 if there is neither within the probe limit. */
  #place(): number {
    const places = this.#places;
    const mask = places.length - 1;
    const first = this.#hash >>> this.#shift;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const place = (first + tries) & mask;
      const record = places[place]!;
      if (record === 0 || this.#isAt(record)) return place;
    }
    return -1;
  }

  #isAt(record: number): boolean {
    const records = this.#records;
    const words = this.#words;
    const count = this.#count;
    if (records[record + HASH] !== this.#hash || records[record + COUNT] !== count) return false;
    for (let i = 0, at = record + WORDS; i < count; i++, at++) if (records[at] !== words[i]) return false;
    return true;
  }

  /** Writes a record for the last text read, and returns its start. */
  #append(value: V): number {
    const start = this.#used;
    const end = start + WORDS + this.#count;
    if (end > this.#records.length) {
      const larger = new Int32Array(this.#records.length * 2);
      larger.set(this.#records);
      this.#records = larger;
    }
    this.#records[start + HASH] = this.#hash;
    this.#records[start + VALUE] = this.#values.length;
    this.#records[start + COUNT] = this.#count;
    this.#records.set(this.#words.subarray(0, this.#count), start + WORDS);
    this.#values.push(value);
    this.#used = end;
    return start;
  }

  /** Doubles the number of slots. Drops a text that then finds no slot within the probe limit. */
  #grow(): void {
    const places = new Int32Array(this.#places.length * 2);
    this.#shift -= 1;
    for (const record of this.#places) {
      if (record === 0) continue;
      let place = this.#records[record + HASH]! >>> this.#shift;
      let tries = 1;
      for (; tries < MAX_TRIES && places[place] !== 0; tries++) place = (place + 1) & (places.length - 1);
      if (places[place] === 0) places[place] = record;
    }
    this.#places = places;
  }
}

/** Bounds of a {@link MatchCache}. */
export interface MatchCacheBounds {
  /** Maximum number of cached texts. */
  readonly texts: number;
  /** Longer texts (in UTF-16 units) are never cached. */
  readonly textLength: number;
  /** Maximum total weight of all entries. The caller of `set` determines the weight of an entry. */
  readonly weight: number;
}

interface Cached<V> {
  readonly value: V;
  readonly weight: number;
}

/**
 * A two-generation cache of results for texts. When the young generation is full, it replaces the old one. Entries that are used again move
 * to the young generation. So frequent texts survive any number of one-time texts, and every step takes constant time.
 */
export class MatchCache<V> {
  readonly #bounds: MatchCacheBounds;
  #young = new Map<string, Cached<V>>();
  #old = new Map<string, Cached<V>>();
  #youngWeight = 0;
  #oldWeight = 0;

  constructor(bounds: MatchCacheBounds) {
    this.#bounds = bounds;
  }

  /** Number of cached texts. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Total weight of all entries. */
  get weight(): number {
    return this.#youngWeight + this.#oldWeight;
  }

  get(text: string): V | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) return young.value;
    const old = this.#old.get(text);
    if (old === undefined) return undefined;
    this.#old.delete(text);
    this.#oldWeight -= old.weight;
    this.#add(text, old);
    return old.value;
  }

  /** Caches the result for a new text, unless it alone would exceed half of the maximum weight. */
  set(text: string, value: V, weight: number): void {
    if (text.length > this.#bounds.textLength || weight > this.#bounds.weight / 2 || this.#bounds.texts < 2) return;
    this.#add(text, { value, weight });
  }

  clear(): void {
    if (this.size === 0) return;
    this.#young = new Map();
    this.#old = new Map();
    this.#youngWeight = 0;
    this.#oldWeight = 0;
  }

  #add(text: string, entry: Cached<V>): void {
    const full = this.#young.size + 1 > this.#bounds.texts / 2 || this.#youngWeight + entry.weight > this.#bounds.weight / 2;
    if (full) {
      this.#old = this.#young;
      this.#oldWeight = this.#youngWeight;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    this.#young.set(text, entry);
    this.#youngWeight += entry.weight;
  }
}
