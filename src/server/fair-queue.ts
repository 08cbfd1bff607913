import { OscDroppedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { Packet } from "./executor.ts";
import type { Limits } from "./options.ts";

/**
 * Number of groups that IP addresses are hashed into, and of candidates compared to find the heaviest. It bounds the time of a drop; a power
 * of 2.
 */
const MAX_COMPARED = 64;

/**
 * Whether packets of one sender may be handled concurrently. `"connection"` handles the packets of each connection one after another,
 * `"client"` those of each address and port; `"none"` handles all of them concurrently.
 */
export type PacketOrder = "connection" | "client" | "none";

/** In which order, and how many at a time, packets leave a {@link FairQueue}. */
export interface FairQueueOptions {
  /** Default `"none"`. */
  readonly order?: PacketOrder;
  /** Maximum number of packets of one source in progress. Default: unlimited. */
  readonly share?: number;
}

/** Anything whose queued packets are counted. */
interface Holder {
  size: number;
  bytes: number;
}

/** The queued packets of one client, oldest first. */
class Lane implements Holder {
  readonly key: string | object;
  size = 0;
  bytes = 0;
  running = 0;
  #packets: Packet[] = [];
  /** Index of the oldest packet, so that removing it doesn't move the others. */
  #head = 0;

  constructor(key: string | object) {
    this.key = key;
  }

  /** The oldest packet, which stays queued. */
  get first(): Packet | undefined {
    return this.#packets[this.#head];
  }

  push(packet: Packet): void {
    this.#packets.push(packet);
  }

  unshift(packet: Packet): void {
    if (this.#head === 0) {
      this.#packets.unshift(packet);
    } else {
      this.#head -= 1;
      this.#packets[this.#head] = packet;
    }
  }

  /** Removes the oldest packet. */
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

  /** Removes the newest packet. */
  pop(): Packet | undefined {
    return this.size === 0 ? undefined : this.#packets.pop();
  }
}

/** The IP addresses with the same hash, compared with the other groups to find the heaviest. */
class Group implements Holder {
  readonly sources = new Set<Source>();
  size = 0;
  bytes = 0;
}

/** A connection, or an IP address over UDP, with a lane for each client. */
class Source implements Holder {
  readonly key: string | object;
  /** The IP address. */
  readonly address: string;
  /** Null for a connection: its packets are never dropped. */
  readonly group: Group | null;
  readonly lanes = new Map<string | object, Lane>();
  /** Lanes with a packet that may be taken, next one first. */
  readonly ready = new Set<Lane>();
  size = 0;
  bytes = 0;
  running = 0;

  constructor(key: string | object, address: string, group: Group | null) {
    this.key = key;
    this.address = address;
    this.group = group;
    group?.sources.add(this);
  }
}

/**
 * The queue of packets that wait for a handler, fair between senders.
 *
 * A packet belongs to a client (`Lane`), and its client to a source (`Source`): a connection, or an IP address over UDP, whose clients are its
 * ports. `take` serves the IP addresses round-robin, within an address its sources, and within a source its clients. If the queue is full, the
 * sender with most packets (or bytes) loses one. So a sender that floods slows down only itself, and gains nothing by opening more connections.
 *
 * A packet from `take` is running until `done` is called for it: `order` lets only one packet of a client run at a time, and `share` limits
 * the running packets of a source. `shift` takes a packet that isn't tracked like that.
 *
 * A source without packets, waiting or running, is forgotten.
 */
export class FairQueue {
  readonly #limits: Limits;
  readonly #onDrop: (packet: Packet, error: OscDroppedError) => void;
  readonly #keepsOrder: boolean;
  /** As {@link FairQueueOptions.share}; may be changed. */
  share: number;
  readonly #sources = new Map<string | object, Source>();
  readonly #groups = Array.from({ length: MAX_COMPARED }, () => new Group());
  /** The sources of each IP address with a packet that may be taken. Addresses and sources are in round-robin order, next one first. */
  readonly #ready = new Map<string, Set<Source>>();
  /** Random, so that a sender can't predict which addresses share a group. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #size = 0;
  /** Packets that count against the limits: those queued here, and those passed to {@link count}. */
  #counted = 0;
  #countedBytes = 0;

  constructor(limits: Limits, onDrop: (packet: Packet, error: OscDroppedError) => void, options: FairQueueOptions = {}) {
    this.#limits = limits;
    this.#onDrop = onDrop;
    this.#keepsOrder = (options.order ?? "none") !== "none";
    this.share = options.share ?? Infinity;
  }

  /** Number of queued packets. */
  get size(): number {
    return this.#size;
  }

  /** Number of sources with waiting or running packets. */
  get sources(): number {
    return this.#sources.size;
  }

  /** The packet that {@link take} would return. */
  get first(): Packet | undefined {
    for (const sources of this.#ready.values()) for (const source of sources) for (const lane of source.ready) return lane.first;
    return undefined;
  }

  /** Whether {@link take} would return a packet. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** The option whose limit the packet would exceed; null if there is room. */
  obstacle({ peer, data }: Packet): "maxQueue" | "maxQueueBytes" | null {
    // The transport enforces the same limits: it stops reading.
    if (peer.paced) return null;
    const { maxQueue, maxQueueBytes } = this.#limits;
    // Too large even for an empty queue.
    if (data.length > maxQueueBytes) return "maxQueueBytes";
    if (this.#counted >= maxQueue) return "maxQueue";
    return this.#countedBytes + data.length > maxQueueBytes ? "maxQueueBytes" : null;
  }

  /** Counts a packet that waits elsewhere against the limits (1), or no longer does (-1). */
  count({ data }: Packet, by: 1 | -1): void {
    this.#counted += by;
    this.#countedBytes += by * data.length;
  }

  /** Queues the packet. If the queue is full, the overflow policy decides which packet is dropped. */
  push(packet: Packet): void {
    for (let obstacle = this.obstacle(packet); obstacle !== null; obstacle = this.obstacle(packet)) {
      const lost = this.#takeFromHeaviest(packet, obstacle === "maxQueue" ? "size" : "bytes");
      this.#onDrop(lost ?? packet, queueIsFull(obstacle));
      if (lost === undefined) return;
    }
    // Not before the drops: they may delete the source, and a dropped packet must not create one.
    const source = this.#sourceOf(packet.peer);
    const lane = this.#laneOf(source, packet.peer);
    lane.push(packet);
    this.#count(source, lane, packet, 1);
    // A lane that already had packets keeps its position.
    if (lane.size === 1) this.#makeReady(source, lane);
  }

  /**
   * Removes the next packet in order to handle it.
   *
   * @param running 1 if {@link done} will be called for it; otherwise 0
   */
  take(running: 0 | 1 = 1): Packet | undefined {
    const [sources] = this.#ready.values();
    const [source] = sources ?? [];
    const [lane] = source?.ready ?? [];
    if (sources === undefined || source === undefined || lane === undefined) return undefined;
    const packet = lane.shift() as Packet;
    this.#count(source, lane, packet, -1);
    lane.running += running;
    source.running += running;
    this.#update(source, lane);
    return packet;
  }

  /**
   * Removes the next packet of the same client although one is running: for the same worker, which handles them in order. Must be followed by
   * {@link done}.
   */
  takeBehind({ peer }: Packet): Packet | undefined {
    if (!this.#keepsOrder) return undefined;
    const source = this.#sources.get(keyOf(peer));
    const lane = source?.lanes.get(peer.key);
    const packet = lane?.shift();
    if (source === undefined || lane === undefined || packet === undefined) return undefined;
    this.#count(source, lane, packet, -1);
    lane.running += 1;
    source.running += 1;
    return packet;
  }

  /** Returns taken packets to the front of their clients' lanes, regardless of the limits. @param packets newest first */
  putBack(packets: readonly Packet[]): void {
    for (const packet of packets) {
      const source = this.#sourceOf(packet.peer);
      const lane = this.#laneOf(source, packet.peer);
      lane.unshift(packet);
      this.#count(source, lane, packet, 1);
    }
    // Each call moves its client to the end of the round, so they are made in the order in which the packets were taken.
    for (const packet of packets.toReversed()) this.done(packet);
  }

  /** Like {@link take}, without tracking the packet: {@link done} must not be called for it. */
  shift(): Packet | undefined {
    return this.take(0);
  }

  /** Marks a packet that was never queued as running. Must be followed by {@link done}. */
  begin({ peer }: Packet): void {
    const source = this.#sourceOf(peer);
    const lane = this.#laneOf(source, peer);
    lane.running += 1;
    source.running += 1;
    this.#update(source, lane);
  }

  /** Marks a running packet as handled. */
  done({ peer }: Packet): void {
    const source = this.#sourceOf(peer);
    const lane = this.#laneOf(source, peer);
    lane.running -= 1;
    source.running -= 1;
    this.#update(source, lane);
  }

  /** Removes and returns all queued packets. */
  clear(): Packet[] {
    const packets: Packet[] = [];
    for (const source of this.#sources.values()) {
      for (const lane of source.lanes.values()) {
        for (let packet = lane.shift(); packet !== undefined; packet = lane.shift()) {
          this.#count(source, lane, packet, -1);
          packets.push(packet);
        }
        this.#update(source, lane);
      }
    }
    return packets;
  }

  /** Removes a packet of the heaviest client. Returns undefined if `packet` itself should be dropped, because its sender is the heaviest. */
  #takeFromHeaviest({ peer, data }: Packet, measure: "size" | "bytes"): Packet | undefined {
    if (data.length > this.#limits.maxQueueBytes) return undefined;
    const dropsOldest = this.#limits.overflow === "drop-oldest";
    const own = this.#sources.get(keyOf(peer));
    let source = heaviest(heaviest(this.#groups, measure)?.sources ?? [], measure);
    if (own !== undefined && own[measure] >= (source?.[measure] ?? 0)) source = own;
    if (source === undefined) return undefined;
    let lane = heaviest(source.lanes.values(), measure, !dropsOldest) as Lane;
    if (source === own) {
      const ownLane = own.lanes.get(peer.key);
      const ownMeasure = (ownLane?.[measure] ?? 0) + (measure === "size" ? 1 : data.length);
      if (ownMeasure >= lane[measure]) {
        if (!dropsOldest) return undefined;
        if (ownLane !== undefined && ownLane.size > 0) lane = ownLane;
      }
    }
    const packet = dropsOldest ? lane.shift() : lane.pop();
    if (packet === undefined) return undefined;
    this.#count(source, lane, packet, -1);
    this.#update(source, lane);
    return packet;
  }

  #count(source: Source, lane: Lane, packet: Packet, by: 1 | -1): void {
    const bytes = by * packet.data.length;
    lane.size += by;
    lane.bytes += bytes;
    source.size += by;
    source.bytes += bytes;
    if (source.group !== null) {
      source.group.size += by;
      source.group.bytes += bytes;
    }
    this.#size += by;
    this.#counted += by;
    this.#countedBytes += bytes;
  }

  /** Moves the lane, the source and the address to the end of the round, or removes those that have no packet to take. */
  #update(source: Source, lane: Lane): void {
    const { address, ready } = source;
    const sources = this.#ready.get(address);
    // With a single client, as usual, there is no order to change.
    const isAlone = this.#ready.size === 1 && sources?.size === 1 && sources.has(source) && ready.size === 1 && ready.has(lane);
    if (isAlone && lane.size > 0 && source.running < this.share && (!this.#keepsOrder || lane.running === 0)) return;
    ready.delete(lane);
    sources?.delete(source);
    this.#ready.delete(address);
    if (sources !== undefined && sources.size > 0) this.#ready.set(address, sources);
    if (lane.size === 0 && lane.running === 0) source.lanes.delete(lane.key);
    this.#makeReady(source, lane);
    if (source.lanes.size > 0) return;
    this.#sources.delete(source.key);
    source.group?.sources.delete(source);
  }

  /** Adds the lane to the round if it has a packet that may be taken. A lane, source or address that is in the round keeps its position. */
  #makeReady(source: Source, lane: Lane): void {
    const { address, ready } = source;
    if (lane.size > 0 && (!this.#keepsOrder || lane.running === 0)) ready.add(lane);
    if (ready.size === 0 || source.running >= this.share) return;
    const sources = this.#ready.get(address);
    if (sources === undefined) this.#ready.set(address, new Set([source]));
    else sources.add(source);
  }

  #sourceOf(peer: Peer): Source {
    const key = keyOf(peer);
    let source = this.#sources.get(key);
    if (source === undefined)
      this.#sources.set(key, (source = new Source(key, peer.address.address, peer.paced ? null : this.#groupOf(peer.address))));
    return source;
  }

  #laneOf(source: Source, peer: Peer): Lane {
    let lane = source.lanes.get(peer.key);
    if (lane === undefined) source.lanes.set(peer.key, (lane = new Lane(peer.key)));
    return lane;
  }

  #groupOf({ address }: NetAddress): Group {
    // FNV-1a
    let hash = this.#seed;
    for (let index = 0; index < address.length; index += 1) hash = Math.imul(hash ^ address.charCodeAt(index), 0x01000193);
    return this.#groups[((hash >>> 16) ^ hash) & (MAX_COMPARED - 1)] as Group;
  }
}

function keyOf({ paced, key, address }: Peer): string | object {
  return paced ? key : address.address;
}

/** The holder with most packets or bytes; of equals the first, or the last if `takesLast`. Compares at most {@link MAX_COMPARED}. */
function heaviest<Item extends Holder>(holders: Iterable<Item>, measure: "size" | "bytes", takesLast = false): Item | undefined {
  let found: Item | undefined;
  let left = MAX_COMPARED;
  for (const holder of holders) {
    if (found === undefined || holder[measure] > found[measure] || (takesLast && holder[measure] === found[measure])) found = holder;
    left -= 1;
    if (left === 0) break;
  }
  return found;
}

/** The error for a packet dropped from a full queue. */
export function queueIsFull(obstacle: "maxQueue" | "maxQueueBytes"): OscDroppedError {
  const what = "A packet was dropped because the queue is full: packets arrive faster than handlers finish.";
  return new OscDroppedError(obstacle, `${what} Raise ${obstacle}, or make the handlers faster.`);
}
