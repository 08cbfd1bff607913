import { type Clock, systemClock } from "../../dispatch/index.ts";

interface Timer {
  readonly callback: () => void;
  /** On the monotonic clock. */
  readonly at: number;
}

/** The system's clock with one timer. A blocked thread runs the timer itself, because its event loop can't. */
export class CallerClock implements Clock {
  #timer: Timer | null = null;

  wallNow(): number {
    return systemClock.wallNow();
  }

  monotonicNow(): number {
    return systemClock.monotonicNow();
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    this.#timer = { callback, at: systemClock.monotonicNow() + delayMs };
    return this.#timer;
  }

  clearTimer(timer: unknown): void {
    if (timer === this.#timer) this.#timer = null;
  }

  /**
   * Calls the timer's callback if it is due.
   *
   * @returns the milliseconds until the timer is due; `Infinity` if none is set
   */
  catchUp(): number {
    while (this.#timer !== null) {
      const { callback, at } = this.#timer;
      const left = at - systemClock.monotonicNow();
      if (left > 0) return left;
      this.#timer = null;
      callback();
    }
    return Infinity;
  }
}
