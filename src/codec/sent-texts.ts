/** How many long texts are kept in each direction, one at a place. */
export const KNOWN_TEXTS = 256;

/**
 * The bytes of texts that are sent again and again: to find them takes a quarter of the time that Node takes to write UTF-8 (bench/codec,
 * text). A text is kept when it comes a third time, so that texts that never come again cost little. What is kept is a copy, for the caller's
 * text may be part of a longer one, which would be kept with it; the caller limits its size.
 */
export class SentTexts {
  readonly #kept = new Array<{ readonly mark: number; readonly text: string; readonly bytes: Uint8Array }>(KNOWN_TEXTS);
  /** Of each place the mark that was looked for last, and the hash of the last bytes whose mark had come before. */
  readonly #marks: Int32Array = new Int32Array(KNOWN_TEXTS);
  readonly #hashes: Int32Array = new Int32Array(KNOWN_TEXTS);
  #mark = 0;

  /** The bytes of the text, if they are kept. */
  find(text: string): Uint8Array | undefined {
    const mark = markOf(text);
    const kept = this.#kept[mark & (KNOWN_TEXTS - 1)];
    if (kept !== undefined && kept.mark === mark && kept.text === text) return kept.bytes;
    this.#mark = mark;
    return undefined;
  }

  /** Whether to `add` the text that `find` has just looked for in vain: these are its bytes. */
  comesAgain(bytes: Uint8Array, start: number, end: number): boolean {
    const place = this.#mark & (KNOWN_TEXTS - 1);
    if (this.#marks[place] !== this.#mark) {
      this.#marks[place] = this.#mark;
      return false;
    }
    let hash = 0;
    for (let p = start; p + 4 <= end; p += 4) {
      const word = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ word, 0x9e3779b1);
    }
    if (this.#hashes[place] === hash) return true;
    this.#hashes[place] = hash;
    return false;
  }

  /** Keeps the text that `find` has just looked for in vain. */
  add(text: string, bytes: Uint8Array): void {
    this.#kept[this.#mark & (KNOWN_TEXTS - 1)] = { mark: this.#mark, text, bytes };
  }
}

/** A number that tells most texts of at least two characters from each other, by their length and where they mostly differ. */
export function markOf(text: string): number {
  const last = text.length - 1;
  let mark = Math.imul(last, 31) + text.charCodeAt(0);
  mark = Math.imul(mark, 31) + text.charCodeAt(1);
  mark = Math.imul(mark, 31) + text.charCodeAt(last >> 2);
  mark = Math.imul(mark, 31) + text.charCodeAt(last >> 1);
  mark = Math.imul(mark, 31) + text.charCodeAt(last - (last >> 2));
  mark = Math.imul(mark, 31) + text.charCodeAt(last - 1);
  return (Math.imul(mark, 31) + text.charCodeAt(last)) | 0;
}
