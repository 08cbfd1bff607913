import { formatJson } from "../../text/json.ts";
import type { MessageFilter } from "../../text/message-filter.ts";
import type { FeedEntry, Hello } from "../protocol.ts";
import { AddressTree, RateMeter } from "./address-tree.ts";
import { Plots } from "./plots.ts";
import { type ReadEntry, RowWindow, readEntry, weightOf } from "./rows.ts";

/** What the page keeps: ten seconds of 5,000 messages per second. */
const MEMORY = { maxRecords: 50_000, maxBytes: 64 * 1024 * 1024 };

/** The state of the page, apart from how it is drawn. */
export class Store {
  readonly window: RowWindow = new RowWindow(MEMORY);
  readonly tree: AddressTree = new AddressTree();
  readonly plots: Plots = new Plots();
  readonly account: FeedAccount = new FeedAccount();
  readonly meter: RateMeter = new RateMeter();
  messages = 0;
  badPackets = 0;
  filter: MessageFilter | null = null;
  /** What has to be added to this machine's clock to get the monitor's, in milliseconds. */
  #clockOffset = 0;

  /** The monitor's time, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#clockOffset;
  }

  hello(hello: Hello): void {
    this.account.hello(hello);
    this.#clockOffset = hello.time - Date.now();
  }

  add(entry: FeedEntry): void {
    this.account.entry(entry.number);
    const record = readEntry(entry);
    this.window.add(record);
    if (entry.kind === "packet" && record.rows.some(({ kind }) => kind === "fault")) this.badPackets += 1;
    for (const row of record.rows) {
      if (row.kind !== "message") continue;
      this.messages += 1;
      this.meter.count(entry.time);
      this.tree.add(row.message, entry.time, weightOf(row.message) + (entry.kind === "packet" ? entry.bytes.length : 0));
      this.plots.add(row.message, entry.time);
    }
  }

  setFilter(filter: MessageFilter | null): void {
    this.filter = filter;
    this.window.setFilter(filter);
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

/** Packets as `oscine dump --json` prints them: one JSON object a line. Bad packets have no such form and are left out. */
export function jsonLines(records: readonly ReadEntry[], filter: MessageFilter | null): string {
  const lines: string[] = [];
  for (const { entry, packet } of records) {
    if (entry.kind !== "packet" || packet === null) continue;
    const wanted = filter === null ? packet : filter.select(packet);
    if (wanted !== null) lines.push(formatJson(wanted, entry));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
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
