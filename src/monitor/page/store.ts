import type { MessageFilter } from "../../text/message-filter.ts";
import type { FeedEntry, Hello } from "../protocol.ts";
import { AddressTree, RateMeter } from "./address-tree.ts";
import { Plots, WINDOW_SECONDS } from "./plots.ts";
import { type MemoryBounds, type ReadEntry, RowWindow, readEntry, weightOf } from "./rows.ts";

/** What the page keeps: ten seconds of 5,000 messages per second. */
export const MEMORY: MemoryBounds = { maxRecords: 50_000, maxBytes: 64 * 1024 * 1024 };

/** What the views show, apart from how it is drawn. */
export abstract class Store {
  readonly window: RowWindow = new RowWindow(MEMORY);
  readonly tree: AddressTree = new AddressTree();
  readonly plots: Plots;
  meter: RateMeter = new RateMeter();
  messages = 0;
  badPackets = 0;
  filter: MessageFilter | null = null;

  /** @param plotSeconds how much time the plots show */
  protected constructor(plotSeconds: number) {
    this.plots = new Plots(plotSeconds);
  }

  /** Whether times count from the beginning of a recording and not from 1970. */
  abstract readonly isRelative: boolean;

  /** The time that is shown, in milliseconds since 1970. */
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

/** What arrives from the monitor. */
export class LiveStore extends Store {
  readonly isRelative = false;
  readonly account: FeedAccount = new FeedAccount();
  /** What has to be added to this machine's clock to get the monitor's, in milliseconds. */
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

  /** Removes what arrived. The counts of losses, and the plotted addresses, remain. */
  clear(): void {
    this.window.clear();
    this.tree.clear();
    this.plots.clear();
    this.messages = 0;
    this.badPackets = 0;
  }
}

/** Counts what the feed brought, so that nothing is lost silently. */
export class FeedAccount {
  /** Entries that arrived here. */
  received = 0;
  /** Entries that the monitor had to drop on their way, by the gaps in their numbers. */
  dropped = 0;
  /** The newest number that arrived, to go on from after the connection was lost. */
  newest = 0;
  session = "";
  #expected: number | null = null;

  /** @returns true if the monitor was restarted, so that its numbers begin again */
  hello({ session }: Hello): boolean {
    const isAnew = this.session !== "" && this.session !== session;
    if (this.session !== session) {
      this.newest = 0;
      this.#expected = null;
    }
    this.session = session;
    return isAnew;
  }

  /** An entry with that number arrived. Entries before the first one are not lost; they are the past. */
  entry(number: number): void {
    this.received += 1;
    if (this.#expected !== null && number > this.#expected) this.dropped += number - this.#expected;
    this.#expected = number + 1;
    this.newest = number;
  }
}

/** How many lines are kept. */
const MAX_LINES = 50;

/** The lines that were sent, the newest last, and a place among them that the arrow keys move. */
export class SendHistory {
  #lines: string[];
  #place: number;
  #draft = "";

  /** @param lines as {@link lines} gave them, of an earlier visit */
  constructor(lines: readonly string[] = []) {
    this.#lines = lines.slice(-MAX_LINES);
    this.#place = this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Remembers a line that was sent: once, at the end. */
  add(line: string): void {
    this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-MAX_LINES);
    this.#place = this.#lines.length;
    this.#draft = "";
  }

  /** The line before the one that is shown; null at the oldest. What was typed is kept for the way back. */
  older(shown: string): string | null {
    if (this.#place === 0) return null;
    if (this.#place === this.#lines.length) this.#draft = shown;
    this.#place -= 1;
    return this.#lines[this.#place] ?? null;
  }

  /** The line after the one that is shown: in the end what was typed; null there. */
  newer(): string | null {
    if (this.#place === this.#lines.length) return null;
    this.#place += 1;
    return this.#lines[this.#place] ?? this.#draft;
  }
}
