/** Where the scheduler gets the time and its one timer from; tests turn one by hand. All times in milliseconds, with fractions. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, as the system believes at present. May jump either way when the system's clock is set. */
  wallNow(): number;
  /** Milliseconds since some fixed moment. Never jumps and never goes back. */
  monotonicNow(): number;
  /** Calls `callback` once, about `delayMs` from now: 0 to 2,147,483,647. Must not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Forgets what `setTimer` has returned, so that its callback is not called. */
  clearTimer(timer: unknown): void;
}

/** The system's clock and timers. */
class SystemClock implements Clock {
  /** What the wall clock shows when `performance.now()` is 0, as well as we know it; null until it is asked: Node loads `performance` when it is first used. */
  #offset: number | null = null;

  /**
   * `Date.now()` with a fraction. `Date.now()` alone is cut to whole milliseconds, which would make everything up to 1 ms late. So the wall
   * clock is taken to run along with `performance.now()` for as long as `Date.now()` does not contradict that.
   */
  wallNow(): number {
    // In this order a pause between the two makes the time read early, and what is scheduled by it late: never before its time.
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

/** In Node a timer is an object that can be told not to keep the process alive; in a browser it is a number. */
function isUnrefable(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function";
}

/** How far apart two readings of the monotonic clock may lie for what was read between them to count as read at the same moment. */
const SAME_MOMENT_MS = 0.2;
const MAX_READINGS = 4;

/**
 * What has to be added to the monotonic time to get the wall clock's. The two are read at the same moment: where the thread was paused in
 * between, they are read again.
 */
export function wallClockOffset(clock: Clock): number {
  for (let readings = 1; ; readings += 1) {
    const before = clock.monotonicNow();
    const wall = clock.wallNow();
    if (readings === MAX_READINGS || clock.monotonicNow() - before < SAME_MOMENT_MS) return wall - before;
  }
}

/** The clock that is used where none is given. */
export const systemClock: Clock = /* @__PURE__ */ new SystemClock();
