import type { Packet } from "../executor.ts";
import { HeldPackets } from "./held-packets.ts";
import type { PacketsAhead, PoolPolicy, PoolState, PoolWorker } from "./pool-worker.ts";

/** A handler that takes longer is taken to wait for something, so that more workers than processors may help. */
export const SLOW_MS = 2;
/** The same for the handlers of a worker whose last ones were quick: where the processors have too much to do, each is interrupted for some milliseconds. */
const SLOW_AFTER_QUICK_MS = 20;
/** One that takes longer is slow even though it computes: others are not to wait until it ends. */
const LONG_MS = 200;
/** A packet is not to wait for longer than this behind others, for in that time another worker would be awake. */
const AHEAD_MS = 0.2;
/** The same where each processor has a worker already: another one would only take turns with these, and has to be warmed up first. */
const AHEAD_WHERE_BUSY_MS = 1;
/** One that has been busy with a packet for longer is not handed more. It may only be interrupted, where the processors have too much to do. */
const BUSY_MS = 1;
/** So many packets are handed ahead to a worker at most, however quick it is. */
const MAX_AHEAD = 512;

type Phase = "starting" | "ready" | "retiring" | "killed";

/** A worker and what the pool knows of it. */
export class Member {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  readonly held: HeldPackets = new HeldPackets();
  /** How many packets it was given. */
  given = 0;
  /** How long its handlers take, in milliseconds, the last ones above all. */
  pace: number = Infinity;
  idleSince = 0;
  /** Ends it by force where it does not do in time what its phase asks for. */
  timer: NodeJS.Timeout | null = null;

  /** Where packets can be handed ahead to it. */
  get ahead(): PacketsAhead | null {
    return this.worker?.ahead ?? null;
  }
}

/** The workers of a pool: which there are, and which of them can take a packet. */
export class PoolMembers implements Iterable<Member> {
  readonly #policy: PoolPolicy;
  readonly #all = new Set<Member>();
  /** Those that have nothing to do. The last is taken first, so that those not needed are idle for long. */
  readonly #idle: Member[] = [];
  /** Those that have something to do and time for more, the next to be taken first. */
  readonly #withRoom = new Set<Member>();
  /** The one that has something to do and was given a packet, or has handled one, last. */
  #latest: Member | null = null;
  /** The pace of the one that has handled something last. */
  #pace = Infinity;

  constructor(policy: PoolPolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#all.values();
  }

  add(): Member {
    const member = new Member();
    this.#all.add(member);
    return member;
  }

  /** Forgets one that has ended. False where that was done before. */
  delete(member: Member): boolean {
    return this.#all.delete(member);
  }

  get hasReady(): boolean {
    for (const { phase } of this.#all) if (phase === "ready") return true;
    return false;
  }

  /** One that has time for a packet; it is to be given one. */
  take(): Member | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    for (const member of this.#withRoom) return member;
    return undefined;
  }

  /** Listens to the one that is most likely to have handled something. */
  listenToLatest(): void {
    this.#latest?.ahead?.listen();
  }

  /** Listens to all that have something to do. */
  listenToAll(): void {
    for (const { held, ahead } of this.#all) if (held.size > 0) ahead?.listen();
  }

  /** One that is at work, and so quick that the packet will not wait for long behind those that it has. */
  quick(packet: Packet): Member | undefined {
    const member = this.#latest;
    const ahead = member?.ahead;
    const first = member?.held.first;
    if (!member || !ahead || !first) return undefined;
    const { size } = member.held;
    const most = this.#all.size - this.#idle.length < this.#policy.processors ? AHEAD_MS : AHEAD_WHERE_BUSY_MS;
    if (size > MAX_AHEAD || size * member.pace > most || performance.now() - first.since > BUSY_MS) return undefined;
    return ahead.hasRoom(packet) ? member : undefined;
  }

  /** A worker has been given a packet. */
  taken(member: Member): void {
    const { packetsAtOnce, packetsInAll } = this.#policy;
    member.given += 1;
    this.#latest = member;
    // Behind the others, so that they take turns.
    this.#withRoom.delete(member);
    if (member.held.size < packetsAtOnce && member.given < packetsInAll) this.#withRoom.add(member);
  }

  /** A worker that is ready has a packet less. */
  freed(member: Member): void {
    const { size } = member.held;
    if (size > 0) {
      this.#latest = member;
      if (size < this.#policy.packetsAtOnce) this.#withRoom.add(member);
      return;
    }
    if (this.#latest === member) this.#latest = null;
    this.#withRoom.delete(member);
    // What is told of a packet's end may have led here before.
    if (this.#idle.includes(member)) return;
    member.idleSince = performance.now();
    this.#idle.push(member);
  }

  /** A worker has handled a packet in so many milliseconds. */
  took(member: Member, ms: number): void {
    member.pace = member.pace === Infinity ? ms : (member.pace + ms) / 2;
    this.#pace = member.pace;
  }

  /** No packet is given to a worker from now on. */
  leave(member: Member, phase: Phase): void {
    member.phase = phase;
    if (member.timer !== null) clearTimeout(member.timer);
    if (this.#latest === member) this.#latest = null;
    this.#withRoom.delete(member);
    const index = this.#idle.indexOf(member);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  /** The one that has had nothing to do for longest. */
  get longestIdle(): Member | undefined {
    return this.#idle[0];
  }

  /** @param queued packets that have waited for long enough to pay for another worker */
  state(queued: number): PoolState {
    let starting = 0;
    let alive = 0;
    let slow = 0;
    const now = performance.now();
    for (const member of this.#all) {
      const { phase } = member;
      if (phase === "starting") starting += 1;
      if (phase === "starting" || phase === "ready") alive += 1;
      if (this.#isSlow(member, now)) slow += 1;
    }
    return { queued, starting, idle: this.#idle.length, slow, alive };
  }

  /** Whether the handlers of a worker are taken to wait for something. */
  #isSlow({ held, pace, worker }: Member, now: number): boolean {
    // Of one that is new it is taken that it will be as the others are.
    const expected = pace === Infinity ? this.#pace : pace;
    const passed = now - (held.first?.since ?? now);
    if (passed <= (expected < AHEAD_MS ? SLOW_AFTER_QUICK_MS : SLOW_MS)) return false;
    return passed > LONG_MS || worker?.computes !== true;
  }
}
