import type { Clock } from "../../src/dispatch/clock.ts";

interface Timer {
  readonly callback: () => void;
  readonly due: number;
}

/** A clock for tests: time stands still until it is turned. */
export class ManualClock implements Clock {
  /** Every delay that a timer was set with, in order. */
  readonly delays: number[] = [];
  readonly #timers = new Set<Timer>();
  #wall: number;
  #monotonic = 5_000;

  /** @param wall what the wall clock shows at first, in milliseconds since 1970. Default 2025-01-01 00:00 UTC */
  constructor(wall: number = Date.UTC(2025, 0, 1)) {
    this.#wall = wall;
  }

  wallNow(): number {
    return this.#wall;
  }

  monotonicNow(): number {
    return this.#monotonic;
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    this.delays.push(delayMs);
    // As setTimeout does with a delay that is too long for it.
    const delay = delayMs > 2 ** 31 - 1 ? 1 : Math.max(0, Math.trunc(delayMs));
    const timer = { callback, due: this.#monotonic + delay };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, on both clocks, and runs the timers that come due on the way at the moment that each was set for. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let next = this.#earliest(); next !== undefined && next.due <= end; next = this.#earliest()) {
      this.#pass(next.due - this.#monotonic);
      this.#fire(next);
    }
    this.#pass(end - this.#monotonic);
  }

  /** Sets the wall clock forward or back, as a user or NTP does. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Runs the timer that is due next without letting time pass, as a timer that fires too early does. */
  fireEarly(): void {
    const next = this.#earliest();
    if (next === undefined) throw new Error("No timer is set.");
    this.#fire(next);
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    timer.callback();
  }

  #pass(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.due < earliest.due) earliest = timer;
    return earliest;
  }
}
