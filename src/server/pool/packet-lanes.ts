import type { OscDroppedError } from "../../errors.ts";
import type { Limits } from "../options.ts";
import type { Packet } from "../executor.ts";
import { PacketQueue, QueueBound, queueIsFull } from "../packet-queue.ts";

/**
 * Whether packets of one sender may be handled at the same time: `"connection"` and `"client"` handle each connection's, or each client's
 * (address and port), one after another; `"none"` doesn't.
 */
export type PacketOrder = "connection" | "client" | "none";

/** The packets of one sender that wait, and how many workers are at its packets. */
export class Lane {
  readonly key: unknown;
  readonly queue: PacketQueue;
  inFlight = 0;

  constructor(key: unknown, queue: PacketQueue) {
    this.key = key;
    this.queue = queue;
  }
}

/** A packet taken out of its lane. Give it back with {@link PacketLanes.putBack}, or {@link PacketLanes.release} its place. */
export interface TakenPacket {
  readonly packet: Packet;
  readonly lane: Lane;
  /** Whether it takes a place of its sender: of several for one worker only the first does, unless they keep their order. */
  readonly counts: boolean;
}

/** Senders share this many lanes, so that made-up source addresses don't make up lanes. */
const SHARED_LANES = 1024;

export interface PacketLanesSetup {
  readonly limits: Limits;
  readonly order: PacketOrder;
  /** How many workers may be at packets of one sender, so that others find a worker. */
  readonly share: number;
  readonly onDrop: (packet: Packet, error: OscDroppedError) => void;
}

/**
 * Packets that wait for a worker, in a lane for each sender. Lanes take turns; the longest loses a packet if there is no room. So a sender
 * that floods gets in its own way, and not in that of others.
 */
export class PacketLanes {
  readonly #setup: PacketLanesSetup;
  readonly #bound: QueueBound;
  readonly #lanes = new Map<unknown, Lane>();
  /** Lanes that a packet can be taken from, the next first. */
  readonly #ready = new Set<Lane>();
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #size = 0;

  constructor(setup: PacketLanesSetup) {
    this.#setup = setup;
    this.#bound = new QueueBound(setup.limits);
  }

  /** How many packets wait. */
  get size(): number {
    return this.#size;
  }

  /** True if a packet can be taken: its sender has no more than its share. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Takes the packet in, or drops one of the longest lane as the overflow policy says. */
  push(packet: Packet): void {
    if (this.#bound.isTooLarge(packet)) return this.#setup.onDrop(packet, queueIsFull("maxQueueBytes"));
    const key = this.#keyOf(packet);
    for (let obstacle = this.#bound.obstacle(packet); obstacle !== null; obstacle = this.#bound.obstacle(packet)) {
      const longest = this.#longest(key, obstacle === "maxQueue" ? "size" : "bytes");
      const lost = this.#bound.dropsOldest ? longest?.queue.shift() : longest?.key === key ? undefined : longest?.queue.pop();
      if (lost === undefined || longest === undefined) return this.#setup.onDrop(packet, queueIsFull(obstacle));
      this.#size -= 1;
      this.#update(longest);
      this.#setup.onDrop(lost, queueIsFull(obstacle));
    }
    const lane = this.#laneOf(key);
    lane.queue.push(packet);
    this.#size += 1;
    this.#update(lane);
  }

  /** Takes up to `most` packets, which one worker is to handle one after another. */
  take(most: number): TakenPacket[] {
    const taken: TakenPacket[] = [];
    const used = new Set<Lane>();
    while (taken.length < most) {
      const lane = this.#nextLane(used);
      const packet = lane?.queue.shift();
      if (lane === undefined || packet === undefined) break;
      this.#size -= 1;
      const counts = this.#setup.order !== "none" || !used.has(lane);
      if (counts) lane.inFlight += 1;
      used.add(lane);
      taken.push({ packet, lane, counts });
      this.#update(lane);
    }
    return taken;
  }

  /** A worker is done with the packet. */
  release({ lane, counts }: TakenPacket): void {
    if (counts) lane.inFlight -= 1;
    this.#update(lane);
  }

  /** The worker didn't begin with the packet, which is next in its lane again, whatever the bound. Call it for the last packet first. */
  putBack({ packet, lane, counts }: TakenPacket): void {
    if (counts) lane.inFlight -= 1;
    this.#lanes.set(lane.key, lane);
    lane.queue.putBack(packet);
    this.#size += 1;
    this.#update(lane);
  }

  /** Takes out all packets that wait. */
  clear(): Packet[] {
    const all: Packet[] = [];
    for (const { queue } of this.#lanes.values()) {
      for (let packet = queue.shift(); packet !== undefined; packet = queue.shift()) all.push(packet);
    }
    this.#ready.clear();
    this.#size = 0;
    return all;
  }

  /** The lane whose turn it is; if none is, one that this worker handles already, because it keeps its order. */
  #nextLane(used: ReadonlySet<Lane>): Lane | undefined {
    for (const lane of this.#ready) return lane;
    for (const lane of used) if (lane.queue.size > 0) return lane;
    return undefined;
  }

  /** Lets the lane stand at the end of those that have their turn, or takes it out. */
  #update(lane: Lane): void {
    const { order, share } = this.#setup;
    this.#ready.delete(lane);
    if (lane.queue.size > 0) {
      if (lane.inFlight < (order === "none" ? share : 1)) this.#ready.add(lane);
    } else if (lane.inFlight === 0) {
      this.#lanes.delete(lane.key);
    }
  }

  #laneOf(key: unknown): Lane {
    const lane = this.#lanes.get(key) ?? new Lane(key, new PacketQueue(this.#bound, this.#setup.onDrop));
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The lane that has most; that of `key` if no other has more. */
  #longest(key: unknown, measure: "size" | "bytes"): Lane | undefined {
    let longest = this.#lanes.get(key);
    for (const other of this.#lanes.values()) if (other.queue[measure] > (longest?.queue[measure] ?? 0)) longest = other;
    return longest;
  }

  #keyOf({ peer }: Packet): unknown {
    if (this.#setup.order === "connection") return peer.key;
    const { address, port } = peer.address;
    // FNV-1a
    let hash = this.#setup.order === "client" ? Math.imul(this.#seed ^ port, 0x01000193) : this.#seed;
    for (let index = 0; index < address.length; index += 1) hash = Math.imul(hash ^ address.charCodeAt(index), 0x01000193);
    return ((hash >>> 16) ^ hash) & (SHARED_LANES - 1);
  }
}
