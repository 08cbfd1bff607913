import type { Packet } from "../road/packet.ts";
import type { PoolPolicy, PoolState, PoolWorker } from "./pool-worker.ts";

/** A handler that takes longer is taken to wait for something, so that more workers than processors may help. */
const SLOW_MS = 2;

/** A packet that a worker has. */
interface Running {
  readonly packet: Packet;
  readonly since: number;
  readonly timer: NodeJS.Timeout;
}

type Phase = "starting" | "ready" | "retiring" | "killed";

/** A worker and what the pool knows of it. */
export class Member {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  readonly running: Map<number, Running> = new Map();
  /** How many packets it was given. */
  given = 0;
  idleSince = 0;
  /** Ends it by force where it does not do in time what its phase asks for. */
  timer: NodeJS.Timeout | null = null;
}

/** The workers of a pool: which there are, and which of them can take a packet. */
export class PoolMembers implements Iterable<Member> {
  readonly #policy: PoolPolicy;
  readonly #all = new Set<Member>();
  /** Those that have nothing to do. The last is taken first, so that those not needed are idle for long. */
  readonly #idle: Member[] = [];
  /** Those that have something to do and room for more, the next to be taken first. */
  readonly #withRoom = new Set<Member>();

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

  /** One that can take a packet; it is to be given one. */
  take(): Member | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    for (const member of this.#withRoom) return member;
    return undefined;
  }

  /** A worker has taken a packet. */
  taken(member: Member): void {
    const { packetsAtOnce, packetsInAll } = this.#policy;
    member.given += 1;
    // Behind the others, so that they take turns.
    this.#withRoom.delete(member);
    if (member.running.size < packetsAtOnce && member.given < packetsInAll) this.#withRoom.add(member);
  }

  /** A worker that is ready has no more packets than it can have; it may have none. */
  freed(member: Member): void {
    if (member.running.size > 0) {
      this.#withRoom.add(member);
      return;
    }
    this.#withRoom.delete(member);
    member.idleSince = performance.now();
    this.#idle.push(member);
  }

  /** No packet is given to a worker from now on. */
  leave(member: Member, phase: Phase): void {
    member.phase = phase;
    if (member.timer !== null) clearTimeout(member.timer);
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
    for (const { phase, running } of this.#all) {
      if (phase === "starting") starting += 1;
      if (phase === "starting" || phase === "ready") alive += 1;
      // The first is the one that has been there for longest.
      for (const { since } of running.values()) {
        if (now - since > SLOW_MS) slow += 1;
        break;
      }
    }
    return { queued, starting, idle: this.#idle.length, slow, alive };
  }
}
