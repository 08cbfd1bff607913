/** Mapped addresses with wildcards, found by the literal text before their first and after their last wildcard. */

import type { TokenSequence } from "./token-sequence.ts";

/**
 * Finding looks up one beginning of the text for each length of prefix that is mapped, and behind each that is known one ending for each
 * length of suffix. The time does not grow with the number of mapped addresses but for those that share both prefix and suffix.
 */
export class WildcardIndex<S> {
  readonly #byPrefix = new TextIndex<TextIndex<Set<S>>>();

  /** True while nothing is mapped. */
  get isEmpty(): boolean {
    return this.#byPrefix.isEmpty;
  }

  add(sequence: TokenSequence, slot: S): void {
    const bySuffix = this.#byPrefix.getOrAdd(sequence.prefix, () => new TextIndex<Set<S>>());
    bySuffix.getOrAdd(sequence.suffix, () => new Set<S>()).add(slot);
  }

  delete(sequence: TokenSequence, slot: S): void {
    const bySuffix = this.#byPrefix.get(sequence.prefix);
    const slots = bySuffix?.get(sequence.suffix);
    if (bySuffix === undefined || slots === undefined) return;
    slots.delete(slot);
    if (slots.size === 0) bySuffix.delete(sequence.suffix);
    if (bySuffix.isEmpty) this.#byPrefix.delete(sequence.prefix);
  }

  /** The slots of all mapped addresses whose prefix and suffix the text has; whether their wildcards match is still to be seen. */
  candidates(text: string): S[] {
    const found: S[] = [];
    for (const prefixLength of this.#byPrefix.lengths()) {
      if (prefixLength > text.length) continue;
      const bySuffix = this.#byPrefix.get(text.slice(0, prefixLength));
      if (bySuffix === undefined) continue;
      for (const suffixLength of bySuffix.lengths()) {
        const start = text.length - suffixLength;
        if (start < prefixLength) continue;
        for (const slot of bySuffix.get(text.slice(start)) ?? []) found.push(slot);
      }
    }
    return found;
  }
}

/** A map with texts as keys that knows which lengths its keys have. */
class TextIndex<V> {
  readonly #values = new Map<string, V>();
  /** How many keys have each length. */
  readonly #lengths = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  lengths(): Iterable<number> {
    return this.#lengths.keys();
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  getOrAdd(key: string, make: () => V): V {
    const present = this.#values.get(key);
    if (present !== undefined) return present;
    const value = make();
    this.#values.set(key, value);
    this.#lengths.set(key.length, (this.#lengths.get(key.length) ?? 0) + 1);
    return value;
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const left = (this.#lengths.get(key.length) ?? 0) - 1;
    if (left > 0) this.#lengths.set(key.length, left);
    else this.#lengths.delete(key.length);
  }
}
