import { availableParallelism } from "node:os";
import { type OscError, type OscRejectedError, OscServerError } from "../../errors.ts";
import { HANDLED as WAS_HANDLED, type PacketResult, dropped, handled, rejected } from "../../packet-result.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed } from "../executor.ts";
import { FairQueue, type PacketOrder } from "../fair-queue.ts";
import { explainRefusal } from "../handle.ts";
import type { OneChange } from "../io-thread/messages.ts";
import type { Limits } from "../options.ts";
import { type PackedError, unpackError } from "./error-transfer.ts";
import { type PoolSlot, outOfGrace, overdue } from "./pool-slot.ts";
import {
  FAILED,
  HANDLED,
  LEFTOVER,
  PACKET,
  READY,
  REJECTED,
  REPLY,
  REPORT,
  type Ready,
  type RecordBody,
  SHUTDOWN,
  VALUE,
  contentOf,
  explanationOf,
  idOf,
  jsonOf,
  kindOf,
  packetOf,
  reasonOf,
  textOf,
  tookOf,
  unmatchedOf,
} from "./records.ts";
import { WorkerSet, type WorkerSetOwner } from "./worker-set.ts";
import type { WorkerKind } from "./worker.ts";

/** A worker is given as many packets at once as it handles in this time, but not more than `BATCH_SIZE`. */
const BATCH_MS = 1;
const BATCH_SIZE = 64;
/** A batch that takes longer than this has a slow packet in it: others handle what is behind that one. */
const SLOW_BATCH_MS = 5;
/** Handlers that take longer than this are taken to wait for something, so that more workers than processors help. */
const SLOW_HANDLER_MS = 2;
/** Enough workers are started to handle in this time what waits. */
const DRAIN_MS = 100;
/** So many packets make the average of how long handlers take. */
const AVERAGED = 64;
/** As many threads as this are enough for handlers that only compute. */
const PROCESSORS = availableParallelism();
/** How many different things that handlers left behind are reported. */
const MAX_LEFTOVERS = 100;

/** Where the workers of a pool come from. */
export interface WorkerSource {
  /** The kind of worker that works here, or why none does. */
  kind(): WorkerKind | Promise<WorkerKind | OscServerError>;
  /** The server closes: what is being started is let go. */
  stop?(): void;
  /** Called when no worker is left. */
  close?(): Promise<void>;
}

/** What a pool is made with. */
export interface WorkerPoolSetup {
  readonly limits: Limits;
  readonly order: PacketOrder;
  /** The most workers at any time. */
  readonly max: number;
  readonly packetsAtOnce: number;
  readonly source: WorkerSource;
  readonly events: ExecutorEvents;
  /** Called with the new value of a described method, as a worker has sent it. */
  readonly onValue: (record: RecordBody) => void;
  /** Told what becomes of {@link WorkerPool.serveOne}. */
  readonly onOne: (change: OneChange) => void;
}

/** How a pool has started. */
export interface PoolStart {
  /** Why no worker became ready; the pool then drops all packets. */
  readonly failure: OscError | null;
  readonly strategy: WorkerKind["strategy"];
}

/**
 * Hands packets to worker threads or child processes while the server serves, and otherwise lets them wait. It is ours and not a library's
 * because streams need their order, a handler that hangs must be killed, and every packet must be settled or dropped exactly once, whatever
 * becomes of its worker.
 */
export class WorkerPool implements Executor, WorkerSetOwner {
  readonly #limits: Limits;
  readonly #events: ExecutorEvents;
  readonly #onOne: (change: OneChange) => void;
  readonly #onValue: (record: RecordBody) => void;
  readonly #source: WorkerSource;
  readonly #queue: FairQueue;
  #kind: WorkerKind | null = null;
  #workers: WorkerSet | null = null;
  /** Why no kind of worker works here. */
  #failure: OscError | null = null;
  /** How many packets may be given to workers: all while the server serves. */
  #budget = 0;
  /** The one packet that is served; "next" until there is one, "first" if it is the first that a worker can take. */
  #one: Packet | "next" | "first" | null = null;
  /** What has been said about handlers that leave something behind. */
  readonly #leftovers = new Set<string>();
  /** How long a handler takes, in milliseconds: the average of the last ones, of how many. */
  #pace = Infinity;
  #averaged = 0;
  /** Since when there has always been a packet waiting. */
  #waitingSince = 0;
  #willDispatch = false;
  #slowTimer: NodeJS.Timeout | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor({ limits, order, max, packetsAtOnce, source, events, onOne, onValue }: WorkerPoolSetup) {
    this.#limits = limits;
    this.#events = events;
    this.#onOne = onOne;
    this.#onValue = onValue;
    this.#source = source;
    // An eighth of the workers stays for others than the sender that sends most.
    const reserved = max < 4 ? 0 : Math.ceil(max / 8);
    const share = reserved === 0 ? Infinity : (max - reserved) * packetsAtOnce;
    const onDrop = (packet: Packet, error: OscError): void => this.#tell(packet, dropped(error));
    this.#queue = new FairQueue(limits, onDrop, { order, share });
  }

  /**
   * Starts workers: not before the server listens, because they may run the program again.
   *
   * @returns once the first worker is ready, or is known to fail
   */
  async begin(): Promise<PoolStart> {
    const found = this.#source.kind();
    const kind = found instanceof Promise ? await found : found;
    if (kind instanceof OscServerError) {
      this.#failure = kind;
      this.dispatch();
      return { failure: kind, strategy: null };
    }
    if (this.#isClosing) return { failure: serverClosed(), strategy: null };
    this.#kind = kind;
    this.#workers = new WorkerSet(kind, this);
    // Packets may wait, and workers may be ready at once.
    this.dispatch();
    const failure = await this.#workers.started;
    return { failure, strategy: failure === null ? kind.strategy : null };
  }

  /** Lets workers have packets. */
  resume(): void {
    this.#budget = Infinity;
    this.#waitingSince = performance.now();
    this.dispatch();
  }

  /** Lets workers have one packet: the first that waits, or the next that arrives. */
  serveOne(): void {
    this.#budget += 1;
    this.#waitingSince = performance.now();
    this.#one = "next";
    this.#beginOne();
  }

  /** Lets packets wait. Those that workers have go on. */
  pause(): void {
    if (this.#one !== null && this.#one !== "next") return;
    this.#budget = 0;
    if (this.#one === "next") this.#endOne("none");
  }

  execute(packet: Packet): void {
    const failure = this.#refusal;
    if (failure !== null) return this.#events.end(packet, dropped(failure));
    if (this.#queue.size === 0) this.#waitingSince = performance.now();
    this.#queue.push(packet);
    if (this.#one === "next") this.#beginOne();
    if (this.#willDispatch) return;
    // What comes in one turn of the event loop is handed over together.
    this.#willDispatch = true;
    queueMicrotask(() => {
      this.#willDispatch = false;
      this.dispatch();
    });
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    this.pause();
    clearTimeout(this.#slowTimer);
    this.#source.stop?.();
    for (const slot of this.#workers ?? []) this.#putBack(slot.takeBack());
    this.#dropWaiting(serverClosed());
    await this.#workers?.close(graceMs, outOfGrace(graceMs));
    clearTimeout(this.#deadlineTimer);
    await this.#source.close?.();
  }

  /** Gives waiting packets to workers that can take some, and sees to more workers for the rest. */
  dispatch(): void {
    const failure = this.#refusal;
    if (failure !== null) return this.#dropWaiting(failure);
    const workers = this.#workers;
    if (workers === null) return;
    while (this.#budget > 0 && this.#queue.hasReady) {
      if (!this.#needsAnother(workers)) return void (this.#slowTimer ??= setTimeout(() => this.#relieve(), SLOW_BATCH_MS));
      const slot = workers.takeFree();
      if (slot === undefined) return workers.growSoon();
      this.#give(slot, workers);
    }
  }

  packetsInNeed(): number {
    const { patience, max, packetsInAll } = this.#kind as WorkerKind;
    const now = performance.now();
    if (this.#budget === 0 || !this.#queue.hasReady || now - this.#waitingSince < patience) return 0;
    let ready = 0;
    let stuck = 0;
    for (const { phase, load, since } of this.#workers ?? []) {
      if (phase === "ready") ready += 1;
      if (load > 0 && now - since > 10 * SLOW_HANDLER_MS) stuck += 1;
    }
    const { size } = this.#queue;
    // Handlers that compute for a moment gain nothing from more workers than processors: those would only take turns.
    if (patience > 0 && this.#pace <= SLOW_HANDLER_MS) {
      const wanted = stuck === 0 ? 1 : stuck + PROCESSORS;
      return Math.max(0, Math.min(size, wanted - ready));
    }
    return Math.min(max, packetsInAll === 1 ? size : Math.max(1, Math.ceil(size * Math.min(1, this.#pace / DRAIN_MS))));
  }

  record(slot: PoolSlot, record: RecordBody, id: number = idOf(record)): void {
    const packet = slot.packet(id);
    switch (kindOf(record)) {
      case READY: {
        const { strictTiming } = jsonOf(record) as Ready;
        if (strictTiming !== this.#kind?.strictTiming) this.#events.report(timingDiffers(strictTiming));
        return this.#workers?.ready(slot);
      }
      case REPLY:
        if (packet !== undefined) this.#events.reply(packet, contentOf(record));
        return;
      case PACKET: {
        const { data, client } = packetOf(record);
        return this.#events.send(data, client);
      }
      case REPORT:
        return this.#events.report(unpackError(jsonOf(record) as PackedError), packet?.peer.address);
      case LEFTOVER:
        return this.#reportLeftover(unpackError(jsonOf(record) as PackedError), packet);
      case HANDLED:
        this.#average(tookOf(record));
        if (packet !== undefined) this.#end(slot, id, packet, handled(unmatchedOf(record)));
        return;
      case REJECTED: {
        const reason = reasonOf(record);
        const text = explanationOf(record);
        if (packet === undefined) return;
        const explain = (): OscRejectedError => explainRefusal(reason, packet.data, this.#limits, text);
        return this.#end(slot, id, packet, rejected(reason, explain));
      }
      case VALUE:
        return this.#onValue(record);
      case SHUTDOWN:
        return this.#events.shutdown();
      case FAILED:
        slot.reason = textOf(record);
    }
  }

  lose(slot: PoolSlot, error: OscError): void {
    const remains = slot.clear();
    this.#putBack(remains.unbegun);
    for (const packet of remains.handled) this.#settle(packet, WAS_HANDLED);
    for (const packet of remains.lost) this.#settle(packet, dropped(error));
  }

  report(error: OscError): void {
    this.#events.report(error);
  }

  /** What packets are dropped with while no worker takes any. */
  get #refusal(): OscError | null {
    return this.#isClosing ? serverClosed() : (this.#failure ?? this.#workers?.failure ?? null);
  }

  #give(slot: PoolSlot, workers: WorkerSet): void {
    const { batches, packetsInAll, packetTimeout } = this.#kind as WorkerKind;
    const most = batches ? Math.min(BATCH_SIZE, BATCH_MS / this.#pace, packetsInAll - slot.given, this.#budget) : 1;
    let last = this.#queue.take();
    const packets: Packet[] = [];
    while (last !== undefined) {
      packets.push(last);
      last = packets.length + 1 > most ? undefined : (this.#queue.take() ?? this.#queue.takeBehind(last));
    }
    this.#budget -= packets.length;
    if (this.#one === "first") this.#one = packets[0] ?? null;
    if (packets.length > 1) this.#slowTimer ??= setTimeout(() => this.#relieve(), SLOW_BATCH_MS);
    this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), packetTimeout);
    slot.give(packets);
    workers.gave(slot);
  }

  /** A worker is done with a packet. */
  #end(slot: PoolSlot, id: number, packet: Packet, result: PacketResult): void {
    slot.end(id);
    this.#settle(packet, result);
    this.#workers?.freed(slot);
    this.dispatch();
  }

  #average(took: number): void {
    this.#averaged = Math.min(this.#averaged + 1, AVERAGED);
    this.#pace = this.#averaged === 1 ? took : this.#pace + (took - this.#pace) / this.#averaged;
  }

  /**
   * Whether a worker more than those that are at it would help. Handlers that only compute gain nothing from more threads than processors, and waking a
   * thread for each packet takes longer than these; what waits meanwhile is handed over together.
   */
  #needsAnother(workers: WorkerSet): boolean {
    if (!(this.#kind as WorkerKind).batches || this.#pace > SLOW_HANDLER_MS) return true;
    const now = performance.now();
    let computing = 0;
    for (const { load, since } of workers) if (load > 0 && now - since < SLOW_BATCH_MS) computing += 1;
    return computing < PROCESSORS;
  }

  #settle(packet: Packet, result: PacketResult): void {
    this.#queue.done(packet);
    this.#tell(packet, result);
  }

  #tell(packet: Packet, result: PacketResult): void {
    this.#events.end(packet, result);
    if (packet === this.#one) this.#endOne("ended");
  }

  /** Lets others handle what waits behind a packet that takes long. */
  #relieve(): void {
    this.#slowTimer = undefined;
    const now = performance.now();
    for (const slot of this.#workers ?? []) {
      if (slot.load < 2) continue;
      if (now - slot.since < SLOW_BATCH_MS - 1) {
        this.#slowTimer ??= setTimeout(() => this.#relieve(), SLOW_BATCH_MS);
        continue;
      }
      this.#putBack(slot.takeBack());
      this.#workers?.freed(slot);
    }
    this.dispatch();
  }

  #killOverdue(): void {
    this.#deadlineTimer = undefined;
    let next = Infinity;
    for (const slot of this.#workers ?? []) {
      if (slot.deadline <= performance.now()) this.#workers?.kill(slot, overdue(this.#kind as WorkerKind));
      else next = Math.min(next, slot.deadline);
    }
    // A timer may come a little early.
    if (next < Infinity) this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), Math.ceil(next - performance.now()));
  }

  /** @param packets the last one first */
  #putBack(packets: readonly Packet[]): void {
    if (packets.length > 0 && this.#queue.size === 0) this.#waitingSince = performance.now();
    this.#queue.putBack(packets);
    this.#budget += packets.length;
  }

  #dropWaiting(error: OscError): void {
    for (const packet of this.#queue.clear()) this.#tell(packet, dropped(error));
    if (this.#one === "first") this.#endOne("ended");
  }

  #beginOne(): void {
    // The queue may have dropped the packet.
    if (this.#queue.size === 0) return;
    this.#one = "first";
    this.#onOne("begun");
    this.dispatch();
  }

  #endOne(change: OneChange): void {
    this.#one = null;
    this.#budget = 0;
    this.#onOne(change);
  }

  /** Once for each handler and place, as far as there are not too many. */
  #reportLeftover(error: OscError, packet: Packet | undefined): void {
    if (this.#leftovers.has(error.message) || this.#leftovers.size >= MAX_LEFTOVERS) return;
    this.#leftovers.add(error.message);
    this.#events.report(error, packet?.peer.address);
  }
}

/** The report about a server that was not told how its handlers module wants bundles to be timed. */
export function timingDiffers(strictTiming: boolean): OscServerError {
  return new OscServerError(
    "OSC_OPTION",
    `The dispatcher of the handlers module has strictTiming ${strictTiming}, which the server does not see: give the server the option strictTiming: ${strictTiming}.`,
  );
}
