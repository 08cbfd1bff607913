import { OscDroppedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { Packet } from "./executor.ts";
import type { Limits } from "./options.ts";

/** IP addresses are put into this many groups, and no more of anything are compared, so that finding who has most takes little time. */
const MOST_COMPARED = 64;

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

/** What has a share of the queue. */
interface Holder {
  size: number;
  bytes: number;
}

/** Packets of one client that wait, in the order in which they came. */
class Lane implements Holder {
  readonly key: string | object;
  size = 0;
  bytes = 0;
  running = 0;
  #packets: Packet[] = [];
  /** The index of the first packet, so that taking one away doesn't move the others. */
  #head = 0;

  constructor(key: string | object) {
    this.key = key;
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

/** IP addresses that are compared with others as one. */
class Group implements Holder {
  readonly sources = new Set<Source>();
  size = 0;
  bytes = 0;
}

/** What comes from one connection, or from one IP address. */
class Source implements Holder {
  readonly key: string | object;
  /** The IP address. */
  readonly address: string;
  /** Null for a connection, which loses no packets. */
  readonly group: Group | null;
  readonly lanes = new Map<string | object, Lane>();
  /** Lanes that a packet may be taken from, the next one first. */
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
 * Packets that wait for a handler. IP addresses take turns, within an address its sources do, and within a source its clients. If there is no room, the
 * one that has most loses a packet. So a sender that floods gets in its own way and not in that of others, and gains nothing by opening connections. A
 * source is a connection, or an IP address over UDP; its clients are its ports.
 *
 * It keeps nothing about a source that has no packet here, neither waiting nor running.
 */
export class FairQueue {
  readonly #limits: Limits;
  readonly #onDrop: (packet: Packet, error: OscDroppedError) => void;
  readonly #keepsOrder: boolean;
  readonly #share: number;
  readonly #sources = new Map<string | object, Source>();
  readonly #groups = Array.from({ length: MOST_COMPARED }, () => new Group());
  /** Of each IP address the sources that a packet may be taken from; the next one first, of both. */
  readonly #ready = new Map<string, Set<Source>>();
  /** So that nobody can know who is in a group with whom. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #size = 0;
  /** Of the packets that count against the limits: those here, and those that {@link count} was called for. */
  #counted = 0;
  #countedBytes = 0;

  constructor(limits: Limits, onDrop: (packet: Packet, error: OscDroppedError) => void, options: FairQueueOptions = {}) {
    this.#limits = limits;
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
    for (const sources of this.#ready.values()) for (const source of sources) for (const lane of source.ready) return lane.first;
    return undefined;
  }

  /** Whether {@link take} would take a packet. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** The option whose limit keeps the packet out, or null if there is room. */
  obstacle({ peer, data }: Packet): "maxQueue" | "maxQueueBytes" | null {
    // Its transport applies the same limits by not reading on.
    if (peer.paced) return null;
    const { maxQueue, maxQueueBytes } = this.#limits;
    // One that would be too large for an empty queue.
    if (data.length > maxQueueBytes) return "maxQueueBytes";
    if (this.#counted >= maxQueue) return "maxQueue";
    return this.#countedBytes + data.length > maxQueueBytes ? "maxQueueBytes" : null;
  }

  /** Counts a packet against the limits that waits elsewhere, with 1, or no longer does, with -1. */
  count({ data }: Packet, by: 1 | -1): void {
    this.#counted += by;
    this.#countedBytes += by * data.length;
  }

  /** Takes the packet in, or drops one as the overflow policy says. */
  push(packet: Packet): void {
    for (let obstacle = this.obstacle(packet); obstacle !== null; obstacle = this.obstacle(packet)) {
      const lost = this.#takeFromHeaviest(packet, obstacle === "maxQueue" ? "size" : "bytes");
      this.#onDrop(lost ?? packet, queueIsFull(obstacle));
      if (lost === undefined) return;
    }
    // Only now, because a source must not outlive its packets.
    const source = this.#sourceOf(packet.peer);
    const lane = this.#laneOf(source, packet.peer);
    lane.push(packet);
    this.#count(source, lane, packet, 1);
    // A lane that had packets before is where it belongs.
    if (lane.size === 1) this.#makeReady(source, lane);
  }

  /**
   * Takes the packet whose turn it is, to be handled.
   *
   * @param running 1 if {@link done} follows; 0 if not
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
    const isAlone = running === 0 && lane.size > 0 && this.#ready.size === 1 && sources.size === 1 && source.ready.size === 1;
    if (!isAlone) this.#update(source, lane);
    return packet;
  }

  /** Takes the next packet of the same client, for the worker that has `before` and keeps the order. {@link done} has to follow. */
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

  /** Puts packets that were taken before all others of their clients, whatever the limits. The last one comes first, in the argument. */
  putBack(packets: readonly Packet[]): void {
    for (const packet of packets) {
      const source = this.#sourceOf(packet.peer);
      const lane = this.#laneOf(source, packet.peer);
      lane.unshift(packet);
      this.#count(source, lane, packet, 1);
    }
    // Each takes its client to the end of those whose turn comes: in the order in which they were taken.
    for (const packet of packets.toReversed()) this.done(packet);
  }

  /** Takes the packet whose turn it is, for good: {@link done} must not follow. */
  shift(): Packet | undefined {
    return this.take(0);
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
        for (let packet = lane.shift(); packet !== undefined; packet = lane.shift()) {
          this.#count(source, lane, packet, -1);
          packets.push(packet);
        }
        this.#update(source, lane);
      }
    }
    return packets;
  }

  /** Takes a packet from the client that has most. Undefined if that is the sender of `packet`, which is then the one to lose. */
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

  /** Puts the lane, the source and the address at the end of those whose turn comes, or takes them out. */
  #update(source: Source, lane: Lane): void {
    const { address, ready } = source;
    const sources = this.#ready.get(address);
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

  /** Lets a packet be taken from the lane if it may. Whoever is among those whose turn comes keeps its place. */
  #makeReady(source: Source, lane: Lane): void {
    const { address, ready } = source;
    if (lane.size > 0 && (!this.#keepsOrder || lane.running === 0)) ready.add(lane);
    if (ready.size === 0 || source.running >= this.#share) return;
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
    return this.#groups[((hash >>> 16) ^ hash) & (MOST_COMPARED - 1)] as Group;
  }
}

function keyOf({ paced, key, address }: Peer): string | object {
  return paced ? key : address.address;
}

/** The one that has most, the first of several or the last. It looks at no more than {@link MOST_COMPARED}. */
function heaviest<Item extends Holder>(holders: Iterable<Item>, measure: "size" | "bytes", takesLast = false): Item | undefined {
  let found: Item | undefined;
  let left = MOST_COMPARED;
  for (const holder of holders) {
    if (found === undefined || holder[measure] > found[measure] || (takesLast && holder[measure] === found[measure])) found = holder;
    left -= 1;
    if (left === 0) break;
  }
  return found;
}

/** The error for a packet that found no room. */
export function queueIsFull(obstacle: "maxQueue" | "maxQueueBytes"): OscDroppedError {
  const what = "A packet was dropped because the queue is full: handlers are slower than packets arrive.";
  return new OscDroppedError(obstacle, `${what} Raise ${obstacle}, or make them faster.`);
}
