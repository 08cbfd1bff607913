import { channel, type Channel } from "node:diagnostics_channel";
import {
  bundleTime,
  type Clock,
  clockDoubt,
  type ErrorListener,
  isEmptyBundle,
  laterElements,
  Reporter,
  Scheduler,
  systemClock,
} from "../dispatch/index.ts";
import { OscDroppedError, OscError, OscRejectedError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type PacketResult, WAITING, dropped, rejected } from "../packet-result.ts";
import { type MemoryAccount, MemoryBudget, PACKET_OVERHEAD } from "../transport/memory-budget.ts";
import { socketError } from "../transport/socket-error.ts";
import type { Peer, TransportEvents } from "../transport/transport.ts";
import { Admission, type AdmissionReason } from "./admission.ts";
import { Counters, HANDLED, IN_PROGRESS, RECEIVED, REPLIED, counterOf } from "./stats.ts";
import type { Limits } from "./options.ts";
import type { Executor, ExecutorEvents, Packet } from "./executor.ts";

const HASH = 0x23;

export interface PipelineOptions {
  readonly limits: Limits;
  /** Whether bundles wait for their time; otherwise they are handled as they arrive. */
  readonly strictTiming: boolean;
  readonly onError: ErrorListener;
  /** Called when a handler asks the server to shut down. */
  readonly onShutdown: () => void;
  readonly executor: (events: ExecutorEvents) => Executor;
  /** Finds the peer with this address; null if not connected. Default: always null. */
  readonly peerAt?: (address: NetAddress) => Peer | null;
  /** Default: new counters. */
  readonly counters?: Counters;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

/**
 * The pipeline of a server: admits and schedules packets, passes them to the executor, and counts the results. It is the same for every
 * transport and every kind of server, and runs in the thread that owns the sockets.
 */
export class Pipeline implements TransportEvents, ExecutorEvents {
  readonly counters: Counters;
  /** Publishes every packet that arrives, before admission: `{ data, client }`, in the thread that owns the sockets. */
  readonly #arrived: Channel = channel("oscine:packet");
  /** Publishes every handled packet in which messages matched no handler: `{ data, client, count }`. */
  readonly #unmatched: Channel = channel("oscine:unmatched");
  readonly #admission: Admission;
  readonly #reporter: Reporter;
  readonly #scheduler: Scheduler<Packet>;
  readonly #executor: Executor;
  readonly #clock: Clock;
  readonly #strictTiming: boolean;
  readonly #limits: Limits;
  readonly #onShutdown: () => void;
  readonly #peerAt: (address: NetAddress) => Peer | null;
  /** Memory held for all clients together. Each connection has its own account. */
  readonly memory: MemoryBudget;
  /** Packets without a connection that are queued or being handled. */
  readonly #inProgressMemory: MemoryAccount;
  /** Bundles that wait for their time. */
  readonly #waitingMemory: MemoryAccount;
  #closed = false;

  constructor({
    limits,
    strictTiming,
    onError,
    onShutdown,
    executor,
    peerAt = () => null,
    counters = new Counters(),
    clock = systemClock,
  }: PipelineOptions) {
    this.counters = counters;
    this.#peerAt = peerAt;
    this.#limits = limits;
    this.memory = new MemoryBudget(limits.maxMemory);
    this.#inProgressMemory = this.memory.open();
    this.#waitingMemory = this.memory.open();
    this.#strictTiming = strictTiming;
    this.#clock = clock;
    this.#onShutdown = onShutdown;
    this.#admission = new Admission(limits);
    this.#reporter = new Reporter(onError, limits.maxReports);
    this.#scheduler = new Scheduler<Packet>({
      clock,
      maxWaiting: limits.maxWaiting,
      maxWaitingBytes: limits.maxWaitingBytes,
      // Already checked by clockDoubt.
      maxAhead: Infinity,
      onDue: (packet, at) => this.#release(packet, at),
      onDrop: (packet) => this.#giveUp(packet),
    });
    this.#executor = executor(this);
  }

  /** A packet arrived from the network. */
  onPacket(data: Uint8Array, peer: Peer, asOf?: number): void {
    this.counters.addAt(RECEIVED);
    if (this.#arrived.hasSubscribers) this.#arrived.publish({ data, client: peer.address });
    // Reading the clock takes longer than finding a handler, and only bundles need it.
    const timed = asOf === undefined && this.#strictTiming && data[0] === HASH;
    const packet: Packet = { data, peer, asOf: asOf ?? (timed ? this.#clock.wallNow() : Infinity), fresh: true };
    if (this.#closed) return this.#drop(packet, new OscDroppedError("close", "A packet that arrived while the server closed was dropped."));
    const reason = this.#admission.refusal(data, peer.address);
    if (reason !== null) this.#rejectAdmission(packet, reason);
    else if (timed) this.#schedule(packet);
    else this.#execute(packet);
  }

  onError(error: OscError, client?: NetAddress): void {
    this.report(error, client);
  }

  refusal(address: NetAddress): OscError | null {
    return this.#admission.senderRefusal(address);
  }

  onConnection(change: "opened" | "closed" | "refused" | "ended"): void {
    if (change === "refused") this.counters.add("connectionsRefused");
    else if (change === "ended") this.counters.add("connectionsEnded");
    else this.counters.add("connections", change === "opened" ? 1 : -1);
  }

  onLoss(kind: "ignored" | "unsent" | "evicted"): void {
    this.counters.add(kind);
  }

  onDelivery(kind: "redelivered" | "deadLettered"): void {
    this.counters.add(kind);
  }

  end(packet: Packet, result: PacketResult): void {
    this.counters.addAt(IN_PROGRESS, -1);
    this.#inProgressMemory.add(-memoryInProgress(packet));
    this.#finish(packet, result);
  }

  reply(packet: Packet, data: Uint8Array): void {
    this.counters.addAt(REPLIED);
    packet.peer.send(data);
  }

  send(data: Uint8Array, to: NetAddress): void {
    const peer = this.#peerAt(to);
    if (peer === null) return this.report(socketError({ code: "ENOTCONN" }, "send to", formatAddress(to)), to);
    this.counters.addAt(REPLIED);
    peer.send(data);
  }

  report(error: OscError, client?: NetAddress): void {
    this.counters.add(counterOf(error));
    this.#reporter.report(error, client);
  }

  shutdown(): void {
    this.#onShutdown();
  }

  /** Drops the bundles that wait for their time, and lets running handlers finish within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    if (this.#closed) return;
    this.#dropWaiting();
    await this.#executor.close(graceMs);
    this.#reporter.close();
  }

  /** Like {@link close}, without waiting, for an executor that has no handlers running. */
  closeAtOnce(): void {
    if (this.#closed) return;
    this.#dropWaiting();
    void this.#executor.close(0);
    this.#reporter.close();
  }

  /**
   * For a blocked thread, whose timers can't fire: emits delayed reports that are due.
   *
   * @returns the milliseconds until the next report is due; `Infinity` if there is none
   */
  catchUp(): number {
    return this.#reporter.catchUp();
  }

  #dropWaiting(): void {
    this.#closed = true;
    for (const packet of this.#scheduler.clear()) {
      this.#waitsNoLonger(packet);
      this.#drop(packet, closing());
    }
  }

  /** Holds a bundle until its time, or passes it on. */
  #schedule(packet: Packet): void {
    const at = bundleTime(packet.data);
    if (at === null || at <= packet.asOf) this.#pass(packet);
    else if (isEmptyBundle(packet.data, this.#limits.maxNesting)) this.#execute({ ...packet, asOf: Infinity });
    else this.#hold(packet, at);
  }

  #hold(packet: Packet, at: number): void {
    if (this.#closed) return this.#drop(packet, closing());
    const doubt = clockDoubt(at, packet.asOf, this.#limits.maxAhead);
    if (doubt !== null) return this.#doubtTime(packet, at, doubt);
    if (!this.memory.hasRoom(memoryOf(packet))) return this.#drop(packet, tooMuchMemory());
    const { key, address } = packet.peer;
    // Copy: a view would retain the whole read buffer.
    const copy = { ...packet, data: new Uint8Array(packet.data), fresh: false };
    // Over UDP the sender is the host, because it can send from any port.
    const sender = typeof key === "object" ? key : address.address;
    const verdict = this.#scheduler.schedule(at, copy, { sender, size: packet.data.length });
    if (verdict !== "scheduled") return this.#drop(packet, tooManyWait(verdict === "full" ? "maxWaiting" : "maxWaitingBytes"));
    this.#waitingMemory.add(memoryOf(packet));
    this.#finish(packet, WAITING);
  }

  /** Handles a bundle with an implausible time at once, or rejects it. */
  #doubtTime(packet: Packet, at: number, doubt: "other-clock" | "far-ahead"): void {
    const explain = (): OscRejectedError => tooFarAhead(at - packet.asOf, this.#limits);
    if (doubt === "far-ahead" && this.#limits.farAhead === "reject") return this.#finish(packet, rejected("too-far-ahead", explain));
    this.counters.add("faults");
    this.#reporter.reportOnce("OSC_CLOCK_MISMATCH", () => clockMismatch(packet.data, at, doubt, this.#limits), packet.peer.address);
    this.#execute({ ...packet, asOf: Infinity });
  }

  /** The scheduler dropped a waiting bundle to make room for one from another sender. */
  #giveUp(packet: Packet): void {
    this.#waitsNoLonger(packet);
    this.#drop(packet, tooManyWait("maxWaiting"));
  }

  /** A bundle is due. */
  #release(packet: Packet, at: number): void {
    this.#waitsNoLonger(packet);
    this.#pass({ ...packet, asOf: Math.max(at, this.#clock.wallNow()) });
  }

  #waitsNoLonger(packet: Packet): void {
    this.counters.add("waiting", -1);
    this.#waitingMemory.add(-memoryOf(packet));
  }

  /** Executes a bundle. Nested bundles that are dated later become packets of their own. */
  #pass(packet: Packet): void {
    const { maxNesting } = this.#limits;
    const later = laterElements(packet.data, packet.asOf, maxNesting);
    // The outer bundle first, because a nested one may be handled at once.
    this.#execute(packet);
    for (const { at, data } of later) {
      if (isEmptyBundle(data, maxNesting)) continue;
      this.counters.addAt(RECEIVED);
      this.#hold({ ...packet, data, fresh: false }, at);
    }
  }

  #execute(packet: Packet): void {
    const size = memoryInProgress(packet);
    if (size > 0 && packet.fresh && !this.memory.hasRoom(size)) return this.#drop(packet, tooMuchMemory());
    this.#inProgressMemory.add(size);
    this.counters.addAt(IN_PROGRESS);
    this.#executor.execute(packet);
  }

  // A separate method, because a closure in the caller would cost memory for every packet, rejected or not.
  #rejectAdmission(packet: Packet, reason: AdmissionReason): void {
    this.#finish(
      packet,
      rejected(reason, () => this.#admission.explain(reason, packet.data)),
    );
  }

  #drop(packet: Packet, error: OscError): void {
    this.#finish(packet, dropped(error));
  }

  /** Counts and reports a packet's result, and tells its connection. */
  #finish(packet: Packet, result: PacketResult): void {
    const { peer } = packet;
    switch (result.kind) {
      case "handled":
        this.counters.addAt(HANDLED);
        if (result.unmatched > 0) this.#countUnmatched(packet, result.unmatched);
        break;
      case "rejected":
        this.counters.add(`rejected:${result.reason}`);
        this.#reporter.reportRejection(result.reason, result.explain, peer.address);
        break;
      case "dropped":
        this.counters.add("dropped");
        this.#reporter.report(result.error, peer.address);
        break;
      case "waiting":
        this.counters.add("waiting");
    }
    if (packet.fresh) peer.settled?.(packet.data.length, result);
  }

  #countUnmatched(packet: Packet, count: number): void {
    this.counters.add("unmatched", count);
    if (this.#unmatched.hasSubscribers) this.#unmatched.publish({ data: packet.data, client: packet.peer.address, count });
  }
}

function closing(): OscDroppedError {
  return new OscDroppedError("close", "A bundle that waited for its time was dropped because the server closed.");
}

/** The report about a doubtful clock, made once per sender. @param at the bundle's time, from bytes 8 to 16 of its header */
function clockMismatch(data: Uint8Array, at: number, doubt: "other-clock" | "far-ahead", { maxAhead }: Limits): OscError {
  const date = new Date(at).toISOString();
  const bits = Array.from(data.subarray(8, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const what =
    doubt === "other-clock"
      ? `The sender's time tags come from a clock that doesn't count from 1900: ${bits} would mean ${date}. Its bundles are handled at once. Set its clock, or send bundles without a time`
      : `A bundle is dated ${date}, further ahead than maxAhead (${maxAhead / 1000} s). It is handled at once. Check the clocks, raise maxAhead, or set farAhead to "reject"`;
  return new OscError("OSC_CLOCK_MISMATCH", `${what}; with strictTiming: false time tags are ignored. Reported once per sender.`);
}

function tooFarAhead(ahead: number, { maxAhead }: Limits): OscRejectedError {
  return new OscRejectedError(
    "too-far-ahead",
    `The bundle is dated ${Math.round(ahead / 1000)} s ahead, and maxAhead is ${maxAhead / 1000} s. Check the clocks, raise maxAhead, set farAhead to "deliver" or strictTiming to false.`,
  );
}

/** 0 for packets from a connection: it counts them itself until they are handled or wait for their time. */
function memoryInProgress({ peer, fresh, data }: Packet): number {
  return peer.paced && fresh ? 0 : data.length + PACKET_OVERHEAD;
}

function memoryOf({ data }: Packet): number {
  return data.length + PACKET_OVERHEAD;
}

function tooMuchMemory(): OscDroppedError {
  return new OscDroppedError("maxMemory", "A packet was dropped because the server holds too much for its clients: raise maxMemory.");
}

function tooManyWait(limit: "maxWaiting" | "maxWaitingBytes"): OscDroppedError {
  return new OscDroppedError(
    limit,
    `A bundle was dropped because too many are waiting for their time. Raise ${limit}, or set strictTiming to false.`,
  );
}
