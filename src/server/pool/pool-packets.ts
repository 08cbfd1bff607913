import type { OscError } from "../../errors.ts";
import { FairQueue } from "../road/fair-queue.ts";
import type { Limits } from "../road/options.ts";
import type { Packet } from "../road/packet.ts";
import { QueueBound } from "../road/packet-queue.ts";
import type { Held, Member, PoolMembers } from "./pool-members.ts";
import type { PoolPolicy } from "./pool-worker.ts";

/** What the packets of a pool need of it. */
export interface PoolPacketsSetup {
  readonly policy: PoolPolicy;
  readonly limits: Limits;
  readonly members: PoolMembers;
  readonly drop: (packet: Packet, error: OscError) => void;
  /** A packet is the first to wait. */
  readonly onWait: () => void;
  /** A worker has been given a packet: to be handled at once, or behind others. */
  readonly onGiven: (held: Held) => void;
  /** A worker has nothing left to do, for what it had was taken back. */
  readonly onFreed: (member: Member) => void;
}

/** The packets of a pool: those that wait for a worker, those that wait behind others at a worker, and those that are handled. */
export class PoolPackets {
  readonly #setup: PoolPacketsSetup;
  readonly #bound: QueueBound;
  readonly #queue: FairQueue;
  /** How many wait at workers. */
  #ahead = 0;
  #nextId = 0;

  constructor(setup: PoolPacketsSetup) {
    this.#setup = setup;
    this.#bound = new QueueBound(setup.limits);
    this.#queue = new FairQueue(this.#bound, setup.drop);
  }

  /** How many wait for a worker. */
  get queued(): number {
    return this.#queue.size;
  }

  /** A packet has come: it is given to a worker, or waits. */
  add(packet: Packet): void {
    const { members } = this.#setup;
    members.listenToLatest();
    if (this.#giveNew(packet)) return;
    members.listenToAll();
    if (!this.#giveNew(packet)) this.#enqueue(packet);
  }

  /** Gives waiting packets to those that have time. */
  advance(): void {
    for (let packet = this.#queue.first; packet !== undefined; packet = this.#queue.first) {
      const member = this.#setup.members.quick(packet) ?? this.#setup.members.take();
      if (member === undefined) return;
      this.#queue.shift();
      this.#give(member, packet);
    }
  }

  /** A worker has done with a packet. Undefined where it had no such packet. */
  end({ held }: Member, id: number): Packet | undefined {
    let next: Held | undefined = held.get(id);
    if (next === undefined) return undefined;
    const { packet } = next;
    held.delete(id);
    if (!next.waits) for (next of held.values()) break;
    if (next?.waits) this.#waitsNoLonger(next);
    return packet;
  }

  /** Takes back what the worker has not begun, to wait for others as it has waited for this one. */
  takeBack(member: Member): void {
    const { ahead, held } = member;
    if (ahead === null) return;
    const back: Packet[] = [];
    for (const [id, one] of held) {
      if (one.place === null || !ahead.takeBack(one.place)) continue;
      if (one.waits) this.#waitsNoLonger(one);
      held.delete(id);
      member.given -= 1;
      back.push(one.packet);
    }
    if (back.length === 0) return;
    if (this.#queue.size === 0) this.#setup.onWait();
    for (const packet of back.toReversed()) this.#queue.putBack(packet);
    if (held.size === 0 && member.phase === "ready") this.#setup.onFreed(member);
  }

  /** What a worker has begun is lost. */
  dropBegun({ held }: Member, error: OscError): void {
    for (const [id, one] of held) {
      if (one.waits) this.#waitsNoLonger(one);
      held.delete(id);
      this.#setup.drop(one.packet, error);
    }
  }

  dropQueued(error: OscError): void {
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.#setup.drop(packet, error);
  }

  /** Gives a packet that has just come to one that will have time for it very soon, or else to one that has time now. False where it has to wait. */
  #giveNew(packet: Packet): boolean {
    if (this.#queue.size > 0) return false;
    const { members } = this.#setup;
    // What waits at workers counts as waiting, and may be as much as may wait.
    const quick = this.#bound.obstacle(packet) === null ? members.quick(packet) : undefined;
    const member = quick ?? members.take();
    if (member !== undefined) this.#give(member, packet);
    return member !== undefined;
  }

  #give(member: Member, packet: Packet): void {
    const id = this.#nextId;
    this.#nextId = (id + 1) | 0;
    const { ahead, held } = member;
    const waits = ahead !== null && held.size >= this.#setup.policy.packetsAtOnce;
    const one: Held = { packet, since: performance.now(), place: waits ? ahead.add(id, packet) : null, waits };
    held.set(id, one);
    if (waits) {
      this.#bound.taken(packet);
      this.#ahead += 1;
    } else {
      member.worker?.give(id, packet);
    }
    this.#setup.members.taken(member);
    this.#setup.onGiven(one);
  }

  #enqueue(packet: Packet): void {
    const { members, onWait } = this.#setup;
    if (this.#queue.size === 0) onWait();
    // Where all that waits does so at workers, it is from among these that one is to be lost.
    const isFull = this.#queue.size === 0 && this.#ahead > 0 && this.#bound.obstacle(packet) !== null;
    if (isFull) for (const member of members) this.takeBack(member);
    this.#queue.push(packet);
    if (isFull) this.advance();
  }

  #waitsNoLonger(held: Held): void {
    held.waits = false;
    held.since = performance.now();
    this.#ahead -= 1;
    this.#bound.given(held.packet);
  }
}
