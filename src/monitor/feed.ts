import type { RawData, WebSocket } from "ws";
import type { ReceivedMessage } from "../client/index.ts";
import { OscBundle, type OscPacket, decode, encode } from "../codec/index.ts";
import type { OscError } from "../errors.ts";
import { Fifo } from "../fifo.ts";
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

/** Numbers every entry, keeps the newest ones for pages that connect later, and sends them to the open pages. */
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
    // A view would retain the whole read buffer.
    const kept = entry.kind === "packet" ? { ...entry, bytes: compact(entry.bytes) } : entry;
    const numbered: FeedEntry = { ...kept, number: this.newest };
    this.#history.push(numbered);
    for (const page of this.pages) page.enqueue(numbered);
  }

  /** Adds a page. It first receives the kept entries numbered above `after`. */
  join(page: PageConnection, after: number): void {
    for (const entry of this.#history.after(after)) page.enqueue(entry);
    this.pages.add(page);
  }
}

/** Approximate size of an entry's objects, excluding its bytes and strings. */
const OVERHEAD_BYTES = 400;

/** Limits of a queue. */
export interface EntryBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** A bounded FIFO queue of entries: beyond its limits, it drops the oldest. */
export class EntryQueue {
  readonly #bounds: EntryBounds;
  readonly #entries = new Fifo<FeedEntry>();
  #bytes = 0;

  constructor(bounds: EntryBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns the number of old entries dropped */
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

  /** Removes and returns the oldest entries, within the limits but at least one. */
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

  /** The entries numbered above `number`. */
  after(number: number): readonly FeedEntry[] {
    return Array.from({ length: this.size }, (_, index) => this.#entries.peek(index)!).filter((entry) => entry.number > number);
  }

  #shift(): FeedEntry {
    const entry = this.#entries.shift()!;
    this.#bytes -= sizeOf(entry);
    return entry;
  }
}

function sizeOf(entry: FeedEntry): number {
  return OVERHEAD_BYTES + (entry.kind === "packet" ? entry.bytes.length : 2 * entry.message.length);
}

/** How long entries are batched: a page doesn't draw faster than this. */
const BATCH_MS = 20;
/** Limits of one frame. */
const BATCH: EntryBounds = { maxEntries: 1000, maxBytes: 512 * 1024 };
/** While the socket buffers more than this, entries wait in the page's bounded queue. */
const FULL_BYTES = 1024 * 1024;

/** What a page connection needs from the monitor. */
interface PageEvents {
  readonly createSender: SenderFactory;
  /** The methods to show; null for none. */
  readonly methods: MethodsFeed | null;
  /** Called for each frame that isn't a command. */
  readonly ignored: () => void;
}

/**
 * The connection to one page, with its send queue. If a page reads too slowly, its oldest queued entries are dropped and counted, and the page shows the
 * count.
 */
export class PageConnection {
  /** Entries dropped for this page. */
  dropped = 0;
  readonly #socket: WebSocket;
  readonly #queue: EntryQueue;
  readonly #senders: PageSenders;
  readonly #methods: PageEvents["methods"];
  /** Whether to send the methods again. */
  #areMethodsDue = false;
  /** The value of {@link dropped} when the methods were last sent. */
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
    // An oversized or malformed frame closes the connection; "close" follows.
    socket.on("error", () => undefined);
    socket.once("close", () => this.#end());
  }

  /** Sends a frame now. Drops it if the page has disconnected or doesn't read. */
  say(frame: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount <= FULL_BYTES) this.#socket.send(frame);
  }

  /** Queues an entry for the next batch. */
  enqueue(entry: FeedEntry): void {
    this.dropped += this.#queue.push(entry);
    this.#flushSoon();
  }

  /** Sends the methods, if any, with the next batch. */
  sendMethods(): void {
    if (this.#methods === null) return;
    this.#areMethodsDue = true;
    this.#flushSoon();
  }

  /** Called periodically. Resends the methods after drops, which may have included the newest value of a method. */
  catchUp(): void {
    if (this.dropped !== this.#droppedBefore) this.sendMethods();
  }

  /** Called periodically. Terminates a connection that didn't answer the last ping. */
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

/** Sends to one target and receives replies, like the library's clients. */
export interface Sender {
  readonly clientAddress: NetAddress | null;
  open(): Promise<unknown>;
  sendBytes(packet: Uint8Array): Promise<void>;
  /** Missing if the target can't reply. */
  receive?(): AsyncIterable<ReceivedMessage>;
  close(): Promise<void>;
}

/**
 * Creates a sender for the target that the user typed. `onError` reports later failures, such as a send that the remote machine rejected.
 *
 * @throws (rejects) Error with a message that says what is wrong with the target
 */
export type SenderFactory = (
  target: string,
  onError: (error: OscError) => void,
) => Promise<{ readonly sender: Sender; readonly transport: string }>;

/** Maximum number of open targets per page; beyond that, the least recently used one is closed. */
const MAX_SENDERS = 8;

interface OpenSender {
  readonly made: ReturnType<SenderFactory>;
  /** The latest command; replies are shown with it. */
  id: number;
}

/** The sockets that one page sends from. They stay open to receive late replies. */
class PageSenders {
  readonly #factory: SenderFactory;
  readonly #answer: (frame: Uint8Array) => void;
  /** By target, the most recently used last. */
  readonly #senders = new Map<string, OpenSender>();

  constructor(factory: SenderFactory, answer: (frame: Uint8Array) => void) {
    this.#factory = factory;
    this.#answer = answer;
  }

  /** Never rejects: failures are reported to the page. */
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
      // send() reports why the socket can't be opened.
    }
    if (this.#senders.get(target) === open) this.#senders.delete(target);
  }
}

async function closeSender({ made }: OpenSender): Promise<void> {
  const opened = await made.catch(() => null);
  await opened?.sender.close();
}
