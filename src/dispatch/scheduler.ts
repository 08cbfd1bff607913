import {
  MAX_TIMER_MS,
  callback,
  describe,
  integer,
  milliseconds,
  type OptionChecks,
  readOptions,
  required,
  unchecked,
} from "../options.ts";
import { type Clock, clockOption, systemClock, wallClockOffset } from "./clock.ts";

const DEFAULT_MAX_WAITING = 4096;
const DEFAULT_MAX_WAITING_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_AHEAD_MS = 10 * 60 * 1000;
/** Maximum drift between the two clocks, while items wait, before it counts as a jump of the wall clock. */
const OFFSET_TOLERANCE_MS = 1;

/** The limits of a {@link Scheduler}. */
export interface SchedulerLimits {
  /** Maximum number of waiting items. Default 4,096: a sequencer that sends a thousand bundles per second, four seconds ahead. */
  readonly maxWaiting?: number | undefined;
  /** Maximum total size of the waiting items in bytes, as given by {@link ItemOptions.size}. Default 64 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * How far ahead an item may be dated, in milliseconds. Default 600,000 (ten minutes): ample for a score sent in advance, and less than
   * the error of a sender with the wrong time zone, half an hour or more.
   */
  readonly maxAhead?: number | undefined;
}

/** Options of a {@link Scheduler}. */
export interface SchedulerOptions<T> extends SchedulerLimits {
  /**
   * Called with each item and its scheduled time when the item is due, never early. Items that are due together are passed without
   * interruption, in the order of their times, then of scheduling. It should not throw; if it does, the error surfaces from the timer
   * callback, and waiting items are unaffected.
   */
  readonly onDue: (item: T, at: number) => void;
  /** Called with each item evicted in favour of another sender's, see {@link Scheduler.schedule}. Default: none. */
  readonly onDrop?: ((item: T) => void) | undefined;
  /** The source of time. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

/** Properties of an item that count towards the limits. */
export interface ItemOptions {
  /** The sender, as any value that identifies it. Default: all items belong to one sender. */
  readonly sender?: unknown;
  /** The size of the item in bytes. Default 0. */
  readonly size?: number | undefined;
}

/** The result of scheduling an item: it waits, or it was rejected because `maxWaiting`, `maxWaitingBytes` or `maxAhead` was reached. */
export type ScheduleResult = "scheduled" | "full" | "too-many-bytes" | "too-far-ahead";

/** A waiting item. */
interface Entry<T> {
  /** The requested time on the wall clock. */
  readonly at: number;
  /** The same time on the monotonic clock, as computed when the item was scheduled. */
  readonly deadline: number;
  /** Its position among items with the same deadline. */
  readonly sequence: number;
  readonly size: number;
  readonly sender: Sender<T>;
  /** Its share of the capacity, see {@link Shares}. */
  readonly units: number;
  /** `undefined` once it no longer waits; the entry then remains in the heap and in the sender's list for a while. */
  content: { readonly item: T } | undefined;
}

const CHECKS = {
  maxWaiting: integer(1, DEFAULT_MAX_WAITING),
  maxWaitingBytes: integer(1, DEFAULT_MAX_WAITING_BYTES),
  maxAhead: milliseconds(DEFAULT_MAX_AHEAD_MS),
  onDue: required(callback<SchedulerOptions<unknown>["onDue"]>()),
  onDrop: callback<(item: unknown) => void>(),
  clock: clockOption,
} satisfies OptionChecks<SchedulerOptions<unknown>>;

const ITEM_CHECKS = { sender: unchecked<unknown>(), size: integer(0, 0) } satisfies OptionChecks<ItemOptions>;

/**
 * Holds items until they are due, with a single timer. OSC 1.0, "Temporal Semantics and OSC Time Tags".
 *
 * Its timer doesn't keep the process alive.
 *
 * @example
 * const scheduler = new Scheduler<string>({ onDue: (note) => console.log(note) });
 * scheduler.schedule(Date.now() + 100, "C4"); // "scheduled"
 */
export class Scheduler<T> {
  readonly #onDue: (item: T, at: number) => void;
  readonly #onDrop: ((item: T) => void) | undefined;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #maxAhead: number;
  readonly #heap = new EntryHeap<T>();
  readonly #shares = new Shares<T>();
  #waiting = 0;
  #waitingBytes = 0;
  /** Wall clock time minus monotonic time. */
  #offset = 0;
  #nextSequence = 0;
  #timer: unknown = null;
  /** True while items are delivered; the timer is set afterwards. */
  #firing = false;
  /** The deadline that the timer was set for. */
  #timerDeadline = Infinity;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name, or without `onDue` */
  constructor(options: SchedulerOptions<T>) {
    const { onDue, onDrop, clock, maxWaiting, maxWaitingBytes, maxAhead } = readOptions("Scheduler", options, CHECKS);
    this.#onDue = onDue;
    this.#onDrop = onDrop;
    this.#clock = clock ?? systemClock;
    this.#maxWaiting = maxWaiting;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#maxAhead = maxAhead;
  }

  /** Number of waiting items. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Total size of the waiting items in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The scheduled time of the earliest item, in milliseconds since 1970-01-01 UTC; `null` if none is waiting. */
  get nextAt(): number | null {
    return this.#heap.first?.at ?? null;
  }

  /**
   * Holds `item` until `at`. If that is in the past, the item is due immediately, but never before this call returns.
   *
   * While there is capacity, one sender may use all of it. When it is full, the latest items of the sender with the most are evicted in
   * favour of senders with less, so that nobody can lock others out. `onDrop` receives evicted items.
   *
   * @param at milliseconds since 1970-01-01 UTC, with fractions
   * @throws RangeError if `at` isn't a number, or NaN; OscServerError `OSC_OPTION` for options that aren't {@link ItemOptions}
   */
  schedule(at: number, item: T, options?: ItemOptions): ScheduleResult {
    if (typeof at !== "number" || Number.isNaN(at)) throw new RangeError(`The time of an item must be milliseconds; got ${describe(at)}.`);
    const { sender = "", size } = readOptions("schedule", options, ITEM_CHECKS);
    this.#readOffset();
    const now = this.#clock.monotonicNow();
    const deadline = Math.max(now, at - this.#offset);
    if (deadline - now > this.#maxAhead) return "too-far-ahead";
    const units = Math.max(1, Math.ceil((size * this.#maxWaiting) / this.#maxWaitingBytes));
    const refusal = this.#makeRoom(sender, size, units);
    if (refusal !== null) return refusal;
    const share = this.#shares.of(sender);
    const entry: Entry<T> = { at, deadline, sequence: this.#nextSequence++, size, sender: share, units, content: { item } };
    this.#heap.add(entry);
    this.#shares.add(entry);
    this.#waiting += 1;
    this.#waitingBytes += size;
    this.#setTimer();
    return "scheduled";
  }

  /** Removes all waiting items, and clears the timer. Returns the items in the order in which they would have been due. */
  clear(): T[] {
    const items: T[] = [];
    for (let entry = this.#heap.first; entry !== undefined; entry = this.#heap.first) items.push(this.#remove(entry));
    this.#setTimer();
    return items;
  }

  /** Drops items of the sender with the most until one more fits. Returns the limit reached if that is impossible. */
  #makeRoom(sender: unknown, size: number, units: number): "full" | "too-many-bytes" | null {
    for (;;) {
      const tooMany = this.#waiting >= this.#maxWaiting;
      if (!tooMany && this.#waitingBytes + size <= this.#maxWaitingBytes) return null;
      const victim = this.#shares.latestOfMoreThan(this.#shares.unitsOf(sender) + units);
      if (victim === undefined) return tooMany ? "full" : "too-many-bytes";
      this.#onDrop?.(this.#remove(victim));
    }
  }

  #remove(entry: Entry<T>): T {
    const { content } = entry;
    entry.content = undefined;
    this.#shares.remove(entry);
    this.#waiting -= 1;
    this.#waitingBytes -= entry.size;
    this.#heap.forgetRemoved(this.#waiting);
    return (content as { readonly item: T }).item;
  }

  /**
   * While items wait, keeps the offset unless the clock jumps, so that equal times have equal deadlines. Measuring it for each item would
   * shift deadlines by microseconds and break their order.
   */
  #readOffset(): void {
    const offset = wallClockOffset(this.#clock);
    if (this.#waiting === 0 || Math.abs(offset - this.#offset) > OFFSET_TOLERANCE_MS) this.#offset = offset;
  }

  /** Sets the single timer to the earliest deadline. */
  #setTimer(): void {
    if (this.#firing) return;
    const deadline = this.#heap.first?.deadline ?? Infinity;
    if (deadline === this.#timerDeadline) return;
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#timerDeadline = deadline;
    if (deadline === Infinity) return;
    // Timers count whole milliseconds. If one still fires too early, it finds nothing due and is set again.
    const delay = Math.ceil(Math.max(0, deadline - this.#clock.monotonicNow()));
    this.#timer = this.#clock.setTimer(this.#fire, Math.min(delay, MAX_TIMER_MS));
  }

  readonly #fire = (): void => {
    this.#timer = null;
    this.#timerDeadline = Infinity;
    const now = this.#clock.monotonicNow();
    // Items that `onDue` schedules for now or earlier wait for the next timer, so that this loop terminates.
    const firstNew = this.#nextSequence;
    this.#firing = true;
    try {
      for (let entry = this.#heap.first; entry !== undefined; entry = this.#heap.first) {
        if (entry.deadline > now || entry.sequence >= firstNew) break;
        this.#onDue(this.#remove(entry), entry.at);
      }
    } finally {
      this.#firing = false;
      this.#setTimer();
    }
  };
}

/** Removed entries stay in lists until they outnumber the waiting ones, and this number. */
const MAX_REMOVED = 64;

/** The waiting items of one sender. */
interface Sender<T> {
  readonly key: unknown;
  units: number;
  waiting: number;
  /** Its entries in order of arrival. Some may have been removed. */
  entries: Entry<T>[];
}

/**
 * Tracks the capacity used per sender, in units: one for each item, and more for a large one. Finds the sender with the most in constant
 * time, however many senders a peer pretends to be.
 */
class Shares<T> {
  readonly #senders = new Map<unknown, Sender<T>>();
  /** The senders by number of units used. */
  readonly #byUnits: (Set<Sender<T>> | undefined)[] = [];
  #most = 0;

  of(key: unknown): Sender<T> {
    return this.#senders.get(key) ?? { key, units: 0, waiting: 0, entries: [] };
  }

  unitsOf(key: unknown): number {
    return this.#senders.get(key)?.units ?? 0;
  }

  add(entry: Entry<T>): void {
    const { sender } = entry;
    this.#senders.set(sender.key, sender);
    sender.waiting += 1;
    sender.entries.push(entry);
    this.#move(sender, entry.units);
  }

  /** Call after taking the content of an entry. */
  remove({ sender, units }: Entry<T>): void {
    sender.waiting -= 1;
    this.#move(sender, -units);
    if (sender.waiting === 0) this.#senders.delete(sender.key);
    if (sender.entries.length > sender.waiting * 2 + MAX_REMOVED) sender.entries = sender.entries.filter(isWaiting);
  }

  /** The latest entry of the sender with the most, if that is more than `units`. */
  latestOfMoreThan(units: number): Entry<T> | undefined {
    if (this.#most <= units) return undefined;
    const [sender] = this.#byUnits[this.#most] ?? [];
    return sender === undefined ? undefined : latest(sender.entries);
  }

  #move(sender: Sender<T>, units: number): void {
    this.#byUnits[sender.units]?.delete(sender);
    sender.units += units;
    if (sender.units > 0) (this.#byUnits[sender.units] ??= new Set()).add(sender);
    this.#most = Math.max(this.#most, sender.units);
    while (this.#most > 0 && (this.#byUnits[this.#most]?.size ?? 0) === 0) this.#most -= 1;
  }
}

/** The last waiting entry. Drops removed ones after it. */
function latest<T>(entries: Entry<T>[]): Entry<T> | undefined {
  for (let last = entries.at(-1); last !== undefined; last = entries.at(-1)) {
    if (isWaiting(last)) return last;
    entries.pop();
  }
  return undefined;
}

function isWaiting(entry: Entry<unknown>): boolean {
  return entry.content !== undefined;
}

/** A binary heap of entries, earliest first. Adding and removing take logarithmic time. */
class EntryHeap<T> {
  /** The entry at index `i` isn't later than those at `2i + 1` and `2i + 2`. Some may have been removed. */
  #entries: Entry<T>[] = [];

  /** The earliest waiting entry; among those with the same deadline, the one with the lowest sequence. */
  get first(): Entry<T> | undefined {
    let [first] = this.#entries;
    while (first !== undefined && !isWaiting(first)) {
      this.#removeFirst();
      [first] = this.#entries;
    }
    return first;
  }

  add(entry: Entry<T>): void {
    const entries = this.#entries;
    let hole = entries.length;
    while (hole > 0) {
      const parentIndex = (hole - 1) >> 1;
      const parent = entries[parentIndex] as Entry<T>;
      if (compare(parent, entry) <= 0) break;
      entries[hole] = parent;
      hole = parentIndex;
    }
    entries[hole] = entry;
  }

  /** Compacts the heap if most entries have been removed. A sorted array is a heap. */
  forgetRemoved(waiting: number): void {
    if (this.#entries.length > waiting * 2 + MAX_REMOVED) this.#entries = this.#entries.filter(isWaiting).toSorted(compare);
  }

  #removeFirst(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let hole = 0;
    for (;;) {
      const childIndex = this.#earlierChildOf(hole);
      if (childIndex >= entries.length) break;
      const child = entries[childIndex] as Entry<T>;
      if (compare(last, child) <= 0) break;
      entries[hole] = child;
      hole = childIndex;
    }
    entries[hole] = last;
  }

  /** The index of the earlier of two children; beyond the end if there is none. */
  #earlierChildOf(index: number): number {
    const left = this.#entries[2 * index + 1];
    const right = this.#entries[2 * index + 2];
    return left !== undefined && right !== undefined && compare(right, left) < 0 ? 2 * index + 2 : 2 * index + 1;
  }
}

function compare(left: Entry<unknown>, right: Entry<unknown>): number {
  return left.deadline - right.deadline || left.sequence - right.sequence;
}
