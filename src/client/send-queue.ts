import { OscDroppedError, type OscError } from "../errors.ts";

/** What is dropped when one packet more would have to wait than may: the packet that is sent, or the one that has waited longest. */
export type ClientOverflowPolicy = "drop-newest" | "drop-oldest";

export interface SendQueueLimits {
  readonly maxUnsent: number;
  readonly maxUnsentBytes: number;
  readonly overflow: ClientOverflowPolicy;
}

/** A packet that waits to be sent. */
export interface Unsent {
  readonly packet: Uint8Array;
}

interface Entry<Item> {
  readonly item: Item;
  /** When it was added, by `performance.now()`. */
  readonly since: number;
}

/** Compact after this many consumed slots. */
const COMPACT_AT = 1024;

/** Packets that wait for a connection, or for a slow one, within limits. */
export class SendQueue<Item extends Unsent = Unsent> {
  readonly #limits: SendQueueLimits;
  readonly #onDropped: (item: Item, error: OscError) => void;
  #entries: Entry<Item>[] = [];
  #head = 0;
  #bytes = 0;
  /** How many packets wait. */
  size = 0;
  /** How many packets were dropped because the queue was full. */
  overflowed = 0;

  /** @param onDropped called with each packet that leaves the queue unsent */
  constructor(limits: SendQueueLimits, onDropped: (item: Item, error: OscError) => void) {
    this.#limits = limits;
    this.#onDropped = onDropped;
  }

  /** The packet that has waited longest; it stays in the queue. */
  get first(): Item | undefined {
    return this.#entries[this.#head]?.item;
  }

  /** Since when the first packet has waited, by `performance.now()`; `Infinity` if the queue is empty. */
  get oldest(): number {
    return this.#entries[this.#head]?.since ?? Infinity;
  }

  push(item: Item): void {
    for (let limit = this.#reached(item); limit !== null; limit = this.#reached(item)) {
      const dropped = this.#limits.overflow === "drop-oldest" ? (this.shift() ?? item) : item;
      this.overflowed += 1;
      this.#onDropped(dropped, new OscDroppedError(limit, `A packet was not sent because too many wait for the connection (${limit}).`));
      if (dropped === item) return;
    }
    this.#entries.push({ item, since: performance.now() });
    this.#bytes += item.packet.length;
    this.size += 1;
  }

  shift(): Item | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    this.size -= 1;
    this.#bytes -= entry.item.packet.length;
    if (this.#head === this.#entries.length || this.#head >= COMPACT_AT) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry.item;
  }

  /** Drops all packets, or those that have waited since then or longer. */
  drop(error: OscError, since: number = Infinity): void {
    // Only those that are here now: whoever is told may send again.
    for (let left = this.size; left > 0 && this.size > 0 && this.oldest <= since; left -= 1) this.#onDropped(this.shift() as Item, error);
  }

  #reached({ packet }: Item): "maxUnsent" | "maxUnsentBytes" | null {
    const { maxUnsent, maxUnsentBytes } = this.#limits;
    if (this.size >= maxUnsent) return "maxUnsent";
    return this.#bytes + packet.length > maxUnsentBytes ? "maxUnsentBytes" : null;
  }
}
