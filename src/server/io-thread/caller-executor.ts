import type { MessagePort } from "node:worker_threads";
import type { OscRejectedError } from "../../errors.ts";
import { HANDLED as HANDLED_RESULT, type PacketResult, dropped, handled, rejected } from "../../packet-result.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed, withinTime } from "../executor.ts";
import { FairQueue, queueIsFull } from "../fair-queue.ts";
import type { Limits } from "../options.ts";
import { type PackedError, unpackError } from "../pool/error-transfer.ts";
import {
  COUNTED,
  HANDLED,
  type NumberedPacket,
  REJECTED,
  REPLY,
  type RecordBody,
  contentOf,
  encodePackets,
  idOf,
  jsonOf,
  kindOf,
  recordsIn,
  textOf,
  unmatchedOf,
} from "../pool/records.ts";
import type { CounterName, Counters } from "../stats.ts";
import type { BlockingDescription } from "./messages.ts";
import type { WakeSignal } from "./wake-signal.ts";

/**
 * Maximum number of packets in flight with fast handlers, and with slow ones. The others stay in the queue, which is fair between
 * senders.
 */
const MAX_IN_FLIGHT = 512;
const MIN_IN_FLIGHT = 8;
/** Maximum number of bytes in flight, except for a single larger packet. */
const MAX_BYTES = 1024 * 1024;
/** As many packets may be in flight as were recently handled in this time. */
const IN_FLIGHT_MS = 40;
/** How often that limit is adapted. */
const ADAPT_MS = 20;
const LAST_ID = 0x7fff_ffff;

/**
 * The I/O thread's side of a blocking server. It sends packets to the blocked thread (`ThreadedIo`) in batches. That thread claims each
 * packet before it handles it, and sends replies and results back in the same order. A packet that isn't claimed yet can be taken back.
 */
export class CallerExecutor implements Executor {
  readonly #port: MessagePort;
  readonly #claims: CallerClaims;
  readonly #signal: WakeSignal;
  readonly #counters: Counters;
  readonly #events: ExecutorEvents;
  readonly #dropsOldest: boolean;
  readonly #queue: FairQueue;
  /** Packets in flight, by id, in order. The first is being handled; the others still count against the queue's limits. */
  readonly #inFlight = new Map<number, Packet>();
  #bytes = 0;
  #lastId = 0;
  #limit = 2 * MIN_IN_FLIGHT;
  /** Number of packets that ended since the limit was last adapted, and when that was. */
  #endedSince = 0;
  #adaptedAt = 0;
  /** Set from the first packet in an iteration of the event loop until its end. */
  #nextSend: NodeJS.Immediate | null = null;
  #isReading = false;
  #onEmpty = (): void => undefined;

  constructor({ port, claims }: BlockingDescription, limits: Limits, signal: WakeSignal, counters: Counters, events: ExecutorEvents) {
    this.#port = port;
    this.#claims = new CallerClaims(claims);
    this.#signal = signal;
    this.#counters = counters;
    this.#events = events;
    this.#dropsOldest = limits.overflow === "drop-oldest";
    this.#queue = new FairQueue(limits, (packet, error) => events.end(packet, dropped(error)));
    port.on("message", (message: Uint8Array) => this.#read(message));
  }

  execute(packet: Packet): void {
    if (this.#dropsOldest) this.#makeRoom(packet);
    this.#queue.push(packet);
    if (this.#nextSend !== null || this.#isReading) return;
    // Sends the first packet at once, together with those read from a stream in the same chunk. All others follow at the end of the
    // iteration.
    queueMicrotask(() => this.#send());
    this.#nextSend = setImmediate(() => {
      this.#nextSend = null;
      this.#send();
    });
  }

  async close(graceMs: number): Promise<void> {
    const next = (): Packet | undefined => this.#takeBackOldest() ?? this.#queue.shift();
    for (let packet = next(); packet !== undefined; packet = next()) this.#events.end(packet, dropped(serverClosed()));
    if (this.#inFlight.size > 0) {
      await withinTime(graceMs, (done) => (this.#onEmpty = done));
    }
    this.#port.close();
  }

  /** Sends queued packets, up to the limit of packets in flight. */
  #send(): void {
    // In batches, because waking a thread takes longer than handling a packet.
    if (this.#inFlight.size > this.#limit / 2) return;
    const sent: NumberedPacket[] = [];
    while (this.#inFlight.size === 0 || (this.#inFlight.size < this.#limit && this.#bytes < MAX_BYTES)) {
      const packet = this.#queue.shift();
      if (packet === undefined) break;
      if (this.#inFlight.size > 0) this.#queue.count(packet, 1);
      const id = (this.#lastId % LAST_ID) + 1;
      this.#lastId = id;
      this.#inFlight.set(id, packet);
      this.#bytes += packet.data.length;
      this.#claims.offer(id);
      sent.push({ id, packet });
    }
    if (sent.length === 0) return;
    const message = encodePackets(sent);
    this.#port.postMessage(message, [message.buffer as ArrayBuffer]);
    this.#signal.wake();
  }

  #read(message: Uint8Array): void {
    // Set because a stream reads on when a packet ends, and then calls `execute` synchronously.
    this.#isReading = true;
    for (const record of recordsIn(message)) this.#take(record);
    this.#isReading = false;
    if (this.#claims.countRead()) this.#signal.wake();
    this.#adaptLimit();
    this.#send();
    if (this.#inFlight.size === 0) this.#onEmpty();
  }

  #take(record: RecordBody): void {
    const id = idOf(record);
    switch (kindOf(record)) {
      case REPLY: {
        const packet = this.#inFlight.get(id);
        if (packet !== undefined) this.#events.reply(packet, contentOf(record));
        return;
      }
      case HANDLED:
        // All packets before it were handled too, without unmatched messages.
        for (const [before] of this.#inFlight) {
          if (before === id) break;
          this.#end(before, HANDLED_RESULT);
        }
        return this.#end(id, handled(unmatchedOf(record)));
      case REJECTED: {
        const error = unpackError(jsonOf(record) as PackedError) as OscRejectedError;
        return this.#end(
          id,
          rejected(error.reason, () => error),
        );
      }
      case COUNTED:
        this.#counters.add(textOf(record) as CounterName);
    }
  }

  #end(id: number, result: PacketResult): void {
    const packet = this.#inFlight.get(id);
    if (packet === undefined) return;
    this.#endedSince += 1;
    this.#remove(id, packet);
    this.#events.end(packet, result);
  }

  #adaptLimit(): void {
    const elapsed = performance.now() - this.#adaptedAt;
    if (elapsed < ADAPT_MS) return;
    this.#limit = Math.min(MAX_IN_FLIGHT, Math.max(MIN_IN_FLIGHT, Math.ceil((this.#endedSince * IN_FLIGHT_MS) / elapsed)));
    this.#endedSince = 0;
    this.#adaptedAt += elapsed;
  }

  /** Drops the oldest packets, which are in flight, until there is room for the new one. */
  #makeRoom(packet: Packet): void {
    for (let obstacle = this.#queue.obstacle(packet); obstacle !== null; obstacle = this.#queue.obstacle(packet)) {
      const oldest = this.#takeBackOldest();
      if (oldest === undefined) return;
      this.#events.end(oldest, dropped(queueIsFull(obstacle)));
      // Makes the next packet the first in flight, which doesn't count as waiting.
      this.#send();
    }
  }

  /** Takes back the oldest packet in flight that the blocked thread hasn't claimed; undefined if it has claimed all. */
  #takeBackOldest(): Packet | undefined {
    for (const [id, packet] of this.#inFlight) {
      if (!this.#claims.claim(id)) continue;
      this.#remove(id, packet);
      return packet;
    }
    return undefined;
  }

  #remove(id: number, packet: Packet): void {
    const wasFirst = this.#first === packet;
    this.#inFlight.delete(id);
    this.#bytes -= packet.data.length;
    // The first packet in flight doesn't count as waiting: if it is removed, the next one stops counting.
    const waited = wasFirst ? this.#first : packet;
    if (waited !== undefined) this.#queue.count(waited, -1);
  }

  get #first(): Packet | undefined {
    for (const packet of this.#inFlight.values()) return packet;
    return undefined;
  }
}

/** More than may be in flight, so that each packet has its own word. A power of 2. */
const CLAIMS = 1024;
const MESSAGES_READ = CLAIMS;
const AWAITS_READING = CLAIMS + 1;

/** Shared memory: which packets in flight are claimed, and how many of the blocked thread's messages the I/O thread has read. */
export class CallerClaims {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = (CLAIMS + 2) * Int32Array.BYTES_PER_ELEMENT;

  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** For the I/O thread: lets a packet be claimed. */
  offer(id: number): void {
    Atomics.store(this.#words, id % CLAIMS, id);
  }

  /** Claims a packet, to handle it or to take it back. Returns false if the other thread was first. */
  claim(id: number): boolean {
    return Atomics.compareExchange(this.#words, id % CLAIMS, id, 0) === id;
  }

  /** For the I/O thread: counts a message as read. Returns whether the blocked thread is waiting for that. */
  countRead(): boolean {
    Atomics.add(this.#words, MESSAGES_READ, 1);
    return Atomics.exchange(this.#words, AWAITS_READING, 0) === 1;
  }

  /** For the blocked thread: whether all its messages have been read. If not, the I/O thread wakes it after the next one. */
  haveRead(messages: number): boolean {
    Atomics.store(this.#words, AWAITS_READING, 1);
    return Atomics.load(this.#words, MESSAGES_READ) === messages;
  }
}
