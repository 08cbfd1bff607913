import { availableParallelism } from "node:os";
import { type OscError, type OscRejectedError, OscServerError } from "../../errors.ts";
import { HANDLED as WAS_HANDLED, type PacketResult, dropped, handled, rejected } from "../../packet-result.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed } from "../executor.ts";
import { FairQueue, type PacketOrder } from "../fair-queue.ts";
import { explainRefusal } from "../handle.ts";
import type { ServeOneStatus } from "../io-thread/messages.ts";
import type { Limits } from "../options.ts";
import { type PackedError, unpackError } from "./error-transfer.ts";
import { type PoolSlot, closeTimedOut, handlerTimedOut } from "./pool-slot.ts";
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

/** A batch holds the packets that a worker handles in this time, at most `BATCH_SIZE`. */
const BATCH_MS = 1;
const BATCH_SIZE = 64;
/** A batch that takes longer than this contains a slow packet: other workers handle the packets behind it. */
const SLOW_BATCH_MS = 5;
/** Handlers slower than this are assumed to wait for something, so more workers than processors help. */
const SLOW_HANDLER_MS = 2;
/** Workers are started until they can empty the queue in this time. */
const DRAIN_MS = 100;
/** Number of packets in the moving average of handler times. */
const MAX_SAMPLES = 64;
/** Handlers that only compute gain nothing from more threads than this. */
const PROCESSORS = availableParallelism();
/** Number of distinct leftovers of handlers that are reported. */
const MAX_LEFTOVERS = 100;

/** Provides the workers of a pool. */
export interface WorkerSource {
  /** The kind of worker to use on this system, or why none is available. */
  kind(): WorkerKind | Promise<WorkerKind | OscServerError>;
  /** Called when the server starts to close: no more workers are needed. */
  stop?(): void;
  /** Called once all workers have ended. */
  close?(): Promise<void>;
}

/** The constructor's parameters. */
export interface WorkerPoolSetup {
  readonly limits: Limits;
  readonly order: PacketOrder;
  /** Maximum number of workers. */
  readonly max: number;
  readonly packetsAtOnce: number;
  readonly source: WorkerSource;
  readonly events: ExecutorEvents;
  /** Called with the worker's record when a described method gets a new value. */
  readonly onValue: (record: RecordBody) => void;
  /** Called with the progress of {@link WorkerPool.serveOne}. */
  readonly onServeOne: (status: ServeOneStatus) => void;
}

/** The outcome of {@link WorkerPool.begin}. */
export interface PoolStart {
  /** Why no worker became ready; the pool then drops all packets. */
  readonly failure: OscError | null;
  readonly strategy: WorkerKind["strategy"];
}

/**
 * Dispatches packets to worker threads or child processes while the server is serving; otherwise they wait in the queue.
 *
 * The path of a packet: `execute` adds it to the `FairQueue`. `dispatch` takes it out, gets a `PoolSlot` with capacity from the `WorkerSet`
 * and assigns the packet to it; the slot's `PoolWorker` sends it to the thread or process. Records from there arrive in `record`: replies and
 * errors go to the pipeline, `HANDLED` and `REJECTED` settle the packet and dispatch the next. If the worker ends or is killed, the
 * `WorkerSet` calls `settlePackets`.
 *
 * A pool of our own, because streams need their packets in order, a hanging handler must be killed, and every packet must be settled exactly
 * once, whatever happens to its worker.
 */
export class WorkerPool implements Executor, WorkerSetOwner {
  readonly #limits: Limits;
  readonly #events: ExecutorEvents;
  readonly #onServeOne: (status: ServeOneStatus) => void;
  readonly #onValue: (record: RecordBody) => void;
  readonly #source: WorkerSource;
  readonly #queue: FairQueue;
  /** Packets that one sender may have in progress if their handlers are slow: one for each worker except the reserved ones. */
  readonly #share: number;
  #kind: WorkerKind | null = null;
  #workers: WorkerSet | null = null;
  /** Why no kind of worker is available. */
  #failure: OscError | null = null;
  /** Number of packets that may be dispatched: `Infinity` while serving, 0 while paused. */
  #budget = 0;
  /** The packet of `serveOne`: "awaited" until one arrives, "queued" until it is assigned. Null when not in use. */
  #singlePacket: Packet | "awaited" | "queued" | null = null;
  /** Reported messages about leftovers of handlers. */
  readonly #leftovers = new Set<string>();
  /** Moving average of handler times, in milliseconds, and the number of samples in it. */
  #averageMs = Infinity;
  #samples = 0;
  /** When the queue last became non-empty. */
  #waitingSince = 0;
  #willDispatch = false;
  #slowTimer: NodeJS.Timeout | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor({ limits, order, max, packetsAtOnce, source, events, onServeOne, onValue }: WorkerPoolSetup) {
    this.#limits = limits;
    this.#events = events;
    this.#onServeOne = onServeOne;
    this.#onValue = onValue;
    this.#source = source;
    // Reserved so that a single sender can't occupy all workers.
    const reserved = max < 4 ? 0 : Math.ceil(max / 8);
    this.#share = reserved === 0 ? Infinity : (max - reserved) * packetsAtOnce;
    const onDrop = (packet: Packet, error: OscError): void => this.#finish(packet, dropped(error));
    this.#queue = new FairQueue(limits, onDrop, { order, share: this.#share });
  }

  /**
   * Starts workers. Call it only once the server is listening, because workers may run the program again.
   *
   * @returns once the first worker is ready or has failed
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
    // Packets may be queued already, and some kinds of worker are ready at once.
    this.dispatch();
    const failure = await this.#workers.started;
    return { failure, strategy: failure === null ? kind.strategy : null };
  }

  /** Starts dispatching packets. */
  resume(): void {
    this.#budget = Infinity;
    this.#waitingSince = performance.now();
    this.dispatch();
  }

  /** Dispatches a single packet: the next in the queue, or else the next to arrive. */
  serveOne(): void {
    this.#budget += 1;
    this.#waitingSince = performance.now();
    this.#singlePacket = "awaited";
    this.#beginSingle();
  }

  /** Stops dispatching. Workers finish the packets they have. */
  pause(): void {
    if (this.#singlePacket !== null && this.#singlePacket !== "awaited") return;
    this.#budget = 0;
    if (this.#singlePacket === "awaited") this.#endSingle("none");
  }

  execute(packet: Packet): void {
    const failure = this.#refusal;
    if (failure !== null) return this.#events.end(packet, dropped(failure));
    if (this.#queue.size === 0) this.#waitingSince = performance.now();
    this.#queue.push(packet);
    if (this.#singlePacket === "awaited") this.#beginSingle();
    if (this.#willDispatch) return;
    // Packets that arrive in the same tick are dispatched as a batch.
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
    await this.#workers?.close(graceMs, closeTimedOut(graceMs));
    clearTimeout(this.#deadlineTimer);
    await this.#source.close?.();
  }

  /** Assigns queued packets to workers with capacity, and starts more workers for the rest. */
  dispatch(): void {
    const failure = this.#refusal;
    if (failure !== null) return this.#dropWaiting(failure);
    const workers = this.#workers;
    if (workers === null) return;
    while (this.#budget > 0 && this.#queue.hasReady) {
      const isFast = (this.#kind as WorkerKind).batches && this.#averageMs <= SLOW_HANDLER_MS;
      const { computing, stuck } = this.#busyWorkers(workers);
      // Fast handlers occupy a worker for a moment only, however many packets a batch has.
      this.#queue.share = isFast && stuck === 0 ? this.#share * BATCH_SIZE : this.#share;
      // Handlers that only compute gain nothing from more threads than processors, and take less time than waking a thread: their packets stay
      // queued and are assigned in batches.
      if (isFast && computing >= PROCESSORS) return void (this.#slowTimer ??= setTimeout(() => this.#requeueStuck(), SLOW_BATCH_MS));
      const slot = workers.takeFree();
      if (slot === undefined) return workers.growSoon();
      this.#assign(slot, workers);
    }
  }

  workersNeeded(): number {
    const { patience, max, packetsInAll } = this.#kind as WorkerKind;
    const now = performance.now();
    if (this.#budget === 0 || !this.#queue.hasReady || now - this.#waitingSince < patience) return 0;
    let ready = 0;
    let stuck = 0;
    for (const { phase, load, lastActivity } of this.#workers ?? []) {
      if (phase === "ready") ready += 1;
      if (load > 0 && now - lastActivity > 10 * SLOW_HANDLER_MS) stuck += 1;
    }
    const { size } = this.#queue;
    // Fast handlers gain nothing from more workers than processors: they would only compete for CPU time.
    if (patience > 0 && this.#averageMs <= SLOW_HANDLER_MS) {
      const wanted = stuck === 0 ? 1 : stuck + PROCESSORS;
      return Math.max(0, Math.min(size, wanted - ready));
    }
    return Math.min(max, packetsInAll === 1 ? size : Math.max(1, Math.ceil(size * Math.min(1, this.#averageMs / DRAIN_MS))));
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
        this.#addSample(tookOf(record));
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

  settlePackets(slot: PoolSlot, error: OscError): void {
    const packets = slot.clear();
    this.#putBack(packets.unstarted);
    for (const packet of packets.handled) this.#settle(packet, WAS_HANDLED);
    for (const packet of packets.lost) this.#settle(packet, dropped(error));
  }

  report(error: OscError): void {
    this.#events.report(error);
  }

  /** The error to drop packets with if no worker will accept any; null if one may. */
  get #refusal(): OscError | null {
    return this.#isClosing ? serverClosed() : (this.#failure ?? this.#workers?.failure ?? null);
  }

  #assign(slot: PoolSlot, workers: WorkerSet): void {
    const { batches, packetsInAll, packetTimeout } = this.#kind as WorkerKind;
    const most = batches ? Math.min(BATCH_SIZE, BATCH_MS / this.#averageMs, packetsInAll - slot.packetCount, this.#budget) : 1;
    let last = this.#queue.take();
    const packets: Packet[] = [];
    while (last !== undefined) {
      packets.push(last);
      last = packets.length + 1 > most ? undefined : (this.#queue.take() ?? this.#queue.takeBehind(last));
    }
    this.#budget -= packets.length;
    if (this.#singlePacket === "queued") this.#singlePacket = packets[0] ?? null;
    if (packets.length > 1) this.#slowTimer ??= setTimeout(() => this.#requeueStuck(), SLOW_BATCH_MS);
    this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), packetTimeout);
    slot.assign(packets);
    workers.assigned(slot);
  }

  /** A worker has finished a packet. */
  #end(slot: PoolSlot, id: number, packet: Packet, result: PacketResult): void {
    slot.end(id);
    this.#settle(packet, result);
    this.#workers?.released(slot);
    this.dispatch();
  }

  #addSample(took: number): void {
    this.#samples = Math.min(this.#samples + 1, MAX_SAMPLES);
    this.#averageMs = this.#samples === 1 ? took : this.#averageMs + (took - this.#averageMs) / this.#samples;
  }

  /** How many workers have packets: those that are making progress, and those whose handler takes long. */
  #busyWorkers(workers: WorkerSet): { readonly computing: number; readonly stuck: number } {
    const now = performance.now();
    let computing = 0;
    let stuck = 0;
    for (const { load, lastActivity } of workers) {
      if (load === 0) continue;
      if (now - lastActivity < SLOW_BATCH_MS) computing += 1;
      else stuck += 1;
    }
    return { computing, stuck };
  }

  #settle(packet: Packet, result: PacketResult): void {
    this.#queue.done(packet);
    this.#finish(packet, result);
  }

  #finish(packet: Packet, result: PacketResult): void {
    this.#events.end(packet, result);
    if (packet === this.#singlePacket) this.#endSingle("ended");
  }

  /** Returns packets behind a slow one to the queue, for other workers. */
  #requeueStuck(): void {
    this.#slowTimer = undefined;
    const now = performance.now();
    for (const slot of this.#workers ?? []) {
      if (slot.load < 2) continue;
      if (now - slot.lastActivity < SLOW_BATCH_MS - 1) {
        this.#slowTimer ??= setTimeout(() => this.#requeueStuck(), SLOW_BATCH_MS);
        continue;
      }
      this.#putBack(slot.takeBack());
      this.#workers?.released(slot);
    }
    this.dispatch();
  }

  #killOverdue(): void {
    this.#deadlineTimer = undefined;
    let next = Infinity;
    for (const slot of this.#workers ?? []) {
      if (slot.deadline <= performance.now()) this.#workers?.kill(slot, handlerTimedOut(this.#kind as WorkerKind));
      else next = Math.min(next, slot.deadline);
    }
    // Timers may fire slightly early.
    if (next < Infinity) this.#deadlineTimer ??= setTimeout(() => this.#killOverdue(), Math.ceil(next - performance.now()));
  }

  /** @param packets newest first */
  #putBack(packets: readonly Packet[]): void {
    if (packets.length > 0 && this.#queue.size === 0) this.#waitingSince = performance.now();
    this.#queue.putBack(packets);
    this.#budget += packets.length;
  }

  #dropWaiting(error: OscError): void {
    for (const packet of this.#queue.clear()) this.#finish(packet, dropped(error));
    if (this.#singlePacket === "queued") this.#endSingle("ended");
  }

  #beginSingle(): void {
    // The queue may just have dropped the packet.
    if (this.#queue.size === 0) return;
    this.#singlePacket = "queued";
    this.#onServeOne("begun");
    this.dispatch();
  }

  #endSingle(status: ServeOneStatus): void {
    this.#singlePacket = null;
    this.#budget = 0;
    this.#onServeOne(status);
  }

  /** Reports each leftover once, up to `MAX_LEFTOVERS`. */
  #reportLeftover(error: OscError, packet: Packet | undefined): void {
    if (this.#leftovers.has(error.message) || this.#leftovers.size >= MAX_LEFTOVERS) return;
    this.#leftovers.add(error.message);
    this.#events.report(error, packet?.peer.address);
  }
}

/** The error for a server whose `strictTiming` differs from that of its handlers module. */
export function timingDiffers(strictTiming: boolean): OscServerError {
  return new OscServerError(
    "OSC_OPTION",
    `The dispatcher of the handlers module has strictTiming: ${strictTiming}, but the server doesn't. Set the server's option strictTiming: ${strictTiming}.`,
  );
}
