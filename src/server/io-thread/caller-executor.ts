import { receiveMessageOnPort } from "node:worker_threads";
import { OscDroppedError } from "../../errors.ts";
import { dropped, handled, rejected } from "../../packet-result.ts";
import * as records from "./packet-records.ts";
import type { Counters } from "../stats.ts";
import type { WakeSignal } from "./wake-signal.ts";
import type { BlockingDescription } from "./messages.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { FairQueue } from "../fair-queue.ts";
import { QueueBound, queueIsFull } from "../packet-queue.ts";
import { READER_SLEEPS, RingReader, RingWriter, WRITER_WAITS } from "./shared-ring.ts";

/** How many packets may be in the ring. A power of 2. */
const MAX_IN_RING = 1024;
/** How many may be in it if handlers are slow: those behind wait in the queue, where senders take turns. */
const LEAST_IN_RING = 8;
/** How many may be in it after a pause. */
const FIRST_IN_RING = 16;
/** How long results may stay unread while a handler runs, because a result alone wakes nobody. */
const LOOK_MS = 20;

/** A packet that lies in the ring or is being handled. */
interface Flight {
  /** Null if it was taken back. */
  packet: Packet | null;
  readonly position: number;
  readonly kind: number;
}

/**
 * The I/O thread's side of a blocking server: packets go into a ring, from which the blocked thread takes them one after another, and what
 * became of each comes back in the same order.
 */
export class CallerExecutor implements Executor {
  readonly #description: BlockingDescription;
  readonly #packets: RingWriter;
  readonly #writer: records.PacketWriter;
  readonly #outcomeRing: RingReader;
  readonly #outcomes: records.OutcomeReader;
  /** Replies that came over the port before their record was read. */
  readonly #parcels: Uint8Array[] = [];
  readonly #signal: WakeSignal;
  readonly #counters: Counters;
  readonly #events: ExecutorEvents;
  readonly #bound: QueueBound;
  readonly #queue: FairQueue;
  /** What is in flight, in the order of the ring: `#count` from `#first` on. */
  readonly #flights: (Flight | undefined)[] = Array.from({ length: MAX_IN_RING });
  #first = 0;
  #count = 0;
  /** How many packets may be in the ring now: twice as many as were handled between the last two looks. */
  #window = FIRST_IN_RING;
  #ended = 0;
  #reading = false;
  /** Set from the first ring in a turn of the event loop until its end. */
  #wakeTimer: NodeJS.Immediate | null = null;
  #moreCame = false;
  #look: NodeJS.Timeout | null = null;

  constructor(description: BlockingDescription, limits: Limits, signal: WakeSignal, counters: Counters, events: ExecutorEvents) {
    this.#description = description;
    this.#packets = new RingWriter(description.packets);
    this.#writer = new records.PacketWriter(this.#packets, description.port);
    this.#outcomeRing = new RingReader(description.outcomes);
    this.#outcomes = new records.OutcomeReader(this.#outcomeRing, () => this.#parcel());
    this.#signal = signal;
    this.#counters = counters;
    this.#events = events;
    this.#bound = new QueueBound(limits);
    this.#queue = new FairQueue(this.#bound, (packet, error) => events.end(packet, dropped(error)));
    // The other thread posts something when there is something to look at and this thread sleeps.
    description.port.on("message", (message: unknown) => {
      if (message instanceof Uint8Array) this.#parcels.push(message);
      this.#wake();
    });
    this.#wake();
  }

  execute(packet: Packet): void {
    this.#readOutcomes();
    if (this.#bound.dropsOldest) this.#makeRoom(packet);
    this.#queue.push(packet);
    this.#fillRing();
    if (this.#count > 0) this.#look ??= setTimeout(() => this.#lookAgain(), LOOK_MS);
  }

  async close(graceMs: number): Promise<void> {
    this.#readOutcomes();
    for (
      let packet = this.#takeBackOldest() ?? this.#queue.shift();
      packet !== undefined;
      packet = this.#takeBackOldest() ?? this.#queue.shift()
    ) {
      this.#events.end(
        packet,
        dropped(new OscDroppedError("close", "A packet that waited for a handler was dropped because the server closed.")),
      );
    }
    const deadline = performance.now() + graceMs;
    while (this.#count > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#readOutcomes();
    }
    if (this.#look !== null) clearTimeout(this.#look);
    this.#description.port.close();
  }

  #wake(): void {
    this.#readOutcomes();
    this.#fillRing();
    // What the other thread does from here on wakes this one; so look once more at what it did before.
    this.#outcomeRing.raise(READER_SLEEPS);
    this.#readOutcomes();
    this.#fillRing();
  }

  #lookAgain(): void {
    this.#look = null;
    this.#readOutcomes();
    this.#window = Math.min(MAX_IN_RING, Math.max(LEAST_IN_RING, 2 * this.#ended));
    this.#ended = 0;
    this.#fillRing();
    if (this.#count > 0) this.#look = setTimeout(() => this.#lookAgain(), LOOK_MS);
    else this.#window = FIRST_IN_RING;
  }

  /**
   * Wakes the other thread: at once for the first packet in a turn of the event loop, and once more at its end for all others. At 80,000
   * packets per second this saves CPU (`bench/kinds`).
   */
  #wakeCaller(): void {
    if (this.#wakeTimer !== null) {
      this.#moreCame = true;
      return;
    }
    this.#signal.wake();
    this.#wakeTimer = setImmediate(() => {
      this.#wakeTimer = null;
      if (!this.#moreCame) return;
      this.#moreCame = false;
      this.#signal.wake();
    });
  }

  #fillRing(): void {
    for (let packet = this.#queue.first; packet !== undefined; packet = this.#queue.first) {
      if (this.#count >= this.#window) return;
      const position = this.#writer.write(packet.data, packet.peer.address, packet.asOf);
      if (position === -1) return;
      this.#wakeCaller();
      this.#queue.shift();
      // The first one counts as being handled, the others wait.
      if (this.#count > 0) this.#bound.taken(packet);
      this.#flights[(this.#first + this.#count) % MAX_IN_RING] = { packet, position, kind: records.packetKind(packet.data) };
      this.#count += 1;
    }
  }

  #readOutcomes(): void {
    // A stream reads on when a packet is settled, and `execute` is called from within.
    if (this.#reading) return;
    this.#reading = true;
    let read = false;
    while (this.#outcomes.next()) {
      read = true;
      const packet = this.#flights[this.#first]?.packet;
      if (!packet) throw new Error("An outcome came for no packet.");
      this.#takeOutcome(packet);
      this.#outcomes.release();
    }
    this.#reading = false;
    // The other thread may wait for room, or for the account to be complete.
    if (read && this.#outcomeRing.lower(WRITER_WAITS)) this.#signal.wake();
  }

  #takeOutcome(packet: Packet): void {
    const { kind, data } = this.#outcomes;
    switch (kind) {
      case records.REPLY:
      case records.REPLY_PARCEL:
        return this.#events.reply(packet, data);
      case records.HANDLED:
        this.#ended += 1;
        this.#remove(0);
        return this.#events.end(packet, handled(this.#outcomes.unmatched));
      case records.REJECTED: {
        this.#ended += 1;
        this.#remove(0);
        const error = this.#outcomes.error();
        return this.#events.end(
          packet,
          rejected(error.reason, () => error),
        );
      }
      case records.HANDLER_ERROR:
        return this.#counters.add("handlerErrors");
      case records.FAULT:
        return this.#counters.add("faults");
      default:
        throw new Error(`There are no records of the kind ${kind}.`);
    }
  }

  #parcel(): Uint8Array {
    const parcel = this.#parcels.shift();
    if (parcel !== undefined) return parcel;
    for (let next = receiveMessageOnPort(this.#description.port); next !== undefined; next = receiveMessageOnPort(this.#description.port)) {
      // Whatever else lies there was only to wake this thread.
      if (next.message instanceof Uint8Array) return next.message;
    }
    throw new Error("A reply did not come by the port.");
  }

  /** Drops the oldest packets, which are in the ring, until there is room. */
  #makeRoom(packet: Packet): void {
    for (let obstacle = this.#bound.obstacle(packet); obstacle !== null; obstacle = this.#bound.obstacle(packet)) {
      const oldest = this.#takeBackOldest();
      if (oldest === undefined) return;
      this.#events.end(oldest, dropped(queueIsFull(obstacle)));
    }
  }

  /** Takes the packet that has waited longest back from the ring; undefined if all in it are being handled. */
  #takeBackOldest(): Packet | undefined {
    for (let index = 0; index < this.#count; index++) {
      const flight = this.#flights[(this.#first + index) % MAX_IN_RING];
      if (flight?.packet && this.#packets.cancel(flight.position, flight.kind)) {
        const { packet } = flight;
        this.#remove(index);
        return packet;
      }
    }
    return undefined;
  }

  /** Forgets a flight. Where the first one is gone, the next one is taken to be handled, and no longer waits. */
  #remove(index: number): void {
    const flight = this.#flights[(this.#first + index) % MAX_IN_RING];
    if (!flight?.packet) return;
    if (index > 0) this.#bound.given(flight.packet);
    flight.packet = null;
    if (index > 0) return;
    while (this.#count > 0 && !this.#flights[this.#first]?.packet) {
      this.#flights[this.#first] = undefined;
      this.#first = (this.#first + 1) % MAX_IN_RING;
      this.#count -= 1;
    }
    const next = this.#flights[this.#first]?.packet;
    if (next) this.#bound.given(next);
  }
}
