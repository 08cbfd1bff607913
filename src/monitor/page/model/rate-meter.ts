/** How long the two halves of the window are, in milliseconds. */
const HALF_MS = 1000;

/** How many a second, over about the last second: what is counted in the running second, and its share of the one before. */
export class RateMeter {
  #since = -Infinity;
  #before = 0;
  #now = 0;

  /** @param time in milliseconds, never less than before */
  count(time: number, by: number = 1): void {
    this.#turn(time);
    this.#now += by;
  }

  /** Events a second at that time. */
  rate(time: number): number {
    this.#turn(time);
    const passed = Math.min(Math.max((time - this.#since) / HALF_MS, 0), 1);
    return ((this.#before * (1 - passed) + this.#now) * 1000) / HALF_MS;
  }

  #turn(time: number): void {
    const passed = time - this.#since;
    if (passed < HALF_MS) return;
    this.#before = passed < 2 * HALF_MS ? this.#now : 0;
    this.#now = 0;
    this.#since = passed < 2 * HALF_MS ? this.#since + HALF_MS : time;
  }
}
