import type { MessageFilter } from "../../../text/message-filter.ts";
import type { FeedEntry, Hello } from "../../protocol.ts";
import { AddressTree } from "./address-tree.ts";
import { FeedAccount } from "./feed-account.ts";
import { Plots } from "./plots.ts";
import { RateMeter } from "./rate-meter.ts";
import { readEntry, weightOf } from "./read-entry.ts";
import { RowWindow } from "./row-window.ts";

/** What the page keeps: ten seconds of 5,000 messages per second. */
const MEMORY = { maxRecords: 50_000, maxBytes: 64 * 1024 * 1024 };

/** All that the page knows, apart from how it is drawn. */
export class Picture {
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

  /** Forgets what arrived. Where losses stand, and which addresses are plotted, remains. */
  clear(): void {
    this.window.clear();
    this.tree.clear();
    this.plots.clear();
    this.messages = 0;
    this.badPackets = 0;
  }
}
