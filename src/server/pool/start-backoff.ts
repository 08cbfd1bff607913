import type { OscError } from "../../errors.ts";

const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** So many failures in a row are taken as a sign that no start will succeed. */
const MAX_FAILURES = 5;

/** Lets starts that fail wait longer each time, and tells when to give up hope. */
export class StartBackoff {
  #failures = 0;
  #notBefore = 0;
  #lastFailure: OscError | null = null;

  /** True where the last start failed: another is tried alone. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** True where packets should no longer wait for a start that succeeds. */
  get isHopeless(): boolean {
    return this.#failures >= MAX_FAILURES;
  }

  /** How long until a start may be tried again, in milliseconds; 0 or less where it may be now. */
  get wait(): number {
    return this.#notBefore - performance.now();
  }

  /** What is to be said of packets that come while nothing is tried; null where something is. */
  get verdict(): OscError | null {
    return this.isHopeless && this.wait > 0 ? this.#lastFailure : null;
  }

  failed(error: OscError): void {
    this.#failures += 1;
    this.#lastFailure = error;
    this.#notBefore = performance.now() + Math.min(FIRST_MS * 2 ** (this.#failures - 1), LONGEST_MS);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBefore = 0;
  }
}
