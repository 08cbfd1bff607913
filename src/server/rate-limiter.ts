/** The numbers of a {@link RateLimiter}. */
export interface Rates {
  /** How many packets one source may send in a second, in the long run. */
  readonly maxRate: number;
  /** How many it may send at once after a pause. */
  readonly maxBurst: number;
  /** How many sources are told apart. */
  readonly maxSources: number;
}

/** For the sources that there is no room to tell apart. */
const OTHERS = Symbol("others");
/** How often, at most, those that have been silent are looked for, in milliseconds. */
const SWEEP_MS = 100;

/**
 * Holds each source of packets to a rate. For each it keeps the time up to which the rate is used up; a source for which that is past has
 * its whole burst again, and may be forgotten. While all that are known are at work, those that are new share one rate: senders that make
 * up source addresses then get in each other's way, and not in that of the sources known before.
 */
export class RateLimiter {
  readonly #intervalMs: number;
  readonly #aheadMs: number;
  readonly #maxSources: number;
  readonly #now: () => number;
  readonly #usedUpTo = new Map<string | symbol, number>();
  #nextSweep = 0;

  /** @param now milliseconds of a clock that never jumps */
  constructor({ maxRate, maxBurst, maxSources }: Rates, now: () => number = () => performance.now()) {
    this.#intervalMs = 1000 / maxRate;
    this.#aheadMs = (maxBurst - 1) * this.#intervalMs;
    this.#maxSources = maxSources;
    this.#now = now;
  }

  /** How many sources are known. */
  get size(): number {
    return this.#usedUpTo.size;
  }

  /** Whether one more packet of that source is within its rate. Counts it if so. */
  allows(source: string): boolean {
    const now = this.#now();
    const key = this.#usedUpTo.has(source) || this.#hasRoom(now) ? source : OTHERS;
    const from = Math.max(now, this.#usedUpTo.get(key) ?? 0);
    if (from - now > this.#aheadMs) return false;
    this.#usedUpTo.set(key, from + this.#intervalMs);
    return true;
  }

  #hasRoom(now: number): boolean {
    if (this.#usedUpTo.size < this.#maxSources) return true;
    if (now < this.#nextSweep) return false;
    this.#nextSweep = now + SWEEP_MS;
    for (const [source, usedUpTo] of this.#usedUpTo) if (usedUpTo <= now) this.#usedUpTo.delete(source);
    return this.#usedUpTo.size < this.#maxSources;
  }
}
