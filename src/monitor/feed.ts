import { type EntryBounds, EntryQueue } from "./entry-queue.ts";
import type { FeedEntry, FeedPacket, FeedProblem } from "./feed-protocol.ts";
import type { PageConnection } from "./page-connection.ts";

/** Gives every entry its number, keeps the last ones for pages to come, and hands them to the pages there are. */
export class Feed {
  /** The number of the newest entry; 0 where there is none. */
  newest = 0;
  readonly pages: Set<PageConnection> = new Set();
  readonly #history: EntryQueue;

  constructor(history: EntryBounds) {
    this.#history = new EntryQueue(history);
  }

  add(entry: Omit<FeedPacket, "number"> | Omit<FeedProblem, "number">): void {
    this.newest += 1;
    const numbered: FeedEntry = { ...entry, number: this.newest };
    this.#history.push(numbered);
    for (const page of this.pages) page.enqueue(numbered);
  }

  /** Adds a page, which gets what is kept of the entries after that number first. */
  join(page: PageConnection, after: number): void {
    for (const entry of this.#history.after(after)) page.enqueue(entry);
    this.pages.add(page);
  }
}
