import type { PacketContext } from "../dispatch/index.ts";
import { OscDroppedError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { type PacketResult, dropped } from "../packet-result.ts";
import type { Limits } from "./options.ts";
import type { Executor, ExecutorEvents, Packet } from "./executor.ts";
import { PacketQueue, QueueBound } from "./packet-queue.ts";
import { type Handling, runInContext } from "./handle.ts";

/** How the event loop takes packets whose handlers return promises. */
export interface EventLoopOptions {
  /** How many packets may be in progress at once while handlers await something. Default 64. */
  readonly concurrency: number;
  /** Whether packets of one client are handled one after another (`"client"`), or as they come (`"none"`). */
  readonly order: "client" | "none";
}

/** Packets that must be handled one after another, for they are of one client. */
interface Lane {
  readonly key: string | object | null;
  readonly queue: PacketQueue;
  running: boolean;
}

/**
 * Handles packets in the event loop. Handlers that return no promise cost no promise here;
 * the lanes come into being only while some handler awaits.
 */
export class EventLoopExecutor implements Executor {
  readonly #handling: Handling;
  readonly #events: ExecutorEvents;
  readonly #options: EventLoopOptions;
  readonly #bound: QueueBound;
  readonly #lanes = new Map<string | object, Lane>();
  /** Lanes that have packets and run none, in the order in which their turn came. */
  readonly #ready = new Set<Lane>();
  #running = 0;
  #closing = false;
  #drained: (() => void) | null = null;

  constructor(handling: Handling, limits: Limits, options: EventLoopOptions, events: ExecutorEvents) {
    this.#handling = handling;
    this.#events = events;
    this.#options = options;
    this.#bound = new QueueBound(limits);
  }

  execute(packet: Packet): void {
    if (this.#running === 0 && this.#lanes.size === 0 && !this.#closing) {
      const pending = this.#run(packet);
      if (pending !== null) this.#await(this.#lane(packet), pending);
      return;
    }
    if (this.#closing) return this.#events.end(packet, dropped(closing()));
    const lane = this.#lane(packet);
    lane.queue.push(packet);
    if (!lane.running && lane.queue.size > 0) this.#ready.add(lane);
    this.#advance();
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const lane of this.#lanes.values()) this.#dropAll(lane);
    for (const lane of this.#ready) this.#dropAll(lane);
    this.#ready.clear();
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#drained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Starts lanes whose turn it is, as far as `concurrency` allows. */
  #advance(): void {
    for (const lane of this.#ready) {
      if (this.#running >= this.#options.concurrency) return;
      this.#ready.delete(lane);
      this.#proceed(lane);
    }
  }

  /** Handles a lane's packets until one of them has to be awaited. */
  #proceed(lane: Lane): void {
    // Until the last one is handled: a stream reads on when a packet is settled, and what it brings waits for those before it.
    lane.running = true;
    for (let packet = lane.queue.shift(); packet !== undefined; packet = lane.queue.shift()) {
      const pending = this.#run(packet);
      if (pending !== null) return this.#await(lane, pending);
    }
    lane.running = false;
    if (lane.key !== null) this.#lanes.delete(lane.key);
  }

  #await(lane: Lane, pending: Promise<void>): void {
    lane.running = true;
    this.#running += 1;
    void pending.then(() => {
      lane.running = false;
      this.#running -= 1;
      if (lane.queue.size > 0) this.#ready.add(lane);
      else if (lane.key !== null) this.#lanes.delete(lane.key);
      this.#advance();
      if (this.#running === 0) this.#drained?.();
    });
  }

  /** Handles a packet; null where that is done, or the promise of its end, which never rejects. */
  #run(packet: Packet): Promise<void> | null {
    const events = this.#events;
    const result = runInContext(this.#handling, packet.data, new LoopContext(this.#handling, events, packet));
    if (result instanceof Promise) return endLater(events, packet, result);
    events.end(packet, result);
    return null;
  }

  /** The lane of the packet's client; without order, every packet has one of its own. */
  #lane(packet: Packet): Lane {
    const key = this.#options.order === "client" ? packet.peer.key : null;
    const known = key === null ? undefined : this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = {
      key,
      queue: new PacketQueue(this.#bound, (lost, error) => this.#events.end(lost, dropped(error))),
      running: false,
    };
    if (key !== null) this.#lanes.set(key, lane);
    return lane;
  }

  #dropAll(lane: Lane): void {
    for (let packet = lane.queue.shift(); packet !== undefined; packet = lane.queue.shift()) this.#events.end(packet, dropped(closing()));
  }
}

/**
 * What the handlers of a packet may do. A class and not closures, for it is made for every packet (bench/dispatch), and it holds no more than
 * is needed to find out the rest, for which few ask: what is made for every packet sets how often the collector runs.
 */
class LoopContext implements PacketContext {
  readonly #handling: Handling;
  readonly #events: ExecutorEvents;
  readonly #packet: Packet;

  constructor(handling: Handling, events: ExecutorEvents, packet: Packet) {
    this.#handling = handling;
    this.#events = events;
    this.#packet = packet;
  }

  get clientAddress(): NetAddress {
    return this.#packet.peer.address;
  }

  get asOf(): number {
    return this.#packet.asOf;
  }

  get mode(): "sync" | "async" {
    return this.#handling.mode;
  }

  get decodeOptions(): Handling {
    return this.#handling;
  }

  reply(bytes: Uint8Array): void {
    this.#events.reply(this.#packet, bytes);
  }

  error(error: OscError): void {
    this.#events.report(error, this.clientAddress);
  }

  shutdown(): void {
    this.#handling.shutdown();
  }
}

async function endLater(events: ExecutorEvents, packet: Packet, result: Promise<PacketResult>): Promise<void> {
  events.end(packet, await result);
}

function closing(): OscError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped, for the server closed.");
}
