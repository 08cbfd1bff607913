import { type OscError, OscServerError } from "../../errors.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { explainRefusal } from "../handle.ts";
import { HANDLED, dropped, handled, rejected } from "../../packet-result.ts";
import type { Limits } from "../options.ts";
import { Backoff } from "./backoff.ts";
import { type PacketOrder, PacketLanes, type TakenPacket } from "./packet-lanes.ts";
import type { RecordBody } from "./records.ts";
import { type Phase, PoolSlot, closed, outOfGrace, overdue } from "./pool-slot.ts";
import type { PoolState, PoolWorkerEvents, WorkerKind } from "./worker.ts";

/** A worker is given as many packets at once as it handles in this time, but not more than `BATCH_SIZE`. */
const BATCH_MS = 1;
const BATCH_SIZE = 64;
/** A batch that takes longer than this has a slow packet in it: others handle what is behind that one. */
const SLOW_BATCH_MS = 5;
/** Handlers that take longer than this are taken to wait for something, so that more workers than processors help. */
const SLOW_HANDLER_MS = 2;
/** How many workers may be starting at once: more would only make each of them later. */
const MAX_STARTING = 8;
/** The same until the first is ready, because the server starts with it. */
const MAX_STARTING_FIRST = 2;
/** How long a worker may take to end by itself, and how long the end of killed ones is awaited. */
const RETIRE_MS = 2000;
const KILL_MS = 2000;
/** How many different things that handlers left behind are reported. */
const MAX_LEFTOVERS = 100;

export interface WorkerPoolSetup {
  readonly limits: Limits;
  readonly order: PacketOrder;
  /** The most workers at any time. */
  readonly max: number;
  readonly packetsAtOnce: number;
  readonly events: ExecutorEvents;
  /** Called with the new value of a described method, as a worker has sent it. */
  readonly onValue: (record: RecordBody) => void;
}

/**
 * Hands packets to worker threads or child processes. It is ours and not a library's because streams need their order, a handler that hangs
 * must be killed, and every packet must be settled or dropped exactly once, whatever becomes of its worker.
 */
export class WorkerPool implements Executor {
  readonly #limits: Limits;
  readonly #events: ExecutorEvents;
  readonly #lanes: PacketLanes;
  readonly #onValue: (record: RecordBody) => void;
  #kind: WorkerKind | null = null;
  readonly #slots = new Set<PoolSlot>();
  /** Slots that can take a packet. The last is taken first, so that those not needed are idle for long. */
  readonly #free: PoolSlot[] = [];
  readonly #backoff = new Backoff();
  /** What has been said about handlers that leave something behind. */
  readonly #leftovers = new Set<string>();
  /** Why a worker could not be started last. */
  #failure: OscError | null = null;
  /** Whether a worker has become ready, or none has and the pool has given up. */
  #started: "unknown" | "yes" | "failed" = "unknown";
  #onStarted: (error: OscError | null) => void = () => undefined;
  /** How long a handler takes, in milliseconds: the average of the last ones. */
  #pace = Infinity;
  /** Since when there has always been a packet waiting. */
  #waitingSince = 0;
  #willDispatch = false;
  #growTimer: NodeJS.Timeout | undefined;
  #shrinkTimer: NodeJS.Timeout | undefined;
  #slowTimer: NodeJS.Timeout | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #closing = false;
  #onEmpty: () => void = () => undefined;

  constructor({ limits, order, max, packetsAtOnce, events, onValue }: WorkerPoolSetup) {
    this.#onValue = onValue;
    this.#limits = limits;
    this.#events = events;
    const onDrop = (packet: Packet, error: OscError): void => events.end(packet, dropped(error));
    // A quarter of the workers stays for others than the sender that sends most.
    const share = Math.max(1, max - Math.floor(max / 4)) * packetsAtOnce;
    this.#lanes = new PacketLanes({ limits, order, share, onDrop });
  }

  /**
   * Starts workers of that kind. Packets may have come before.
   *
   * @returns once the first worker is ready: null, or why it didn't become so; the pool then has no workers and drops all packets
   */
  begin(kind: WorkerKind): Promise<OscError | null> {
    this.#kind = kind;
    const started = new Promise<OscError | null>((resolve) => {
      this.#onStarted = resolve;
    });
    this.#grow();
    return started;
  }

  /** No kind of worker works here: all packets are dropped. */
  fail(error: OscError): OscError {
    this.#started = "failed";
    this.#failure = error;
    this.#dropWaiting(error);
    return error;
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.end(packet, dropped(closed()));
    const failure = this.#givenUp;
    if (failure !== null) return this.#events.end(packet, dropped(failure));
    if (this.#lanes.size === 0) this.#waitingSince = performance.now();
    this.#lanes.push(packet);
    if (this.#willDispatch) return;
    // What comes in one turn of the event loop is handed over together.
    this.#willDispatch = true;
    queueMicrotask(() => {
      this.#willDispatch = false;
      this.#dispatch();
    });
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const timer of [this.#growTimer, this.#shrinkTimer, this.#slowTimer]) clearTimeout(timer);
    for (const slot of this.#slots) this.#takeBack(slot);
    this.#dropWaiting(closed());
    for (const slot of this.#slots) {
      if (slot.phase === "starting") this.#kill(slot, closed());
      else if (slot.inFlight.size === 0) this.#retire(slot);
    }
    await this.#empty(graceMs);
    for (const slot of this.#slots) this.#kill(slot, outOfGrace(graceMs));
    await this.#empty(KILL_MS);
    clearTimeout(this.#deadlineTimer);
  }

  /** Waits until no worker is left, but not longer than that. */
  async #empty(ms: number): Promise<void> {
    if (this.#slots.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** What packets are dropped with while no worker is there and none is expected; null otherwise. */
  get #givenUp(): OscError | null {
    if (this.#started === "failed") return this.#failure;
    return this.#backoff.isHopeless && this.#backoff.wait > 0 && !this.#hasReady ? this.#failure : null;
  }

  get #hasReady(): boolean {
    for (const { phase } of this.#slots) if (phase === "ready") return true;
    return false;
  }

  /** Gives waiting packets to workers that can take some, and sees to more workers for the rest. */
  #dispatch(): void {
    while (this.#kind !== null && !this.#closing) {
      const slot = this.#free.pop();
      if (slot === undefined) break;
      const taken = this.#lanes.take(this.#batchSize(this.#kind, slot));
      if (taken.length === 0) {
        this.#free.push(slot);
        break;
      }
      this.#give(slot, taken, this.#kind);
    }
    if (this.#lanes.hasReady) this.#growLater(this.#kind?.patience ?? 0);
    if (this.#kind?.packetsInAll === 1) this.#grow();
  }

  #batchSize({ batches, packetsInAll }: WorkerKind, slot: PoolSlot): number {
    if (!batches) return 1;
    return Math.max(1, Math.min(BATCH_SIZE, Math.floor(BATCH_MS / this.#pace), packetsInAll - slot.given));
  }

  #give(slot: PoolSlot, taken: readonly TakenPacket[], { packetsAtOnce, packetsInAll, packetTimeout }: WorkerKind): void {
    const since = performance.now();
    const given = taken.map((one) => ({ ...one, id: (slot.given += 1), since }));
    for (const one of given) slot.inFlight.set(one.id, one);
    slot.since = since;
    // Behind the others, so that those that can take more take turns.
    if (slot.inFlight.size < packetsAtOnce && slot.given < packetsInAll) this.#free.unshift(slot);
    if (given.length > 1) this.#slowTimer ??= setTimeout(() => this.#relieve(), SLOW_BATCH_MS);
    this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), packetTimeout);
    slot.worker?.give(given);
  }

  /** Lets others handle what waits behind a packet that takes long. */
  #relieve(): void {
    this.#slowTimer = undefined;
    const now = performance.now();
    for (const slot of this.#slots) {
      if (this.#kind?.batches !== true || slot.inFlight.size < 2) continue;
      if (now - slot.since >= SLOW_BATCH_MS - 1) this.#takeBack(slot);
      else this.#slowTimer ??= setTimeout(() => this.#relieve(), SLOW_BATCH_MS);
    }
    this.#dispatch();
  }

  #killOverdue(): void {
    const { packetTimeout } = this.#kind as WorkerKind;
    this.#deadlineTimer = undefined;
    let rest = Infinity;
    for (const slot of this.#slots) {
      const [first] = slot.inFlight.values();
      if (first === undefined) continue;
      const left = Math.max(first.since, this.#isSequential ? slot.since : 0) + packetTimeout - performance.now();
      if (left <= 0) this.#kill(slot, overdue(this.#kind as WorkerKind));
      else rest = Math.min(rest, left);
    }
    // A timer may come a little early.
    if (rest < Infinity) this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), Math.ceil(rest));
  }

  get #isSequential(): boolean {
    return this.#kind?.packetsAtOnce === 1;
  }

  /** Takes back what the worker hasn't begun. */
  #takeBack(slot: PoolSlot): void {
    if (slot.inFlight.size === 0) return;
    const begun = slot.worker?.takeBack() ?? null;
    if (begun === null) return;
    const back = [...slot.inFlight.values()].filter(({ id }) => id > begun);
    if (back.length > 0 && this.#lanes.size === 0) this.#waitingSince = performance.now();
    for (const one of back.toReversed()) {
      slot.inFlight.delete(one.id);
      this.#lanes.putBack(one);
    }
    if (slot.inFlight.size === 0 && slot.phase === "ready") this.#free.push(slot);
  }

  /** What a worker has begun is lost with it; what it hasn't begun waits for another, what it had ended is settled. */
  #lose(slot: PoolSlot, error: OscError): void {
    const begun = this.#isSequential ? (slot.worker?.takeBack() ?? null) : null;
    for (const one of [...slot.inFlight.values()].toReversed()) {
      slot.inFlight.delete(one.id);
      if (begun !== null && one.id > begun) {
        this.#lanes.putBack(one);
        continue;
      }
      this.#lanes.release(one);
      this.#events.end(one.packet, begun !== null && one.id < begun ? HANDLED : dropped(error));
    }
  }

  #dropWaiting(error: OscError): void {
    for (const packet of this.#lanes.clear()) this.#events.end(packet, dropped(error));
  }

  /** A worker is done with a packet. Undefined if it had no such packet. */
  #end(slot: PoolSlot, id: number): Packet | undefined {
    const one = slot.inFlight.get(id);
    if (one === undefined) return undefined;
    slot.inFlight.delete(id);
    const now = performance.now();
    const took = now - (this.#isSequential ? slot.since : one.since);
    this.#pace = this.#pace === Infinity ? took : this.#pace + (took - this.#pace) / 8;
    slot.since = now;
    this.#lanes.release(one);
    this.#backoff.succeeded();
    return one.packet;
  }

  /** After a packet has ended: the worker can take another, or has done its work. */
  #next(slot: PoolSlot): void {
    if (slot.phase !== "ready" || this.#kind === null) return;
    const { packetsAtOnce, packetsInAll, batches } = this.#kind;
    if (this.#closing || slot.given >= packetsInAll) {
      if (slot.inFlight.size === 0) this.#retire(slot);
    } else if (batches ? slot.inFlight.size === 0 : slot.inFlight.size < packetsAtOnce) {
      if (!this.#free.includes(slot)) this.#free.push(slot);
      if (slot.inFlight.size === 0) this.#shrinkTimer ??= setTimeout(() => this.#shrink(), this.#kind.idleTimeout).unref();
    }
    this.#dispatch();
  }

  /** Starts as many workers as are missing and may be started now. */
  #grow(): void {
    const kind = this.#kind;
    if (this.#closing || kind === null || this.#started === "failed") return;
    const state = this.#state(kind);
    const missing = this.#backoff.isHopeless ? Math.min(1, this.#lanes.size) : kind.missing(state);
    const together = this.#backoff.failures > 0 ? 1 : this.#started === "yes" ? MAX_STARTING : MAX_STARTING_FIRST;
    const most = Math.min(together - state.starting, kind.max - this.#slots.size);
    const { wait } = this.#backoff;
    if (missing > 0 && wait > 0) this.#growLater(wait);
    else for (let left = Math.min(missing, most); left > 0; left -= 1) this.#startOne(kind);
  }

  #growLater(ms: number): void {
    if (this.#closing) return;
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = undefined;
      this.#grow();
      if (this.#lanes.hasReady) this.#growLater(Math.max(1, this.#kind?.patience ?? 0));
    }, ms);
  }

  #state({ patience, max }: WorkerKind): PoolState {
    let starting = 0;
    let alive = 0;
    let isSlow = patience === 0 || this.#pace > SLOW_HANDLER_MS;
    const now = performance.now();
    for (const { phase, inFlight, since } of this.#slots) {
      if (phase === "starting") starting += 1;
      if (phase === "starting" || phase === "ready") alive += 1;
      if (inFlight.size > 0 && now - since > 10 * SLOW_HANDLER_MS) isSlow = true;
    }
    // Handlers that compute for a moment gain nothing from more workers: those would only take turns.
    const waits = isSlow && this.#lanes.hasReady && now - this.#waitingSince >= patience;
    return { queued: waits ? Math.min(this.#lanes.size, max) : 0, starting, idle: this.#free.length, alive };
  }

  /** Ends workers that have not been needed for long. */
  #shrink(): void {
    const kind = this.#kind as WorkerKind;
    this.#shrinkTimer = undefined;
    const now = performance.now();
    for (let left = kind.superfluous(this.#state(kind)); left > 0; left -= 1) {
      const slot = this.#free.find(({ inFlight }) => inFlight.size === 0);
      if (slot === undefined) return;
      const rest = slot.since + kind.idleTimeout - now;
      if (rest > 0) {
        this.#shrinkTimer = setTimeout(() => this.#shrink(), rest + 1).unref();
        return;
      }
      this.#retire(slot);
    }
  }

  #startOne(kind: WorkerKind): void {
    const slot = new PoolSlot();
    this.#slots.add(slot);
    try {
      slot.worker = kind.start(this.#eventsOf(slot));
    } catch (error) {
      return this.#ended(slot, `it could not be started: ${String(error)}`);
    }
    slot.timer = setTimeout(() => {
      const how = `it did not get there within startTimeout (${kind.startTimeout} ms)`;
      this.#kill(slot, new OscServerError(kind.code, kind.explainStart(how)));
    }, kind.startTimeout);
  }

  #eventsOf(slot: PoolSlot): PoolWorkerEvents {
    const events = this.#events;
    const packetOf = (id: number): Packet | undefined => slot.inFlight.get(id)?.packet;
    return {
      ready: () => this.#ready(slot),
      reply: (id, data) => {
        const packet = packetOf(id);
        if (packet !== undefined) events.reply(packet, data);
      },
      report: (id, error) => events.report(error, packetOf(id)?.peer.address),
      leftover: (id, error) => {
        if (this.#leftovers.has(error.message) || this.#leftovers.size >= MAX_LEFTOVERS) return;
        this.#leftovers.add(error.message);
        events.report(error, packetOf(id)?.peer.address);
      },
      handled: (id, unmatched) => {
        const packet = this.#end(slot, id);
        if (packet === undefined) return;
        events.end(packet, handled(unmatched));
        this.#next(slot);
      },
      rejected: (id, reason, text) => {
        const packet = this.#end(slot, id);
        if (packet === undefined) return;
        events.end(
          packet,
          rejected(reason, () => explainRefusal(reason, packet.data, this.#limits, text)),
        );
        this.#next(slot);
      },
      value: (record) => this.#onValue(record),
      shutdown: () => events.shutdown(),
      ended: (how) => this.#ended(slot, how),
    };
  }

  #ready(slot: PoolSlot): void {
    if (slot.phase !== "starting") return;
    if (this.#started === "failed") return this.#kill(slot, closed());
    slot.enter("ready");
    slot.since = performance.now();
    this.#free.push(slot);
    if (this.#started === "unknown") {
      this.#started = "yes";
      this.#onStarted(null);
    }
    this.#dispatch();
    this.#grow();
  }

  #retire(slot: PoolSlot): void {
    if (slot.phase !== "ready") return;
    this.#leave(slot, "retiring");
    slot.timer = setTimeout(() => this.#kill(slot, closed()), RETIRE_MS);
    slot.worker?.retire();
    this.#grow();
  }

  /** Ends a worker by force. What it was handling is lost with that error. */
  #kill(slot: PoolSlot, error: OscError): void {
    const { phase } = slot;
    if (phase === "killed") return;
    this.#leave(slot, "killed");
    this.#lose(slot, error);
    slot.worker?.kill();
    if (this.#closing) return this.#dropWaiting(closed());
    if (phase === "starting") this.#startFailed(error);
    this.#dispatch();
    this.#grow();
  }

  #ended(slot: PoolSlot, how: string): void {
    if (!this.#slots.delete(slot)) return;
    const kind = this.#kind as WorkerKind;
    const { code, noun } = kind;
    const { phase } = slot;
    this.#leave(slot, "killed");
    const lost = slot.inFlight.size > 0;
    this.#lose(slot, new OscServerError(code, `A packet was lost because the ${noun} that handled it ended: ${how}.`));
    if (this.#closing) this.#dropWaiting(closed());
    else if (phase === "starting") this.#startFailed(new OscServerError(code, kind.explainStart(how)));
    else if (phase === "ready" && slot.given === 0) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it was given a packet: ${how}.`));
    } else if (phase === "ready" && !lost) {
      this.#events.report(new OscServerError(code, `A ${noun} of the server ended while it had nothing to do: ${how}.`));
    }
    if (this.#slots.size === 0) this.#onEmpty();
    if (this.#closing) return;
    this.#dispatch();
    this.#grow();
  }

  /** No packet is given to the worker from now on. */
  #leave(slot: PoolSlot, phase: Phase): void {
    slot.enter(phase);
    const index = this.#free.indexOf(slot);
    if (index !== -1) this.#free.splice(index, 1);
  }

  /** The next start waits longer each time. The first failure is reported, and after several how many there were. */
  #startFailed(error: OscError): void {
    if (this.#started === "failed") return;
    this.#backoff.failed();
    this.#failure = error;
    if (this.#started === "unknown") {
      this.#onStarted(this.fail(error));
      return;
    }
    const { failures, isHopeless } = this.#backoff;
    if (failures === 1) this.#events.report(error);
    if (!isHopeless) return;
    const { code } = this.#kind as WorkerKind;
    this.#failure = new OscServerError(code, `${error.message} This has happened ${failures} times in a row.`);
    if (failures % 5 === 0) this.#events.report(this.#failure);
    if (!this.#hasReady) this.#dropWaiting(this.#failure);
  }
}
