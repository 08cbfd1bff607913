/** What was found for texts that came before, for a bounded number of them. */

/** Bounds of a {@link MatchCache}. */
export interface MatchCacheBounds {
  /** How many texts are remembered at most. */
  readonly texts: number;
  /** Longer texts (in UTF-16 units) are never remembered. */
  readonly textLength: number;
  /** How much all that is remembered may weigh; the one who sets an entry says what it weighs. */
  readonly weight: number;
}

interface Remembered<V> {
  readonly value: V;
  readonly weight: number;
}

/**
 * A cache in two generations. When the young one is full it becomes the old one, and the old one is forgotten; what is used again moves to the
 * young one. So texts that come often stay, whatever stream of texts that come once flows past them, and every step takes constant time.
 */
export class MatchCache<V> {
  readonly #bounds: MatchCacheBounds;
  #young = new Map<string, Remembered<V>>();
  #old = new Map<string, Remembered<V>>();
  #youngWeight = 0;
  #oldWeight = 0;

  constructor(bounds: MatchCacheBounds) {
    this.#bounds = bounds;
  }

  /** How many texts are remembered now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** What all that is remembered weighs now. */
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
    this.#remember(text, old);
    return old.value;
  }

  /** Remembers what was found for a text that is not remembered yet, unless it alone would take more than half of the room. */
  set(text: string, value: V, weight: number): void {
    if (text.length > this.#bounds.textLength || weight > this.#bounds.weight / 2 || this.#bounds.texts < 2) return;
    this.#remember(text, { value, weight });
  }

  clear(): void {
    if (this.size === 0) return;
    this.#young = new Map();
    this.#old = new Map();
    this.#youngWeight = 0;
    this.#oldWeight = 0;
  }

  #remember(text: string, remembered: Remembered<V>): void {
    const full = this.#young.size + 1 > this.#bounds.texts / 2 || this.#youngWeight + remembered.weight > this.#bounds.weight / 2;
    if (full) {
      this.#old = this.#young;
      this.#oldWeight = this.#youngWeight;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    this.#young.set(text, remembered);
    this.#youngWeight += remembered.weight;
  }
}
