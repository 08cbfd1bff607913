import { OscDroppedError } from "../errors.ts";
import type { Limits } from "./options.ts";
import type { Packet } from "./executor.ts";

/** The bound that the queues of one server share. */
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

  /** Which option's bound keeps the packet out, or null where there is room. */
  obstacle(packet: Packet): "maxQueue" | "maxQueueBytes" | null {
    // Its transport holds to the same bounds by not reading on.
    if (packet.peer.paced) return null;
    if (this.#packets >= this.#maxPackets) return "maxQueue";
    return this.#bytes + packet.data.length > this.#maxBytes ? "maxQueueBytes" : null;
  }

  /** Whether there would be no room for the packet even if nothing else waited. */
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

/** Packets that wait for a handler, first come first served. */
export class PacketQueue {
  readonly #bound: QueueBound;
  readonly #drop: (packet: Packet, error: OscDroppedError) => void;
  readonly #takeOldest: () => Packet | undefined;
  #packets: Packet[] = [];
  /** Where the first packet lies: taking one away does not move the others. */
  #head = 0;
  #bytes = 0;

  /** @param takeOldest where the overflow policy drops the oldest packet, finds it; needed where older ones than those in here still wait elsewhere */
  constructor(
    bound: QueueBound,
    drop: (packet: Packet, error: OscDroppedError) => void,
    takeOldest: () => Packet | undefined = () => this.shift(),
  ) {
    this.#bound = bound;
    this.#drop = drop;
    this.#takeOldest = takeOldest;
  }

  get size(): number {
    return this.#packets.length - this.#head;
  }

  /** How many bytes the packets have together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The packet that has waited longest, which stays. */
  get first(): Packet | undefined {
    return this.#packets[this.#head];
  }

  /** Takes the packet in, or drops one as the overflow policy says. */
  push(packet: Packet): void {
    let obstacle = this.#bound.obstacle(packet);
    while (obstacle !== null) {
      const lost = this.#bound.dropsOldest ? (this.#takeOldest() ?? packet) : packet;
      this.#drop(lost, queueIsFull(obstacle));
      if (lost === packet) return;
      obstacle = this.#bound.obstacle(packet);
    }
    this.#bound.taken(packet);
    this.#bytes += packet.data.length;
    this.#packets.push(packet);
  }

  /** Takes in a packet that was taken out, before all others, whatever the bound. */
  putBack(packet: Packet): void {
    this.#bound.taken(packet);
    this.#bytes += packet.data.length;
    if (this.#head === 0) {
      this.#packets.unshift(packet);
    } else {
      this.#head -= 1;
      this.#packets[this.#head] = packet;
    }
  }

  /** The packet that has waited longest. */
  shift(): Packet | undefined {
    const packet = this.#packets[this.#head];
    if (packet === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#packets.length) {
      this.#packets = this.#packets.slice(this.#head);
      this.#head = 0;
    }
    return this.#given(packet);
  }

  /** The packet that came last. */
  pop(): Packet | undefined {
    const packet = this.size === 0 ? undefined : this.#packets.pop();
    return packet === undefined ? undefined : this.#given(packet);
  }

  #given(packet: Packet): Packet {
    this.#bytes -= packet.data.length;
    this.#bound.given(packet);
    return packet;
  }
}

/** What is said of a packet for which there was no room. */
export function queueIsFull(obstacle: "maxQueue" | "maxQueueBytes"): OscDroppedError {
  const what = "A packet was dropped, for the queue is full: handlers are slower than what comes in.";
  return new OscDroppedError(obstacle, `${what} Raise ${obstacle}, or make them faster.`);
}
