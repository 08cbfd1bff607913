import type { OscError } from "../../errors.ts";
import { FairQueue } from "../fair-queue.ts";
import type { Limits } from "../options.ts";
import type { Packet } from "../executor.ts";
import { QueueBound } from "../packet-queue.ts";
import type { Held } from "./held-packets.ts";
import type { Member, PoolMembers } from "./pool-members.ts";
import type { PoolPolicy } from "./pool-worker.ts";

/** Where so many wait, so many more may come before workers are listened to. */
const UNHEARD = 32;

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
  /** How many have come since workers were listened to. */
  #unheard = 0;
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
    if (this.#queue.size === 0) {
      if (this.#giveAhead(packet)) return;
      members.listenToLatest();
      if (this.#giveNew(packet)) return;
    }
    this.#unheard += 1;
    // Workers are listened to only where that may help, for to hear of many packets takes hardly longer than of one.
    const { size } = this.#queue;
    if (size < UNHEARD || this.#unheard >= UNHEARD) {
      this.#unheard = 0;
      members.listenToAll();
      if (this.#giveNew(packet)) return;
    }
    this.#enqueue(packet);
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
    const one = held.take(id);
    return one && this.#ended(one, held.first, performance.now());
  }

  /** A worker has done with its first packet. Undefined where it had none. */
  endFirst({ held }: Member, now: number): Packet | undefined {
    const one = held.shift();
    return one && this.#ended(one, held.first, now);
  }

  /** Takes back what the worker has not begun, to wait for others as it has waited for this one. */
  takeBack(member: Member): void {
    const { ahead, held } = member;
    if (ahead === null) return;
    const back = held.takeWhere(({ place }) => place !== null && ahead.takeBack(place));
    if (back.length === 0) return;
    for (const one of back) this.#waitsNoLonger(one, 0);
    if (held.first !== undefined) this.#waitsNoLonger(held.first, performance.now());
    member.given -= back.length;
    if (this.#queue.size === 0) this.#setup.onWait();
    for (const { packet } of back.toReversed()) this.#queue.putBack(packet);
    if (held.size === 0 && member.phase === "ready") this.#setup.onFreed(member);
  }

  /** What a worker has begun is lost. */
  dropBegun({ held }: Member, error: OscError): void {
    for (let one = held.shift(); one !== undefined; one = held.shift()) {
      this.#waitsNoLonger(one, 0);
      this.#setup.drop(one.packet, error);
    }
  }

  dropQueued(error: OscError): void {
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.#setup.drop(packet, error);
  }

  /** Gives a packet that has just come to one that will have time for it very soon, or else to one that has time now. False where it has to wait. */
  #giveNew(packet: Packet): boolean {
    if (this.#queue.size > 0) return false;
    if (this.#giveAhead(packet)) return true;
    const member = this.#setup.members.take();
    if (member !== undefined) this.#give(member, packet);
    return member !== undefined;
  }

  #giveAhead(packet: Packet): boolean {
    // What waits at workers counts as waiting, and may be as much as may wait.
    if (this.#bound.obstacle(packet) !== null) return false;
    const member = this.#setup.members.quick(packet);
    if (member !== undefined) this.#give(member, packet);
    return member !== undefined;
  }

  #give(member: Member, packet: Packet): void {
    const id = this.#nextId;
    this.#nextId = (id + 1) | 0;
    const { ahead, held } = member;
    const waits = ahead !== null && held.size >= this.#setup.policy.packetsAtOnce;
    const one: Held = { id, packet, since: waits ? 0 : performance.now(), place: waits ? ahead.add(id, packet) : null, waits };
    held.add(one);
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

  /** @param next the one behind that which has ended */
  #ended(one: Held, next: Held | undefined, now: number): Packet {
    this.#waitsNoLonger(one, now);
    if (next !== undefined) this.#waitsNoLonger(next, now);
    return one.packet;
  }

  /** @param now since when it is being handled, if it is */
  #waitsNoLonger(held: Held, now: number): void {
    if (!held.waits) return;
    held.waits = false;
    held.since = now;
    this.#ahead -= 1;
    this.#bound.given(held.packet);
  }
}
