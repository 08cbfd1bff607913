import { OscDroppedError } from "../errors.ts";
import type { Peer } from "../transport/transport.ts";
import type { Packet } from "./executor.ts";
import type { Limits } from "./options.ts";

/** UDP senders share this many sources, so that made-up source addresses don't make up sources. */
const UDP_SOURCES = 64;

/**
 * Whether packets of one sender may be handled at the same time: `"connection"` and `"client"` handle each connection's, or each client's
 * (address and port), one after another; `"none"` doesn't.
 */
export type PacketOrder = "connection" | "client" | "none";

/** How a {@link FairQueue} lets packets out. */
export interface FairQueueOptions {
  /** Default `"none"`. */
  readonly order?: PacketOrder;
  /** How many packets of one source may be taken and not done. Default: any number. */
  readonly share?: number;
}

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
class PacketList {
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

/** Packets of one client that wait; without order, those of all clients of a source. */
class Lane {
  readonly key: string | object | null;
  readonly packets = new PacketList();
  running = 0;

  constructor(key: string | object | null) {
    this.key = key;
  }
}

/** What comes from one connection, or from one group of IP addresses. */
class Source {
  readonly key: string | object | number;
  readonly isPaced: boolean;
  readonly lanes = new Map<string | object | null, Lane>();
  /** Lanes that a packet may be taken from, the next one first. */
  readonly ready = new Set<Lane>();
  size = 0;
  bytes = 0;
  running = 0;

  constructor(key: string | object | number, isPaced: boolean) {
    this.key = key;
    this.isPaced = isPaced;
  }
}

/**
 * Packets that wait for a handler. Sources take turns, and if there is no room, the source that has most loses a packet. So a sender that
 * floods gets in its own way and not in that of others. A source is a connection, or for UDP an IP address, whatever the port.
 *
 * It keeps nothing about a source that has no packet here, neither waiting nor running.
 */
export class FairQueue {
  readonly #bound: QueueBound;
  readonly #onDrop: (packet: Packet, error: OscDroppedError) => void;
  readonly #keepsOrder: boolean;
  readonly #share: number;
  readonly #sources = new Map<string | object | number, Source>();
  /** Sources that a packet may be taken from, the next one first. */
  readonly #ready = new Set<Source>();
  /** So that nobody can know who shares a source with whom. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #size = 0;

  constructor(bound: QueueBound, onDrop: (packet: Packet, error: OscDroppedError) => void, options: FairQueueOptions = {}) {
    this.#bound = bound;
    this.#onDrop = onDrop;
    this.#keepsOrder = (options.order ?? "none") !== "none";
    this.#share = options.share ?? Infinity;
  }

  /** How many packets wait. */
  get size(): number {
    return this.#size;
  }

  /** How many sources have packets that wait or run. */
  get sources(): number {
    return this.#sources.size;
  }

  /** The packet that {@link take} would take. */
  get first(): Packet | undefined {
    for (const source of this.#ready) for (const lane of source.ready) return lane.packets.first;
    return undefined;
  }

  /** Takes the packet in, or drops one as the overflow policy says. */
  push(packet: Packet): void {
    if (this.#bound.isTooLarge(packet)) return this.#onDrop(packet, queueIsFull("maxQueueBytes"));
    for (let obstacle = this.#bound.obstacle(packet); obstacle !== null; obstacle = this.#bound.obstacle(packet)) {
      const lost = this.#takeFromHeaviest(packet, obstacle === "maxQueue" ? "size" : "bytes");
      this.#onDrop(lost ?? packet, queueIsFull(obstacle));
      if (lost === undefined) return;
    }
    // Only now, because a source must not outlive its packets.
    const source = this.#sourceOf(packet.peer);
    const lane = this.#laneOf(source, packet.peer);
    lane.packets.push(packet);
    this.#count(source, packet, 1);
    // A lane that had packets before is where it belongs.
    if (lane.packets.size === 1) this.#update(source, lane);
  }

  /** Takes the packet whose turn it is, to be handled. {@link done} has to follow. */
  take(): Packet | undefined {
    return this.#takeNext(1);
  }

  /** Takes the next packet of the same client, for the worker that has `before` and keeps the order. {@link done} has to follow. */
  takeBehind({ peer }: Packet): Packet | undefined {
    const source = this.#sources.get(this.#keyOf(peer));
    const lane = source?.lanes.get(peer.key);
    const packet = lane?.packets.shift();
    if (source === undefined || lane === undefined || packet === undefined) return undefined;
    this.#count(source, packet, -1);
    lane.running += 1;
    source.running += 1;
    return packet;
  }

  /** Puts a packet that was taken before all others of its client, whatever the limits. Of several the last one comes first. */
  putBack(packet: Packet): void {
    const source = this.#sourceOf(packet.peer);
    const lane = this.#laneOf(source, packet.peer);
    lane.packets.unshift(packet);
    this.#count(source, packet, 1);
    this.done(packet);
  }

  /** Takes the packet whose turn it is, for good: {@link done} must not follow. */
  shift(): Packet | undefined {
    return this.#takeNext(0);
  }

  /** As {@link take} for a packet that doesn't wait. {@link done} has to follow. */
  begin({ peer }: Packet): void {
    const source = this.#sourceOf(peer);
    const lane = this.#laneOf(source, peer);
    lane.running += 1;
    source.running += 1;
    this.#update(source, lane);
  }

  /** A packet that was taken has been handled. */
  done({ peer }: Packet): void {
    const source = this.#sourceOf(peer);
    const lane = this.#laneOf(source, peer);
    lane.running -= 1;
    source.running -= 1;
    this.#update(source, lane);
  }

  /** Takes out all packets that wait. */
  clear(): Packet[] {
    const packets: Packet[] = [];
    for (const source of this.#sources.values()) {
      for (const lane of source.lanes.values()) {
        for (let packet = lane.packets.shift(); packet !== undefined; packet = lane.packets.shift()) {
          this.#count(source, packet, -1);
          packets.push(packet);
        }
        this.#update(source, lane);
      }
    }
    return packets;
  }

  #takeNext(running: 0 | 1): Packet | undefined {
    for (const source of this.#ready) {
      for (const lane of source.ready) {
        const packet = lane.packets.shift() as Packet;
        this.#count(source, packet, -1);
        lane.running += running;
        source.running += running;
        const isAlone = running === 0 && lane.packets.size > 0 && this.#ready.size === 1 && source.ready.size === 1;
        if (!isAlone) this.#update(source, lane);
        return packet;
      }
    }
    return undefined;
  }

  #takeFromHeaviest({ peer }: Packet, measure: "size" | "bytes"): Packet | undefined {
    const own = this.#sources.get(this.#keyOf(peer));
    let heaviest = own;
    for (const source of this.#sources.values()) {
      if (!source.isPaced && source[measure] > (heaviest?.[measure] ?? 0)) heaviest = source;
    }
    if (heaviest === undefined || (heaviest === own && !this.#bound.dropsOldest)) return undefined;
    for (const lane of heaviest.lanes.values()) {
      const packet = this.#bound.dropsOldest ? lane.packets.shift() : lane.packets.pop();
      if (packet === undefined) continue;
      this.#count(heaviest, packet, -1);
      this.#update(heaviest, lane);
      return packet;
    }
    return undefined;
  }

  #count(source: Source, packet: Packet, by: 1 | -1): void {
    source.size += by;
    source.bytes += by * packet.data.length;
    this.#size += by;
    if (by > 0) this.#bound.taken(packet);
    else this.#bound.given(packet);
  }

  /** Puts the lane and the source at the end of those whose turn comes, or takes them out. */
  #update(source: Source, lane: Lane): void {
    source.ready.delete(lane);
    if (lane.packets.size === 0) {
      if (lane.running === 0) source.lanes.delete(lane.key);
    } else if (!this.#keepsOrder || lane.running === 0) {
      source.ready.add(lane);
    }
    this.#ready.delete(source);
    if (source.ready.size > 0 && source.running < this.#share) this.#ready.add(source);
    else if (source.lanes.size === 0) this.#sources.delete(source.key);
  }

  #sourceOf(peer: Peer): Source {
    const key = this.#keyOf(peer);
    let source = this.#sources.get(key);
    if (source === undefined) this.#sources.set(key, (source = new Source(key, peer.paced)));
    return source;
  }

  #laneOf(source: Source, peer: Peer): Lane {
    const key = this.#keepsOrder ? peer.key : null;
    let lane = source.lanes.get(key);
    if (lane === undefined) source.lanes.set(key, (lane = new Lane(key)));
    return lane;
  }

  #keyOf(peer: Peer): string | object | number {
    if (peer.paced) return peer.key;
    const { address } = peer.address;
    // FNV-1a
    let hash = this.#seed;
    for (let index = 0; index < address.length; index += 1) hash = Math.imul(hash ^ address.charCodeAt(index), 0x01000193);
    return ((hash >>> 16) ^ hash) & (UDP_SOURCES - 1);
  }
}

/** The error for a packet that found no room. */
export function queueIsFull(obstacle: "maxQueue" | "maxQueueBytes"): OscDroppedError {
  const what = "A packet was dropped because the queue is full: handlers are slower than packets arrive.";
  return new OscDroppedError(obstacle, `${what} Raise ${obstacle}, or make them faster.`);
}
