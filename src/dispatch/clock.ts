import { hasMethods, type OptionCheck } from "../options.ts";

/** The scheduler's source of time and timers. Tests use a manual one. All times are in milliseconds, with fractions. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC by the system clock. May jump in either direction when the clock is set. */
  wallNow(): number;
  /** Milliseconds since an arbitrary fixed time. Never jumps or goes back. */
  monotonicNow(): number;
  /** Calls `callback` once, about `delayMs` from now: 0 to 2,147,483,647. Must not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Cancels the timer that `setTimer` returned. */
  clearTimer(timer: unknown): void;
}

/** Checks a clock option. */
export const clockOption: OptionCheck<Clock | undefined> = /* @__PURE__ */ hasMethods<Clock>(
  "a Clock",
  "wallNow",
  "monotonicNow",
  "setTimer",
  "clearTimer",
);

/** The system's clock and timers. */
class SystemClock implements Clock {
  /** Estimated wall clock time when `performance.now()` is 0. Null until first used, because Node loads `performance` lazily. */
  #offset: number | null = null;

  /**
   * `Date.now()` with a fraction. Whole milliseconds would make everything up to 1 ms late, so the wall clock is assumed to follow
   * `performance.now()` as long as `Date.now()` agrees.
   */
  wallNow(): number {
    // In this order, a pause between the two readings makes the time too early, so that items run late, never early.
    const whole = Date.now();
    const monotonic = performance.now();
    const offset = whole - monotonic;
    let known = (this.#offset ??= performance.timeOrigin);
    if (known < offset || known >= offset + 1) known = this.#offset = offset;
    return monotonic + known;
  }

  monotonicNow(): number {
    return performance.now();
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    const timer: unknown = setTimeout(callback, delayMs);
    if (isUnrefable(timer)) timer.unref();
    return timer;
  }

  clearTimer(timer: unknown): void {
    clearTimeout(timer as ReturnType<typeof setTimeout>);
  }
}

/** In Node a timer is an object that can stop keeping the process alive; in a browser it is a number. */
function isUnrefable(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function";
}

/** A reading between two monotonic readings at most this far apart counts as simultaneous. */
const SAME_MOMENT_MS = 0.2;
const MAX_READINGS = 4;

/**
 * The offset from monotonic to wall clock time. Both clocks are read simultaneously: if the thread was paused in between, they are read
 * again.
 */
export function wallClockOffset(clock: Clock): number {
  for (let readings = 1; ; readings += 1) {
    const before = clock.monotonicNow();
    const wall = clock.wallNow();
    if (readings === MAX_READINGS || clock.monotonicNow() - before < SAME_MOMENT_MS) return wall - before;
  }
}

/** The default clock. */
export const systemClock: Clock = /* @__PURE__ */ new SystemClock();
