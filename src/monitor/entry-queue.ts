import type { FeedEntry } from "./feed-protocol.ts";

/** What an entry takes besides its bytes, about. */
const OVERHEAD_BYTES = 128;

/** How much is kept. */
export interface EntryBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Entries in their order, within bounds: where one more would exceed them, the oldest go. */
export class EntryQueue {
  readonly #bounds: EntryBounds;
  #entries: FeedEntry[] = [];
  /** Those before this place are gone. */
  #head = 0;
  #bytes = 0;

  constructor(bounds: EntryBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.length - this.#head;
  }

  /** @returns how many of the oldest were dropped */
  push(entry: FeedEntry): number {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    let dropped = 0;
    while (this.size > 0 && (this.size > this.#bounds.maxEntries || this.#bytes > this.#bounds.maxBytes)) {
      this.#shift();
      dropped += 1;
    }
    return dropped;
  }

  /** Takes the oldest out: so many, and as many as have so many bytes together, but one at least. */
  take({ maxEntries, maxBytes }: EntryBounds): FeedEntry[] {
    const taken: FeedEntry[] = [];
    let bytes = 0;
    while (this.size > 0 && taken.length < maxEntries && (taken.length === 0 || bytes < maxBytes)) {
      const entry = this.#shift();
      bytes += sizeOf(entry);
      taken.push(entry);
    }
    return taken;
  }

  /** Those with a larger number. */
  after(number: number): readonly FeedEntry[] {
    return this.#entries.slice(this.#head).filter((entry) => entry.number > number);
  }

  #shift(): FeedEntry {
    const entry = this.#entries[this.#head]!;
    this.#head += 1;
    this.#bytes -= sizeOf(entry);
    // Moving the rest costs as much as what was taken since it was moved last.
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }
}

function sizeOf(entry: FeedEntry): number {
  return OVERHEAD_BYTES + (entry.kind === "packet" ? entry.bytes.length : entry.message.length);
}
