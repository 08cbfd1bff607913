import { OscServerError } from "../errors.ts";
import { systemClock, wallClockOffset } from "./clock.ts";
import type { Clock } from "./clock.ts";

const DEFAULT_MAX_WAITING = 4096;
const DEFAULT_MAX_WAITING_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_AHEAD_MS = 10 * 60 * 1000;
/** How far the offset between the two clocks may drift, while items wait, before it counts as a jump of the wall clock. */
const OFFSET_TOLERANCE_MS = 1;
/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The bounds of a {@link Scheduler}. */
export interface SchedulerLimits {
  /**
   * How many items may wait at once. Default 4,096: a sequencer that sends a thousand bundles a second, four seconds ahead.
   */
  readonly maxWaiting?: number | undefined;
  /** How many bytes the waiting items may hold together, by the sizes given with them. Default 67,108,864 (64 MiB). */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * How far ahead an item may be dated, in milliseconds. Default 600,000 (ten minutes): ample for a score that is sent ahead, and less than
   * the half hours and hours by which a sender's clock is wrong when its time zone is.
   */
  readonly maxAhead?: number | undefined;
}

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

/** What became of an item: it waits; or it was refused because `maxWaiting` or `maxWaitingBytes`, or `maxAhead`, was reached. */
export type ScheduleResult = "scheduled" | "full" | "too-far-ahead";

interface Entry<T> {
  /** The time asked for, on the wall clock. */
  readonly at: number;
  /** The same moment on the monotonic clock, as it was when the item came: a later jump of the wall clock moves nothing. */
  readonly deadline: number;
  /** Keeps the order of items with the same deadline. */
  readonly sequence: number;
  readonly item: T;
  readonly bytes: number;
}

/**
 * Holds items until their time, with one timer however many wait. OSC 1.0, "Temporal Semantics and OSC Time Tags".
 *
 * Its timer does not keep a process alive.
 */
export class Scheduler<T> {
  readonly #onDue: (item: T, at: number) => void;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #maxAhead: number;
  /** A binary heap: the entry at `i` is not later than those at `2i + 1` and `2i + 2`. */
  readonly #heap: Entry<T>[] = [];
  /** Wall clock time less monotonic time. */
  #offset = 0;
  #waitingBytes = 0;
  #nextSequence = 0;
  #timer: unknown = null;
  /** The deadline that the timer was set for. */
  #timerDeadline = Infinity;

  /** @throws OscServerError `OSC_OPTION` for a bound that is no positive number */
  constructor(options: SchedulerOptions<T>) {
    this.#onDue = options.onDue;
    this.#clock = options.clock ?? systemClock;
    this.#maxWaiting = positive("maxWaiting", options.maxWaiting ?? DEFAULT_MAX_WAITING);
    this.#maxWaitingBytes = positive("maxWaitingBytes", options.maxWaitingBytes ?? DEFAULT_MAX_WAITING_BYTES);
    this.#maxAhead = positive("maxAhead", options.maxAhead ?? DEFAULT_MAX_AHEAD_MS);
  }

  /** How many items wait. */
  get waiting(): number {
    return this.#heap.length;
  }

  /** How many bytes the waiting items hold together. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The time for which the earliest item is scheduled, in milliseconds since 1970-01-01 UTC; `null` where none waits. */
  get nextAt(): number | null {
    return this.#heap[0]?.at ?? null;
  }

  /**
   * Keeps `item` until `at`. One whose time is past already is due at once, but never before this call has returned.
   *
   * @param at milliseconds since 1970-01-01 UTC, with fractions
   * @param bytes how much memory the item holds, for `maxWaitingBytes`. Default 0
   * @throws RangeError where `at` is NaN
   */
  schedule(at: number, item: T, bytes: number = 0): ScheduleResult {
    if (Number.isNaN(at)) throw new RangeError("An item needs a time; got NaN.");
    this.#readOffset();
    const now = this.#clock.monotonicNow();
    const deadline = Math.max(now, at - this.#offset);
    if (deadline - now > this.#maxAhead) return "too-far-ahead";
    if (this.#heap.length >= this.#maxWaiting || this.#waitingBytes + bytes > this.#maxWaitingBytes) return "full";
    this.#waitingBytes += bytes;
    this.#push({ at, deadline, sequence: this.#nextSequence++, item, bytes });
    this.#setTimer();
    return "scheduled";
  }

  /** Forgets everything that waits, and the timer. Returns the items, in the order in which they would have been due. */
  clear(): T[] {
    const items = this.#heap.sort(compareEntries).map((entry) => entry.item);
    this.#heap.length = 0;
    this.#waitingBytes = 0;
    this.#setTimer();
    return items;
  }

  /**
   * While items wait, the offset is kept but for jumps, so that equal times have equal deadlines: measuring it anew for each item would
   * tear apart by microseconds what is to stay in order.
   */
  #readOffset(): void {
    const offset = wallClockOffset(this.#clock);
    if (this.#heap.length === 0 || Math.abs(offset - this.#offset) > OFFSET_TOLERANCE_MS) this.#offset = offset;
  }

  /** Makes the one timer agree with the earliest deadline. */
  #setTimer(): void {
    const deadline = this.#heap[0]?.deadline ?? Infinity;
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
    try {
      for (let entry = this.#heap[0]; entry !== undefined; entry = this.#heap[0]) {
        if (entry.deadline > now || entry.sequence >= firstNew) break;
        this.#pop();
        this.#waitingBytes -= entry.bytes;
        this.#onDue(entry.item, entry.at);
      }
    } finally {
      this.#setTimer();
    }
  };

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let hole = heap.length;
    while (hole > 0) {
      const parentIndex = (hole - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (compareEntries(parent, entry) <= 0) break;
      heap[hole] = parent;
      hole = parentIndex;
    }
    heap[hole] = entry;
  }

  /** Removes the earliest entry. The caller has seen that there is one. */
  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let childIndex = 2 * hole + 1;
      if (childIndex >= heap.length) break;
      if (childIndex + 1 < heap.length && compareEntries(heap[childIndex + 1]!, heap[childIndex]!) < 0) childIndex += 1;
      const child = heap[childIndex]!;
      if (compareEntries(last, child) <= 0) break;
      heap[hole] = child;
      hole = childIndex;
    }
    heap[hole] = last;
  }
}

function compareEntries(left: Entry<unknown>, right: Entry<unknown>): number {
  return left.deadline - right.deadline || left.sequence - right.sequence;
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new OscServerError("OSC_OPTION", `${name} must be a number above 0; got ${value}.`);
}
