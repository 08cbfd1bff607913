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

/** How many packets may be in flight if handlers are fast, and if they are slow: those behind wait in the queue, where senders take turns. */
const MOST_IN_FLIGHT = 512;
const LEAST_IN_FLIGHT = 8;
/** How many bytes may be in flight. One packet may always be. */
const MAX_BYTES = 1024 * 1024;
/** As many packets may be in flight as were handled lately in that time. */
const IN_FLIGHT_MS = 40;
/** How often that is worked out. */
const PACE_MS = 20;
const LAST_ID = 0x7fff_ffff;

/**
 * The I/O thread's side of a blocking server: packets are sent to the blocked thread, which handles them one after another, and what became
 * of each comes back in the same order.
 */
export class CallerExecutor implements Executor {
  readonly #port: MessagePort;
  readonly #claims: CallerClaims;
  readonly #signal: WakeSignal;
  readonly #counters: Counters;
  readonly #events: ExecutorEvents;
  readonly #dropsOldest: boolean;
  readonly #queue: FairQueue;
  /** What is in flight, by number, in order. The first is being handled; the others count as waiting. */
  readonly #inFlight = new Map<number, Packet>();
  #bytes = 0;
  #lastId = 0;
  #limit = 2 * LEAST_IN_FLIGHT;
  /** How many have ended since then. */
  #ended = 0;
  #since = 0;
  /** Set from the first packet in a turn of the event loop until its end. */
  #turn: NodeJS.Immediate | null = null;
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
    if (this.#turn !== null || this.#isReading) return;
    // The first packet at once, and those of a stream that were read together with it; all others in this turn of the event loop at its end.
    queueMicrotask(() => this.#send());
    this.#turn = setImmediate(() => {
      this.#turn = null;
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

  /** Sends packets that wait, as far as more may be in flight. */
  #send(): void {
    // Many at a time, because waking a thread takes longer than handling a packet.
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
      this.#claims.give(id);
      sent.push({ id, packet });
    }
    if (sent.length === 0) return;
    const message = encodePackets(sent);
    this.#port.postMessage(message, [message.buffer as ArrayBuffer]);
    this.#signal.wake();
  }

  #read(message: Uint8Array): void {
    // A stream reads on when a packet has ended, and `execute` is called from within.
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
        // All before it have been handled, too, and left no unmatched messages.
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
    this.#ended += 1;
    this.#remove(id, packet);
    this.#events.end(packet, result);
  }

  #adaptLimit(): void {
    const elapsed = performance.now() - this.#since;
    if (elapsed < PACE_MS) return;
    this.#limit = Math.min(MOST_IN_FLIGHT, Math.max(LEAST_IN_FLIGHT, Math.ceil((this.#ended * IN_FLIGHT_MS) / elapsed)));
    this.#ended = 0;
    this.#since += elapsed;
  }

  /** Drops the oldest packets, which are in flight, until there is room. */
  #makeRoom(packet: Packet): void {
    for (let obstacle = this.#queue.obstacle(packet); obstacle !== null; obstacle = this.#queue.obstacle(packet)) {
      const oldest = this.#takeBackOldest();
      if (oldest === undefined) return;
      this.#events.end(oldest, dropped(queueIsFull(obstacle)));
      // The next one no longer waits if it is the first in flight.
      this.#send();
    }
  }

  /** Takes back the packet that has waited longest in flight; undefined if the blocked thread has begun with all. */
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
    // If it was the first, the next one is now, which waits no longer.
    const waited = wasFirst ? this.#first : packet;
    if (waited !== undefined) this.#queue.count(waited, -1);
  }

  get #first(): Packet | undefined {
    for (const packet of this.#inFlight.values()) return packet;
    return undefined;
  }
}

/** More than may be in flight, so that no two of them have the same word. A power of 2. */
const CLAIMS = 1024;
const MESSAGES_READ = CLAIMS;
const AWAITS_READING = CLAIMS + 1;

/** In memory that both threads share: which packets in flight have been begun, and how much of what the blocked thread said has been read. */
export class CallerClaims {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = (CLAIMS + 2) * Int32Array.BYTES_PER_ELEMENT;

  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** For the I/O thread: that packet may be claimed. */
  give(id: number): void {
    Atomics.store(this.#words, id % CLAIMS, id);
  }

  /** Claims a packet, to handle it or to take it back. False if the other thread was first. */
  claim(id: number): boolean {
    return Atomics.compareExchange(this.#words, id % CLAIMS, id, 0) === id;
  }

  /** For the I/O thread: a message was read. Returns whether the blocked thread waits for that. */
  countRead(): boolean {
    Atomics.add(this.#words, MESSAGES_READ, 1);
    return Atomics.exchange(this.#words, AWAITS_READING, 0) === 1;
  }

  /** For the blocked thread: whether this many messages have been read. If not, the I/O thread wakes it after the next one. */
  haveRead(messages: number): boolean {
    Atomics.store(this.#words, AWAITS_READING, 1);
    return Atomics.load(this.#words, MESSAGES_READ) === messages;
  }
}
