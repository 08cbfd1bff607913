import type { OscDroppedError } from "../errors.ts";
import type { Packet } from "./executor.ts";
import { PacketQueue, type QueueBound, queueIsFull } from "./packet-queue.ts";

/** Senders share so many lanes, so that those who make up source addresses cannot make up lanes. */
const LANES = 64;

/**
 * Packets that wait for a handler, in a lane for each sender: of those that wait one sender's is taken after another's, each sender's in their
 * order, and where there is no room the longest lane loses one. So a sender that floods gets in its own way, and not in that of others.
 * Senders are told apart by their IP address, whatever their port.
 */
export class FairQueue {
  readonly #bound: QueueBound;
  readonly #drop: (packet: Packet, error: OscDroppedError) => void;
  /** Lanes that hold packets, the next to be served first. */
  readonly #lanes = new Map<number, PacketQueue>();
  /** So that nobody can know who shares a lane with whom. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #size = 0;

  constructor(bound: QueueBound, drop: (packet: Packet, error: OscDroppedError) => void) {
    this.#bound = bound;
    this.#drop = drop;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes the packet in, or drops one of the longest lane as the overflow policy says. */
  push(packet: Packet): void {
    const number = this.#laneOf(packet.peer.address.address);
    const lane = this.#lanes.get(number) ?? new PacketQueue(this.#bound, this.#drop);
    if (this.#bound.isTooLarge(packet)) return this.#drop(packet, queueIsFull("maxQueueBytes"));
    for (let obstacle = this.#bound.obstacle(packet); obstacle !== null; obstacle = this.#bound.obstacle(packet)) {
      const longest = this.#longest(lane, obstacle === "maxQueue" ? "size" : "bytes");
      const lost = this.#bound.dropsOldest ? longest.shift() : longest === lane ? undefined : longest.pop();
      if (lost !== undefined) this.#size -= 1;
      this.#drop(lost ?? packet, queueIsFull(obstacle));
      if (lost === undefined) return;
    }
    lane.push(packet);
    this.#size += 1;
    this.#lanes.set(number, lane);
  }

  /** The packet that {@link shift} would give. */
  get first(): Packet | undefined {
    for (const lane of this.#lanes.values()) if (lane.size > 0) return lane.first;
    return undefined;
  }

  /** Takes in a packet that was taken out, before all others of its lane. It has its place, also where there is no room now. */
  putBack(packet: Packet): void {
    const number = this.#laneOf(packet.peer.address.address);
    const lane = this.#lanes.get(number) ?? new PacketQueue(this.#bound, this.#drop);
    lane.putBack(packet);
    this.#size += 1;
    this.#lanes.set(number, lane);
  }

  /** The packet that has waited longest in the lane whose turn it is. */
  shift(): Packet | undefined {
    for (const [number, lane] of this.#lanes) {
      this.#lanes.delete(number);
      const packet = lane.shift();
      if (lane.size > 0) this.#lanes.set(number, lane);
      if (packet === undefined) continue;
      this.#size -= 1;
      return packet;
    }
    return undefined;
  }

  /** The lane that has most; the given one where no other has more. */
  #longest(lane: PacketQueue, measure: "size" | "bytes"): PacketQueue {
    let longest = lane;
    for (const other of this.#lanes.values()) if (other[measure] > longest[measure]) longest = other;
    return longest;
  }

  /** FNV-1a. */
  #laneOf(sender: string): number {
    let hash = this.#seed;
    for (let index = 0; index < sender.length; index++) hash = Math.imul(hash ^ sender.charCodeAt(index), 0x01000193);
    return ((hash >>> 16) ^ hash) & (LANES - 1);
  }
}
