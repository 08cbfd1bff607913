import type { MessageFilter } from "../../text/message-filter.ts";
import type { FeedEntry, Hello } from "../protocol.ts";
import { AddressTree, RateMeter } from "./address-tree.ts";
import { Plots, WINDOW_SECONDS } from "./plots.ts";
import { type MemoryBounds, type ReadEntry, RowWindow, readEntry, weightOf } from "./rows.ts";

/** Enough for ten seconds of 5,000 messages per second. */
export const MEMORY: MemoryBounds = { maxRecords: 50_000, maxBytes: 64 * 1024 * 1024 };

/** The data that the views show, independent of drawing. */
export abstract class Store {
  readonly window: RowWindow = new RowWindow(MEMORY);
  readonly tree: AddressTree = new AddressTree();
  readonly plots: Plots;
  meter: RateMeter = new RateMeter();
  messages = 0;
  badPackets = 0;
  filter: MessageFilter | null = null;

  /** @param plotSeconds the time span of the plots */
  protected constructor(plotSeconds: number) {
    this.plots = new Plots(plotSeconds);
  }

  /** Whether times are relative to the beginning of a recording rather than to 1970. */
  abstract readonly isRelative: boolean;

  /** The current time of the view, in milliseconds since 1970. */
  abstract now(): number;

  /** The time at the right end of the plots, in milliseconds since 1970. */
  abstract plotsEnd(): number;

  setFilter(filter: MessageFilter | null): void {
    this.filter = filter;
    this.window.setFilter(filter);
  }

  /** Starts or stops plotting an address. */
  togglePlot(address: string): void {
    this.plots.toggle(address);
  }

  /** Adds a record to everything except the list. */
  protected count({ entry, rows }: ReadEntry): void {
    if (entry.kind === "packet" && rows.some(({ kind }) => kind === "fault")) this.badPackets += 1;
    for (const row of rows) {
      if (row.kind !== "message") continue;
      this.messages += 1;
      this.meter.count(entry.time);
      this.tree.add(row.message, entry.time, weightOf(row.message) + (entry.kind === "packet" ? entry.bytes.length : 0));
      this.plots.add(row.message, entry.time);
    }
  }
}

/** The live feed from the monitor. */
export class LiveStore extends Store {
  readonly isRelative = false;
  readonly account: FeedAccount = new FeedAccount();
  /** The monitor's clock minus this machine's, in milliseconds. */
  #clockOffset = 0;

  constructor() {
    super(WINDOW_SECONDS);
  }

  /** The monitor's time, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  plotsEnd(): number {
    return this.now();
  }

  hello(hello: Hello): void {
    this.account.hello(hello);
    this.#clockOffset = hello.time - Date.now();
  }

  add(entry: FeedEntry): ReadEntry {
    this.account.entry(entry.number);
    const record = readEntry(entry);
    this.window.add(record);
    this.count(record);
    return record;
  }

  /** Removes everything received. The loss counts and the plotted addresses remain. */
  clear(): void {
    this.window.clear();
    this.tree.clear();
    this.plots.clear();
    this.messages = 0;
    this.badPackets = 0;
  }
}

/** Counts received and lost entries, so no loss is silent. */
export class FeedAccount {
  /** Entries received. */
  received = 0;
  /** Entries that the monitor dropped, counted by gaps in their numbers. */
  dropped = 0;
  /** The newest number received, to resume from after reconnecting. */
  newest = 0;
  session = "";
  #expected: number | null = null;

  /** @returns true if the monitor was restarted and its numbering starts again */
  hello({ session }: Hello): boolean {
    const isAnew = this.session !== "" && this.session !== session;
    if (this.session !== session) {
      this.newest = 0;
      this.#expected = null;
    }
    this.session = session;
    return isAnew;
  }

  /** Counts an entry with this number. Entries before the first one received don't count as lost. */
  entry(number: number): void {
    this.received += 1;
    if (this.#expected !== null && number > this.#expected) this.dropped += number - this.#expected;
    this.#expected = number + 1;
    this.newest = number;
  }
}

/** Maximum number of lines kept. */
const MAX_LINES = 50;

/** The lines sent, newest last, with a cursor for the arrow keys. */
export class SendHistory {
  #lines: string[];
  #place: number;
  #draft = "";

  /** @param lines the {@link lines} of an earlier visit */
  constructor(lines: readonly string[] = []) {
    this.#lines = lines.slice(-MAX_LINES);
    this.#place = this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Adds a sent line at the end, without duplicates. */
  add(line: string): void {
    this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-MAX_LINES);
    this.#place = this.#lines.length;
    this.#draft = "";
  }

  /** The previous line; null at the oldest. Keeps `shown` as the draft to return to. */
  older(shown: string): string | null {
    if (this.#place === 0) return null;
    if (this.#place === this.#lines.length) this.#draft = shown;
    this.#place -= 1;
    return this.#lines[this.#place] ?? null;
  }

  /** The next line, and finally the draft; null at the draft. */
  newer(): string | null {
    if (this.#place === this.#lines.length) return null;
    this.#place += 1;
    return this.#lines[this.#place] ?? this.#draft;
  }
}
