import type { OscMessage, TimeTag } from "../codec/index.ts";
import { Fifo } from "../fifo.ts";
import type { NetAddress } from "../net-address.ts";
import type { Wait } from "./options.ts";
import { startTimer } from "./timer.ts";

/** A message, its sender and its time tag. */
export interface ReceivedMessage {
  /** The message. */
  readonly message: OscMessage;
  /** Who sent it. */
  readonly from: NetAddress;
  /** The time tag of the innermost bundle around the message; `null` outside a bundle. */
  readonly timeTag: TimeTag | null;
}

interface Entry {
  readonly received: ReceivedMessage;
  /** Its share of the bytes of its packet. */
  readonly bytes: number;
}

type Waiter = (received: ReceivedMessage | null) => void;

/** The messages that nobody has read yet, within limits, and the readers that wait for the next. Each message goes to one reader. */
export class Inbox {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #entries = new Fifo<Entry>();
  /** In the order in which they began to wait. */
  readonly #waiters = new Set<Waiter>();
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** How many messages nobody has read. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Gives the message to the reader that has waited longest, or keeps it. Drops the oldest messages beyond a limit.
   *
   * @returns how many messages were dropped
   */
  push(received: ReceivedMessage, bytes: number): number {
    for (const waiter of this.#waiters) {
      waiter(received);
      return 0;
    }
    this.#entries.push({ received, bytes });
    this.#bytes += bytes;
    let dropped = 0;
    while (this.#entries.size > this.#maxMessages || this.#bytes > this.#maxBytes) {
      this.shift();
      dropped += 1;
    }
    return dropped;
  }

  /** The oldest message, or `null`. */
  shift(): ReceivedMessage | null {
    const entry = this.#entries.shift();
    if (entry === undefined) return null;
    this.#bytes -= entry.bytes;
    return entry.received;
  }

  /** Waits for the oldest message; `null` when the time is over, the signal aborted or the inbox interrupted. */
  take({ timeout, signal }: Wait): Promise<ReceivedMessage | null> {
    const first = this.shift();
    if (first !== null || signal?.aborted === true) return Promise.resolve(first);
    return new Promise((resolve) => {
      const waiter: Waiter = (received) => {
        this.#waiters.delete(waiter);
        stopTimer();
        signal?.removeEventListener("abort", giveUp);
        resolve(received);
      };
      const giveUp = (): void => waiter(null);
      const stopTimer = startTimer(timeout, giveUp);
      signal?.addEventListener("abort", giveUp);
      this.#waiters.add(waiter);
    });
  }

  /** Ends every wait. The messages stay. */
  interrupt(): void {
    for (const waiter of this.#waiters) waiter(null);
  }

  /** Forgets the messages. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
