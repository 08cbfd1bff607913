import { OscDroppedError } from "../errors.ts";
import type { Limits } from "./options.ts";
import type { Packet } from "./executor.ts";

/** The limits that the queues of one server share. */
export class QueueBound {
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  readonly #limits: Limits;
  #packets = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#maxPackets = limits.maxQueue;
    this.#maxBytes = limits.maxQueueBytes;
  }

  get dropsOldest(): boolean {
    return this.#limits.overflow === "drop-oldest";
  }

  /** The option whose limit keeps the packet out, or null if there is room. */
  obstacle(packet: Packet): "maxQueue" | "maxQueueBytes" | null {
    // Its transport applies the same limits by not reading on.
    if (packet.peer.paced) return null;
    if (this.#packets >= this.#maxPackets) return "maxQueue";
    return this.#bytes + packet.data.length > this.#maxBytes ? "maxQueueBytes" : null;
  }

  /** True if there would be no room for the packet even in an empty queue. */
  isTooLarge(packet: Packet): boolean {
    return !packet.peer.paced && packet.data.length > this.#maxBytes;
  }

  taken(packet: Packet): void {
    this.#packets += 1;
    this.#bytes += packet.data.length;
  }

  given(packet: Packet): void {
    this.#packets -= 1;
    this.#bytes -= packet.data.length;
  }
}

/** Packets in the order in which they came. */
export class PacketList {
  #packets: Packet[] = [];
  /** The index of the first packet, so that taking one away doesn't move the others. */
  #head = 0;

  get size(): number {
    return this.#packets.length - this.#head;
  }

  /** The packet that came first, which stays. */
  get first(): Packet | undefined {
    return this.#packets[this.#head];
  }

  push(packet: Packet): void {
    this.#packets.push(packet);
  }

  /** Puts a packet before all others. */
  unshift(packet: Packet): void {
    if (this.#head === 0) {
      this.#packets.unshift(packet);
    } else {
      this.#head -= 1;
      this.#packets[this.#head] = packet;
    }
  }

  /** Takes the packet that came first. */
  shift(): Packet | undefined {
    const packet = this.#packets[this.#head];
    if (packet === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#packets.length) {
      this.#packets = this.#packets.slice(this.#head);
      this.#head = 0;
    }
    return packet;
  }

  /** Takes the packet that came last. */
  pop(): Packet | undefined {
    return this.size === 0 ? undefined : this.#packets.pop();
  }
}

/** Packets that wait for a handler, first come first served. */
export class PacketQueue {
  readonly #bound: QueueBound;
  readonly #drop: (packet: Packet, error: OscDroppedError) => void;
  readonly #packets = new PacketList();
  #bytes = 0;

  constructor(bound: QueueBound, drop: (packet: Packet, error: OscDroppedError) => void) {
    this.#bound = bound;
    this.#drop = drop;
  }

  get size(): number {
    return this.#packets.size;
  }

  /** How many bytes the packets have together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The packet that has waited longest, which stays. */
  get first(): Packet | undefined {
    return this.#packets.first;
  }

  /** Takes the packet in, or drops one as the overflow policy says. */
  push(packet: Packet): void {
    for (let obstacle = this.#bound.obstacle(packet); obstacle !== null; obstacle = this.#bound.obstacle(packet)) {
      const lost = this.#bound.dropsOldest ? (this.shift() ?? packet) : packet;
      this.#drop(lost, queueIsFull(obstacle));
      if (lost === packet) return;
    }
    this.#taken(packet);
    this.#packets.push(packet);
  }

  /** Takes in a packet that was taken out, before all others, whatever the bound. */
  putBack(packet: Packet): void {
    this.#taken(packet);
    this.#packets.unshift(packet);
  }

  /** The packet that has waited longest. */
  shift(): Packet | undefined {
    return this.#given(this.#packets.shift());
  }

  /** The packet that came last. */
  pop(): Packet | undefined {
    return this.#given(this.#packets.pop());
  }

  #taken(packet: Packet): void {
    this.#bytes += packet.data.length;
    this.#bound.taken(packet);
  }

  #given(packet: Packet | undefined): Packet | undefined {
    if (packet !== undefined) {
      this.#bytes -= packet.data.length;
      this.#bound.given(packet);
    }
    return packet;
  }
}

/** The error for a packet that found no room. */
export function queueIsFull(obstacle: "maxQueue" | "maxQueueBytes"): OscDroppedError {
  const what = "A packet was dropped because the queue is full: handlers are slower than packets arrive.";
  return new OscDroppedError(obstacle, `${what} Raise ${obstacle}, or make them faster.`);
}
