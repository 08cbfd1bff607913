import { OscServerError } from "../errors.ts";
import { type Clock, systemClock, wallClockOffset } from "./clock.ts";
import { DeadlineHeap, type Waiting } from "./deadline-heap.ts";

const DEFAULT_MAX_WAITING = 4096;
const DEFAULT_MAX_AHEAD_MS = 10 * 60 * 1000;
/** How far the offset between the two clocks may drift, while items wait, before it counts as a jump of the wall clock. */
const OFFSET_TOLERANCE_MS = 1;
/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** The bounds of a {@link Scheduler}. */
export interface SchedulerLimits {
  /**
   * How many items may wait at once. Default 4,096: a sequencer that sends a thousand bundles a second, four seconds ahead.
   */
  readonly maxWaiting?: number | undefined;
  /**
   * How far ahead an item may be dated, in milliseconds. Default 600,000 (ten minutes): ample for a score that is sent ahead, and less than
   * the half hours and hours by which a sender's clock is wrong when its time zone is.
   */
  readonly maxAhead?: number | undefined;
}

/** Options of a {@link Scheduler}. */
export interface SchedulerOptions<T> extends SchedulerLimits {
  /**
   * Called with each item when its time has come, never before it, and with the time for which it was scheduled. Items that are due
   * together are given in the order of their times, and of scheduling where those are equal, with nothing in between. It should not throw;
   * if it does, the error leaves through the timer, and the items that are still waiting are not touched by it.
   */
  readonly onDue: (item: T, at: number) => void;
  /** Where the time comes from. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

/** What became of an item: it waits; or it was refused because `maxWaiting` or `maxAhead` was reached. */
export type ScheduleResult = "scheduled" | "full" | "too-far-ahead";

interface Entry<T> extends Waiting {
  /** The time asked for, on the wall clock. The deadline is the same moment on the monotonic clock, as it was when the item came. */
  readonly at: number;
  readonly item: T;
}

/**
 * Holds items until their time, with one timer however many wait. OSC 1.0, "Temporal Semantics and OSC Time Tags".
 *
 * Its timer does not keep a process alive.
 *
 * @example
 * const scheduler = new Scheduler<string>({ onDue: (note) => console.log(note) });
 * scheduler.schedule(Date.now() + 100, "C4"); // "scheduled"
 */
export class Scheduler<T> {
  readonly #onDue: (item: T, at: number) => void;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #maxAhead: number;
  readonly #heap = new DeadlineHeap<Entry<T>>();
  /** Wall clock time less monotonic time. */
  #offset = 0;
  #nextSequence = 0;
  #timer: unknown = null;
  /** True while items are given out; the timer is set when that is done. */
  #firing = false;
  /** The deadline that the timer was set for. */
  #timerDeadline = Infinity;

  /** @throws OscServerError `OSC_OPTION` for a bound that is no positive number */
  constructor(options: SchedulerOptions<T>) {
    this.#onDue = options.onDue;
    this.#clock = options.clock ?? systemClock;
    this.#maxWaiting = positive("maxWaiting", options.maxWaiting ?? DEFAULT_MAX_WAITING);
    this.#maxAhead = positive("maxAhead", options.maxAhead ?? DEFAULT_MAX_AHEAD_MS);
  }

  /** How many items wait. */
  get waiting(): number {
    return this.#heap.size;
  }

  /** The time for which the earliest item is scheduled, in milliseconds since 1970-01-01 UTC; `null` where none waits. */
  get nextAt(): number | null {
    return this.#heap.first?.at ?? null;
  }

  /**
   * Keeps `item` until `at`. One whose time is past already is due at once, but never before this call has returned.
   *
   * @param at milliseconds since 1970-01-01 UTC, with fractions
   * @throws RangeError where `at` is NaN
   */
  schedule(at: number, item: T): ScheduleResult {
    if (Number.isNaN(at)) throw new RangeError("An item needs a time; got NaN.");
    this.#readOffset();
    const now = this.#clock.monotonicNow();
    const deadline = Math.max(now, at - this.#offset);
    if (deadline - now > this.#maxAhead) return "too-far-ahead";
    if (this.#heap.size >= this.#maxWaiting) return "full";
    this.#heap.add({ at, deadline, sequence: this.#nextSequence++, item });
    this.#setTimer();
    return "scheduled";
  }

  /** Forgets everything that waits, and the timer. Returns the items, in the order in which they would have been due. */
  clear(): T[] {
    const items = this.#heap.removeAll().map((entry) => entry.item);
    this.#setTimer();
    return items;
  }

  /**
   * While items wait, the offset is kept but for jumps, so that equal times have equal deadlines: measuring it anew for each item would
   * tear apart by microseconds what is to stay in order.
   */
  #readOffset(): void {
    const offset = wallClockOffset(this.#clock);
    if (this.#heap.size === 0 || Math.abs(offset - this.#offset) > OFFSET_TOLERANCE_MS) this.#offset = offset;
  }

  /** Makes the one timer agree with the earliest deadline. */
  #setTimer(): void {
    if (this.#firing) return;
    const deadline = this.#heap.first?.deadline ?? Infinity;
    if (deadline === this.#timerDeadline) return;
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#timerDeadline = deadline;
    if (deadline === Infinity) return;
    // Timers count in whole milliseconds. One that fires too soon all the same finds nothing due and is set again.
    const delay = Math.ceil(Math.max(0, deadline - this.#clock.monotonicNow()));
    this.#timer = this.#clock.setTimer(this.#fire, Math.min(delay, MAX_TIMER_MS));
  }

  readonly #fire = (): void => {
    this.#timer = null;
    this.#timerDeadline = Infinity;
    const now = this.#clock.monotonicNow();
    // What `onDue` schedules for now or earlier waits for the next timer, so that this loop comes to an end.
    const firstNew = this.#nextSequence;
    this.#firing = true;
    try {
      for (let entry = this.#heap.first; entry !== undefined; entry = this.#heap.first) {
        if (entry.deadline > now || entry.sequence >= firstNew) break;
        this.#heap.removeFirst();
        this.#onDue(entry.item, entry.at);
      }
    } finally {
      this.#firing = false;
      this.#setTimer();
    }
  };
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new OscServerError("OSC_OPTION", `${name} must be a number above 0; got ${value}.`);
}
