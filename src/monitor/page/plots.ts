import type { OscMessage, OscValue } from "../../codec/index.ts";

/** The time span of live plots. */
export const WINDOW_SECONDS = 30;
/** Maximum number of arguments drawn per message. */
export const MAX_LINES = 4;
/** Number of buckets per plot, each about one pixel wide. Samples within a bucket are reduced to the visible ones. */
const BUCKETS = 600;

/** Times in seconds since 1970, and for each line one value or null per time. */
export type PlotData = [times: number[], ...lines: (number | null)[][]];

/**
 * The numbers of one address over time. Each bucket keeps only the first, last, minimum and maximum of each line, which look
 * the same when drawn. This bounds memory at any message rate.
 */
export class PlotSeries {
  readonly #times: number[] = [];
  readonly #lines: (number | null)[][] = [];
  /** Index of the current bucket's first sample. */
  #bucketStart = 0;
  #bucket = Number.NEGATIVE_INFINITY;
  readonly #windowSeconds: number;

  /** @param windowSeconds the time span of the plot */
  constructor(windowSeconds: number = WINDOW_SECONDS) {
    this.#windowSeconds = windowSeconds;
  }

  /** Number of lines: the largest number of numeric arguments in a message, up to {@link MAX_LINES}. */
  get lines(): number {
    return this.#lines.length;
  }

  get size(): number {
    return this.#times.length;
  }

  /** @param time in milliseconds since 1970 */
  add(values: readonly number[], time: number): void {
    const seconds = time / 1000;
    const bucket = Math.floor((seconds / this.#windowSeconds) * BUCKETS);
    if (bucket !== this.#bucket) {
      this.#thin();
      this.#bucket = bucket;
      this.#bucketStart = this.#times.length;
      this.#forget(seconds - this.#windowSeconds);
    }
    while (this.#lines.length < Math.min(values.length, MAX_LINES)) this.#lines.push(this.#times.map(() => null));
    this.#times.push(seconds);
    for (const [index, line] of this.#lines.entries()) line.push(values[index] ?? null);
    // A single bucket must stay bounded too.
    if (this.#times.length - this.#bucketStart > MAX_BUCKET) this.#thin();
  }

  data(): PlotData {
    return [this.#times, ...this.#lines];
  }

  #thin(): void {
    const start = this.#bucketStart;
    const end = this.#times.length;
    if (end - start <= 2 + 2 * this.#lines.length) return;
    const kept = new Set([start, end - 1]);
    for (const line of this.#lines) {
      let least = -1;
      let greatest = -1;
      for (let index = start; index < end; index += 1) {
        const value = line[index] ?? null;
        if (value === null) continue;
        if (least === -1 || value < (line[least] ?? value)) least = index;
        if (greatest === -1 || value > (line[greatest] ?? value)) greatest = index;
      }
      if (least !== -1) kept.add(least).add(greatest);
    }
    let at = start;
    for (const index of [...kept].toSorted((a, b) => a - b)) {
      this.#times[at] = this.#times[index]!;
      for (const line of this.#lines) line[at] = line[index] ?? null;
      at += 1;
    }
    this.#cutTo(at);
  }

  /** Drops older samples except the last, which the line at the left edge starts from. */
  #forget(before: number): void {
    let gone = 0;
    while (gone + 1 < this.#times.length && this.#times[gone + 1]! < before) gone += 1;
    if (gone < MIN_FORGOTTEN) return;
    this.#times.splice(0, gone);
    for (const line of this.#lines) line.splice(0, gone);
    this.#bucketStart -= gone;
  }

  #cutTo(length: number): void {
    this.#times.length = length;
    for (const line of this.#lines) line.length = length;
  }
}

const MAX_BUCKET = 512;
/** Arrays are compacted only after this many samples. */
const MIN_FORGOTTEN = 64;

/** The numeric arguments of a message in order, including those in arrays. Booleans count as 0 and 1. */
export function numbersOf({ args }: OscMessage): number[] {
  const numbers: number[] = [];
  const visit = (value: OscValue): void => {
    if (typeof value === "number") {
      if (Number.isFinite(value)) numbers.push(value);
    } else if (typeof value === "bigint") numbers.push(Number(value));
    else if (typeof value === "boolean") numbers.push(value ? 1 : 0);
    else if (Array.isArray(value)) for (const inner of value as readonly OscValue[]) visit(inner);
  };
  for (const value of args) visit(value);
  return numbers;
}

/** Maximum number of plots. */
export const MAX_PLOTS = 8;
/** Number of addresses that are plotted automatically. */
const AUTOMATIC_PLOTS = 3;

/** Which addresses are plotted, and their numbers. */
export class Plots {
  /** The time span of the plots. */
  readonly windowSeconds: number;
  readonly #series = new Map<string, PlotSeries>();
  /** True until the user chooses an address. */
  #isAutomatic = true;

  constructor(windowSeconds: number = WINDOW_SECONDS) {
    this.windowSeconds = windowSeconds;
  }

  /** The plotted addresses, in the order they were added. */
  get addresses(): readonly string[] {
    return [...this.#series.keys()];
  }

  seriesOf(address: string): PlotSeries | undefined {
    return this.#series.get(address);
  }

  /** @param time in milliseconds since 1970 */
  add(message: OscMessage, time: number): void {
    const { address } = message;
    let series = this.#series.get(address);
    if (series === undefined) {
      if (!this.#isAutomatic || this.#series.size >= AUTOMATIC_PLOTS || numbersOf(message).length === 0) return;
      series = new PlotSeries(this.windowSeconds);
      this.#series.set(address, series);
    }
    const numbers = numbersOf(message);
    if (numbers.length > 0) series.add(numbers, time);
  }

  /** Starts or stops plotting an address. Beyond {@link MAX_PLOTS}, the oldest plot is removed. */
  toggle(address: string): void {
    this.#isAutomatic = false;
    if (this.#series.delete(address)) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined && this.#series.size >= MAX_PLOTS) this.#series.delete(oldest);
    this.#series.set(address, new PlotSeries(this.windowSeconds));
  }

  clear(): void {
    for (const address of this.#series.keys()) this.#series.set(address, new PlotSeries(this.windowSeconds));
  }
}
