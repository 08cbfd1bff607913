import type { RawData, WebSocket } from "ws";
import { type EntryBounds, EntryQueue } from "./entry-queue.ts";
import { type FeedEntry, encodeEntries, readSendCommand } from "./feed-protocol.ts";
import { PageSenders, type SenderFactory } from "./page-senders.ts";

/** Entries are collected for so long: a page draws no faster. */
const BATCH_MS = 20;
/** What one frame holds at most. */
const BATCH: EntryBounds = { maxEntries: 1000, maxBytes: 512 * 1024 };
/** While the socket holds more than this, what arrives waits in the page's queue, which is bounded. */
const FULL_BYTES = 1024 * 1024;

/** What is done for a page, by the monitor. */
export interface PageEvents {
  readonly createSender: SenderFactory;
  /** A frame came that is no command. */
  readonly ignored: () => void;
}

/**
 * One page and what waits to be sent to it. The policy: a page that does not read fast enough loses the oldest entries that wait for it; they are
 * counted, and the page shows their number.
 */
export class PageConnection {
  /** Entries that this page did not get. */
  dropped = 0;
  readonly #socket: WebSocket;
  readonly #queue: EntryQueue;
  readonly #senders: PageSenders;
  #timer: NodeJS.Timeout | null = null;
  #hasAnswered = true;

  constructor(socket: WebSocket, bounds: EntryBounds, { createSender, ignored }: PageEvents) {
    this.#socket = socket;
    this.#queue = new EntryQueue(bounds);
    this.#senders = new PageSenders(createSender, (frame) => this.say(frame));
    socket.on("message", (data, isBinary) => {
      const command = isBinary ? readSendCommand(bytesOf(data)) : null;
      if (command === null) ignored();
      else void this.#senders.send(command);
    });
    socket.on("pong", () => (this.#hasAnswered = true));
    // A frame that is too large, or broken, closes the connection; "close" follows.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#end());
  }

  /** Sends something now. It is lost where the page has gone, or does not read. */
  say(frame: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount <= FULL_BYTES) this.#socket.send(frame);
  }

  /** Sends an entry soon, together with others. */
  enqueue(entry: FeedEntry): void {
    this.dropped += this.#queue.push(entry);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS).unref();
  }

  /** Called now and then: ends a connection whose other end is gone without a word. */
  checkAlive(): void {
    if (!this.#hasAnswered) return this.#socket.terminate();
    this.#hasAnswered = false;
    this.#socket.ping();
  }

  close(): void {
    // 1001: going away.
    this.#socket.close(1001);
    this.#end();
    setTimeout(() => this.#socket.terminate(), 200).unref();
  }

  #flush(): void {
    this.#timer = null;
    while (this.#queue.size > 0 && this.#socket.bufferedAmount <= FULL_BYTES) {
      this.#socket.send(encodeEntries(this.#queue.take(BATCH)));
    }
    if (this.#queue.size > 0) this.#timer = setTimeout(() => this.#flush(), BATCH_MS).unref();
  }

  #end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue.take({ maxEntries: Infinity, maxBytes: Infinity });
    void this.#senders.close();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Array.isArray(data) ? Buffer.concat(data) : data;
}
