import type { RawData, WebSocket } from "ws";
import type { ReceivedMessage } from "../client/index.ts";
import { OscBundle, type OscPacket, decode, encode } from "../codec/index.ts";
import type { OscError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { compact } from "../transport/memory-budget.ts";
import type { MethodsFeed } from "./methods.ts";
import {
  type FeedEntry,
  type FeedPacket,
  type FeedProblem,
  type SendCommand,
  encodeEntries,
  encodeFailed,
  encodeReply,
  encodeSent,
  readSendCommand,
} from "./protocol.ts";

/** Numbers every entry, keeps the newest ones for pages that come later, and hands them to the open pages. */
export class Feed {
  /** The number of the newest entry; 0 if there is none. */
  newest = 0;
  readonly pages: Set<PageConnection> = new Set();
  readonly #history: EntryQueue;

  constructor(history: EntryBounds) {
    this.#history = new EntryQueue(history);
  }

  add(entry: Omit<FeedPacket, "number"> | Omit<FeedProblem, "number">): void {
    this.newest += 1;
    // A small view would retain everything that was read with it.
    const kept = entry.kind === "packet" ? { ...entry, bytes: compact(entry.bytes) } : entry;
    const numbered: FeedEntry = { ...kept, number: this.newest };
    this.#history.push(numbered);
    for (const page of this.pages) page.enqueue(numbered);
  }

  /** Adds a page. It first gets the kept entries after that number. */
  join(page: PageConnection, after: number): void {
    for (const entry of this.#history.after(after)) page.enqueue(entry);
    this.pages.add(page);
  }
}

/** About what the objects of an entry take besides its bytes and texts. */
const OVERHEAD_BYTES = 400;

/** How much is kept. */
export interface EntryBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Entries in order, within limits: if one more exceeds them, the oldest go. */
export class EntryQueue {
  readonly #bounds: EntryBounds;
  #entries: FeedEntry[] = [];
  /** Entries before this index are gone. */
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

  /** Takes out the oldest, at most that many entries and bytes, but at least one. */
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

  /** The entries with a larger number. */
  after(number: number): readonly FeedEntry[] {
    return this.#entries.slice(this.#head).filter((entry) => entry.number > number);
  }

  #shift(): FeedEntry {
    const entry = this.#entries[this.#head]!;
    this.#head += 1;
    this.#bytes -= sizeOf(entry);
    // Moving the rest costs no more than what was taken since the last time.
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }
}

function sizeOf(entry: FeedEntry): number {
  return OVERHEAD_BYTES + (entry.kind === "packet" ? entry.bytes.length : 2 * entry.message.length);
}

/** How long entries are collected: a page draws no faster. */
const BATCH_MS = 20;
/** The most that one frame holds. */
const BATCH: EntryBounds = { maxEntries: 1000, maxBytes: 512 * 1024 };
/** While the socket holds more than this, entries wait in the page's queue, which is limited. */
const FULL_BYTES = 1024 * 1024;

/** What the monitor does for a page. */
interface PageEvents {
  readonly createSender: SenderFactory;
  /** The methods to show; null for none. */
  readonly methods: MethodsFeed | null;
  /** A frame came that is not a command. */
  readonly ignored: () => void;
}

/**
 * One page, and what waits to be sent to it. A page that doesn't read fast enough loses the oldest entries that wait for it. They are counted, and the page
 * shows their number.
 */
export class PageConnection {
  /** Entries that this page didn't get. */
  dropped = 0;
  readonly #socket: WebSocket;
  readonly #queue: EntryQueue;
  readonly #senders: PageSenders;
  readonly #methods: PageEvents["methods"];
  /** Whether the page is to get the methods again. */
  #areMethodsDue = false;
  /** What {@link dropped} was when it last got them. */
  #droppedBefore = 0;
  #timer: NodeJS.Timeout | null = null;
  #hasAnswered = true;

  constructor(socket: WebSocket, bounds: EntryBounds, { createSender, methods, ignored }: PageEvents) {
    this.#socket = socket;
    this.#methods = methods;
    this.#queue = new EntryQueue(bounds);
    this.#senders = new PageSenders(createSender, (frame) => this.say(frame));
    socket.on("message", (data, isBinary) => {
      const command = isBinary ? readSendCommand(bytesOf(data)) : null;
      if (command === null) ignored();
      else void this.#senders.send(command);
    });
    socket.on("pong", () => (this.#hasAnswered = true));
    // A frame that is too large or broken closes the connection; "close" follows.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#end());
  }

  /** Sends a frame now. It is lost if the page has gone or doesn't read. */
  say(frame: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount <= FULL_BYTES) this.#socket.send(frame);
  }

  /** Sends an entry soon, together with others. */
  enqueue(entry: FeedEntry): void {
    this.dropped += this.#queue.push(entry);
    this.#flushSoon();
  }

  /** Sends the methods soon, if there are any. */
  sendMethods(): void {
    if (this.#methods === null) return;
    this.#areMethodsDue = true;
    this.#flushSoon();
  }

  /** Called periodically: what was dropped may have been the newest value of a method. */
  catchUp(): void {
    if (this.dropped !== this.#droppedBefore) this.sendMethods();
  }

  /** Called periodically: ends a connection whose other end has vanished. */
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

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS).unref();
  }

  #flush(): void {
    this.#timer = null;
    if (this.#areMethodsDue && this.#methods !== null && this.#socket.bufferedAmount <= FULL_BYTES) {
      this.#areMethodsDue = false;
      this.#droppedBefore = this.dropped;
      this.#socket.send(this.#methods.frame());
    }
    while (this.#queue.size > 0 && this.#socket.bufferedAmount <= FULL_BYTES) {
      this.#socket.send(encodeEntries(this.#queue.take(BATCH)));
    }
    if (this.#queue.size > 0 || this.#areMethodsDue) this.#flushSoon();
  }

  #end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#areMethodsDue = false;
    this.#queue.take({ maxEntries: Infinity, maxBytes: Infinity });
    void this.#senders.close();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Array.isArray(data) ? Buffer.concat(data) : data;
}

/** Sends to one target and receives replies, as the clients of the library do. */
export interface Sender {
  readonly clientAddress: NetAddress | null;
  open(): Promise<unknown>;
  sendBytes(packet: Uint8Array): Promise<void>;
  /** Missing if nothing comes back. */
  receive?(): AsyncIterable<ReceivedMessage>;
  close(): Promise<void>;
}

/**
 * Makes a sender for the target that the user typed. `onError` reports later failures, such as a send that the other machine refused.
 *
 * @throws (rejects) Error whose message says what is wrong with the target
 */
export type SenderFactory = (
  target: string,
  onError: (error: OscError) => void,
) => Promise<{ readonly sender: Sender; readonly transport: string }>;

/** A page that sends to more targets closes the socket that it hasn't used for longest. */
const MAX_SENDERS = 8;

interface OpenSender {
  readonly made: ReturnType<SenderFactory>;
  /** The newest command; replies are shown with it. */
  id: number;
}

/** The sockets that one page sends from. They stay open, so that late replies are shown as well. */
class PageSenders {
  readonly #factory: SenderFactory;
  readonly #answer: (frame: Uint8Array) => void;
  /** By target, the most recently used one last. */
  readonly #senders = new Map<string, OpenSender>();

  constructor(factory: SenderFactory, answer: (frame: Uint8Array) => void) {
    this.#factory = factory;
    this.#answer = answer;
  }

  /** Never rejects: the page is told what failed. */
  async send({ id, target, packet }: SendCommand): Promise<void> {
    try {
      decode(packet);
      const open = this.#senders.get(target) ?? this.#create(target);
      this.#senders.delete(target);
      this.#senders.set(target, open);
      open.id = id;
      const { sender } = await open.made;
      await sender.open();
      await sender.sendBytes(packet);
      const { clientAddress } = sender;
      this.#answer(encodeSent(id, clientAddress === null ? "" : formatAddress(clientAddress)));
    } catch (error) {
      this.#answer(encodeFailed(id, error instanceof Error ? error.message : String(error)));
    }
  }

  async close(): Promise<void> {
    const senders = [...this.#senders.values()];
    this.#senders.clear();
    await Promise.all(senders.map(closeSender));
  }

  #create(target: string): OpenSender {
    const made = this.#factory(target, (error) => this.#answer(encodeFailed(open.id, error.message)));
    const open: OpenSender = { made, id: 0 };
    const [oldest] = this.#senders;
    if (oldest !== undefined && this.#senders.size >= MAX_SENDERS) {
      this.#senders.delete(oldest[0]);
      void closeSender(oldest[1]);
    }
    void this.#listen(open, target);
    return open;
  }

  async #listen(open: OpenSender, target: string): Promise<void> {
    try {
      const { sender, transport } = await open.made;
      if (sender.receive === undefined) return;
      for await (const { message, timeTag, from } of sender.receive()) {
        const packet: OscPacket = timeTag === null ? message : new OscBundle(message, timeTag);
        this.#answer(encodeReply(open.id, { time: Date.now(), from: formatAddress(from), transport, bytes: encode(packet) }));
      }
    } catch {
      // The send that needed the socket reports why it cannot be opened.
    }
    if (this.#senders.get(target) === open) this.#senders.delete(target);
  }
}

async function closeSender({ made }: OpenSender): Promise<void> {
  const opened = await made.catch(() => null);
  await opened?.sender.close();
}
