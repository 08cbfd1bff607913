const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** So many failures in a row are taken as a sign that no start will succeed. */
const MAX_FAILURES = 5;

/** Spaces out starts that fail, and tells when to give up hope. */
export class Backoff {
  #failures = 0;
  #notBefore = 0;

  /** How many starts have failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** True if packets should no longer wait for a start that succeeds. */
  get isHopeless(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  /** How long until the next start may be tried, in milliseconds; 0 or less if it may be now. */
  get wait(): number {
    return this.#notBefore - performance.now();
  }

  failed(): void {
    this.#failures += 1;
    this.#notBefore = performance.now() + Math.min(FIRST_MS * 2 ** (this.#failures - 1), LONGEST_MS);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBefore = 0;
  }
}
