import { type Member, type PoolMembers, SLOW_MS } from "./pool-members.ts";

/** How often is looked whether packets wait behind one that takes long. */
const LOOK_MS = 1;

/** What a pool lets its workers be watched with. */
export interface PoolWatchSetup {
  readonly members: PoolMembers;
  /** How long a handler may take, in milliseconds. */
  readonly packetTimeout: number;
  /** Packets wait behind one that has taken longer than 2 ms. */
  readonly onSlow: (member: Member) => void;
  /** A handler has taken longer than it may. */
  readonly onOverdue: (member: Member) => void;
}

/** Sees to it that no packet waits for long behind another, and that none is handled for too long. Two timers do, however many packets there are. */
export class PoolWatch {
  readonly #setup: PoolWatchSetup;
  #look: NodeJS.Timeout | null = null;
  #deadline: NodeJS.Timeout | null = null;

  constructor(setup: PoolWatchSetup) {
    this.#setup = setup;
  }

  /** A packet waits behind another. */
  waits(): void {
    this.#look ??= setTimeout(() => this.#lookForSlow(), LOOK_MS);
  }

  /** A packet is being handled. */
  begins(): void {
    this.#deadline ??= setTimeout(() => this.#lookForOverdue(), this.#setup.packetTimeout);
  }

  close(): void {
    for (const timer of [this.#look, this.#deadline]) if (timer !== null) clearTimeout(timer);
  }

  #lookForSlow(): void {
    const { members, onSlow } = this.#setup;
    this.#look = null;
    for (const member of members) {
      member.ahead?.listen();
      if (member.held.size < 2 || member.ahead === null) continue;
      if (performance.now() - (member.held.first?.since ?? Infinity) > SLOW_MS) onSlow(member);
      if (member.held.size > 1) this.waits();
    }
  }

  #lookForOverdue(): void {
    const { members, packetTimeout, onOverdue } = this.#setup;
    this.#deadline = null;
    let rest = Infinity;
    for (const member of members) {
      member.ahead?.listen();
      const { first } = member.held;
      if (first === undefined) continue;
      const left = first.since + packetTimeout - performance.now();
      if (left <= 0) onOverdue(member);
      else rest = Math.min(rest, left);
    }
    // A timer may come a little early.
    if (rest < Infinity) this.#deadline ??= setTimeout(() => this.#lookForOverdue(), Math.ceil(rest));
  }
}
