import { availableParallelism } from "node:os";
import { OscDroppedError, type OscError, OscServerError } from "../errors.ts";
import type { Limits } from "./options.ts";
import type { Executor, ExecutorEvents, Outcome, Packet } from "./packet.ts";
import { PacketQueue, QueueBound } from "./packet-queue.ts";

/** A thread or process that handles packets, as the pool sees it. */
export interface PoolWorker {
  /** Hands over a packet. */
  give(id: number, packet: Packet): void;
  /** Ends it as soon as it has nothing to do; it is given nothing more. */
  retire(): void;
  /** Ends it now, whatever it does. */
  kill(): void;
}

/** What a worker tells the pool. */
export interface PoolWorkerEvents {
  /** It can take packets. */
  ready(): void;
  reply(id: number, data: Uint8Array): void;
  report(id: number, error: OscError): void;
  /** An error of no packet. */
  fault(error: OscError): void;
  settle(id: number, outcome: Outcome): void;
  shutdown(): void;
  /** It has ended; nothing comes after this. Called once. */
  ended(how: string): void;
}

/** What is known about the workers of a pool when it is to be decided how many to start. */
export interface PoolState {
  /** Packets that have waited for longer than `patience`, so that it pays to start workers for them. */
  readonly queued: number;
  readonly starting: number;
  readonly idle: number;
  /** All that have been started and are to go on, the above among them. */
  readonly alive: number;
}

/** In what the two kinds of pool differ. Times in milliseconds. */
export interface PoolPolicy {
  readonly code: "OSC_THREAD_FAILED" | "OSC_CHILD_FAILED";
  /** What a worker is called in reports. */
  readonly noun: string;
  /** What a worker that does not start was to reach. */
  readonly goal: string;
  /** The most workers at any time, those that are ending included. */
  readonly max: number;
  readonly packetsAtOnce: number;
  /** After so many packets a worker is ended. */
  readonly packetsInAll: number;
  /** How long a handler may take, and which option says so. */
  readonly packetTimeout: number;
  readonly packetTimeoutOption: string;
  readonly startTimeout: number;
  /** How long a worker that is not needed stays. */
  readonly idleTimeout: number;
  /** How long packets wait before another worker is started for them. */
  readonly patience: number;
  /** How many workers to start. */
  missing(state: PoolState): number;
  /** How many of the idle workers are not needed. */
  superfluous(state: PoolState): number;
}

/** Starts a worker. May throw. */
export type StartWorker = (events: PoolWorkerEvents) => PoolWorker;

/** How long a worker may take to end by itself. */
const RETIRE_MS = 2000;
/** How long the end of killed workers is awaited. One that sits in a call of the system may outlast it. */
const KILL_MS = 2000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** So many failed starts in a row are taken as a sign that none will succeed. */
const MAX_START_FAILURES = 5;
/** Starting a worker is work for a processor: more at once than there are processors would only make each of them later. */
const MAX_STARTING = Math.max(2, availableParallelism());

/** A packet that a worker has. */
interface Running {
  readonly packet: Packet;
  readonly timer: NodeJS.Timeout;
}

type Phase = "starting" | "ready" | "retiring" | "killed";

/** A worker and what the pool knows of it. */
class Member {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  readonly running = new Map<number, Running>();
  /** How many packets it was given. */
  given = 0;
  idleSince = 0;
  timer: NodeJS.Timeout | null = null;
}

/**
 * Hands packets to workers, and sees to it that there are enough of them, that they end in time, and that each packet is settled or dropped
 * exactly once, whatever becomes of its worker.
 */
export class WorkerPool implements Executor {
  readonly #policy: PoolPolicy;
  readonly #start: StartWorker;
  readonly #events: ExecutorEvents;
  readonly #queue: PacketQueue;
  readonly #members = new Set<Member>();
  /** Those that have nothing to do. The last is taken first, so that those not needed are idle for long. */
  readonly #idle: Member[] = [];
  /** Those that have something to do and room for more, the next to be taken first. */
  readonly #withRoom = new Set<Member>();
  #nextId = 0;
  /** Since when there has always been a packet waiting. */
  #waitingSince = 0;
  #failures = 0;
  #notBefore = 0;
  #lastFailure: OscError | null = null;
  #growTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  constructor(policy: PoolPolicy, limits: Limits, events: ExecutorEvents, start: StartWorker) {
    this.#policy = policy;
    this.#start = start;
    this.#events = events;
    this.#queue = new PacketQueue(new QueueBound(limits), (packet, error) => events.drop(packet, error));
    this.#grow();
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.drop(packet, closed());
    if (this.#isBroken()) return this.#events.drop(packet, this.#lastFailure as OscError);
    const member = this.#queue.size === 0 ? this.#memberWithRoom() : undefined;
    if (member !== undefined) {
      this.#give(member, packet);
    } else {
      if (this.#queue.size === 0) this.#waitingSince = performance.now();
      this.#queue.push(packet);
    }
    this.#grow();
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const timer of [this.#growTimer, this.#idleTimer]) if (timer !== null) clearTimeout(timer);
    this.#dropQueue(closed());
    for (const member of this.#members) {
      if (member.phase === "starting") this.#kill(member, closed());
      else if (member.running.size === 0) this.#retire(member);
    }
    await this.#empty(graceMs);
    for (const member of this.#members) this.#kill(member, outOfGrace(graceMs));
    await this.#empty(KILL_MS);
  }

  /** Waits until no worker is left, but not longer than that. */
  async #empty(ms: number): Promise<void> {
    if (this.#members.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #memberWithRoom(): Member | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    for (const member of this.#withRoom) return member;
    return undefined;
  }

  #give(member: Member, packet: Packet): void {
    const { packetTimeout, packetTimeoutOption, noun, code, packetsAtOnce, packetsInAll } = this.#policy;
    const id = this.#nextId++;
    const timer = setTimeout(() => {
      const what = `A packet was lost, for its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms): its ${noun} was ended.`;
      this.#kill(member, new OscServerError(code, what));
    }, packetTimeout);
    member.running.set(id, { packet, timer });
    member.given += 1;
    this.#withRoom.delete(member);
    if (member.running.size < packetsAtOnce && member.given < packetsInAll) this.#withRoom.add(member);
    member.worker?.give(id, packet);
  }

  /** Gives waiting packets to those that have room, and starts workers for the others. */
  #advance(): void {
    while (this.#queue.size > 0) {
      const member = this.#memberWithRoom();
      if (member === undefined) break;
      const packet = this.#queue.shift();
      if (packet !== undefined) this.#give(member, packet);
    }
    this.#grow();
  }

  #settle(member: Member, id: number, outcome: Outcome): void {
    const running = member.running.get(id);
    if (running === undefined) return;
    clearTimeout(running.timer);
    member.running.delete(id);
    // Only a worker that has handled something shows that workers can be started: one may die as soon as it is ready, and again and again.
    this.#failures = 0;
    this.#events.settle(running.packet, outcome);
    if (member.phase !== "ready") return;
    const spent = member.given >= this.#policy.packetsInAll;
    if (!spent && !this.#closing) {
      if (member.running.size === 0) this.#rest(member);
      else this.#withRoom.add(member);
    } else if (member.running.size === 0) {
      this.#retire(member);
    }
    if (!this.#closing) this.#advance();
  }

  /** A worker has nothing to do. */
  #rest(member: Member): void {
    this.#withRoom.delete(member);
    member.idleSince = performance.now();
    this.#idle.push(member);
    this.#idleTimer ??= setTimeout(() => this.#shrink(), this.#policy.idleTimeout).unref();
  }

  /** Ends workers that have not been needed for long; the first of those that rest is the one that has rested longest. */
  #shrink(): void {
    this.#idleTimer = null;
    const now = performance.now();
    for (let left = this.#policy.superfluous(this.#state()); left > 0; left -= 1) {
      const [member] = this.#idle;
      if (member === undefined) return;
      const rest = member.idleSince + this.#policy.idleTimeout - now;
      if (rest > 0) {
        this.#idleTimer = setTimeout(() => this.#shrink(), rest + 1).unref();
        return;
      }
      this.#retire(member);
    }
  }

  #retire(member: Member): void {
    if (member.phase !== "ready") return;
    this.#leave(member, "retiring");
    member.timer = setTimeout(() => this.#kill(member, closed()), RETIRE_MS);
    member.worker?.retire();
  }

  /** Ends a worker by force. What it was handling is lost, and reported as `error`. */
  #kill(member: Member, error: OscError): void {
    if (member.phase === "killed") return;
    const starting = member.phase === "starting";
    this.#leave(member, "killed");
    this.#dropRunning(member, error);
    member.worker?.kill();
    if (starting && !this.#closing) this.#startFailed(error);
    if (!this.#closing) this.#grow();
  }

  /** No packet is given to a worker from now on. */
  #leave(member: Member, phase: Phase): void {
    member.phase = phase;
    if (member.timer !== null) clearTimeout(member.timer);
    this.#withRoom.delete(member);
    const index = this.#idle.indexOf(member);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  #dropRunning(member: Member, error: OscError): void {
    for (const [id, { packet, timer }] of member.running) {
      clearTimeout(timer);
      member.running.delete(id);
      this.#events.drop(packet, error);
    }
  }

  #dropQueue(error: OscError): void {
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) this.#events.drop(packet, error);
  }

  #state(): PoolState {
    let starting = 0;
    let alive = 0;
    for (const { phase } of this.#members) {
      if (phase === "starting") starting += 1;
      if (phase === "starting" || phase === "ready") alive += 1;
    }
    const waited = performance.now() - this.#waitingSince >= this.#policy.patience;
    return { queued: waited ? this.#queue.size : 0, starting, idle: this.#idle.length, alive };
  }

  /** Starts as many workers as are missing and may be started now. */
  #grow(): void {
    if (this.#closing) return;
    const state = this.#state();
    const missing = this.#failures >= MAX_START_FAILURES ? Math.min(1, this.#queue.size) : this.#policy.missing(state);
    const may = Math.min((this.#failures > 0 ? 1 : MAX_STARTING) - state.starting, this.#policy.max - this.#members.size);
    const backoff = this.#notBefore - performance.now();
    if (missing > 0 && backoff > 0) this.#growLater(backoff);
    else for (let left = Math.min(missing, may); left > 0; left -= 1) this.#startOne();
    if (this.#queue.size > 0 && state.queued === 0) this.#growLater(this.#policy.patience);
  }

  #growLater(ms: number): void {
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = null;
      this.#grow();
    }, ms);
  }

  #startOne(): void {
    const { startTimeout, code, noun, goal } = this.#policy;
    const member = new Member();
    this.#members.add(member);
    try {
      member.worker = this.#start(this.#eventsOf(member));
    } catch (error) {
      return this.#ended(member, `it could not be started: ${String(error)}`);
    }
    member.timer = setTimeout(() => {
      this.#kill(
        member,
        new OscServerError(
          code,
          `A ${noun} of the server was ended, for it did not come to ${goal} within startTimeout (${startTimeout} ms).`,
        ),
      );
    }, startTimeout);
  }

  #eventsOf(member: Member): PoolWorkerEvents {
    const events = this.#events;
    const packetOf = (id: number): Packet | undefined => member.running.get(id)?.packet;
    return {
      ready: () => this.#ready(member),
      reply: (id, data) => {
        const packet = packetOf(id);
        if (packet !== undefined) events.reply(packet, data);
      },
      report: (id, error) => events.report(error, packetOf(id)?.peer.address),
      fault: (error) => events.report(error),
      settle: (id, outcome) => this.#settle(member, id, outcome),
      shutdown: () => events.shutdown(),
      ended: (how) => this.#ended(member, how),
    };
  }

  #ready(member: Member): void {
    if (member.phase !== "starting") return;
    if (member.timer !== null) clearTimeout(member.timer);
    member.phase = "ready";
    this.#rest(member);
    this.#advance();
  }

  #ended(member: Member, how: string): void {
    if (!this.#members.delete(member)) return;
    const { code, noun, goal } = this.#policy;
    const { phase } = member;
    this.#leave(member, "killed");
    if (phase === "starting" && !this.#closing) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it came to ${goal}: ${how}.`));
    } else if (phase === "ready" && member.given === 0 && !this.#closing) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it was given a packet: ${how}.`));
    } else if (member.running.size > 0) {
      this.#dropRunning(member, new OscServerError(code, `A packet was lost, for the ${noun} that handled it ended: ${how}.`));
    } else if (phase === "ready" && !this.#closing) {
      this.#events.report(new OscServerError(code, `A ${noun} of the server ended while it had nothing to do: ${how}.`));
    }
    if (this.#members.size === 0) this.#onEmpty?.();
    if (!this.#closing) this.#advance();
  }

  /** The next start waits longer each time. After several failures packets no longer wait for one that succeeds. */
  #startFailed(error: OscError): void {
    this.#failures += 1;
    this.#lastFailure = error;
    this.#notBefore = performance.now() + Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), LONGEST_BACKOFF_MS);
    this.#events.report(error);
    if (this.#failures >= MAX_START_FAILURES && !this.#hasReady()) this.#dropQueue(error);
  }

  /** True where no worker could be started several times, none is there, and it is too early to try again. */
  #isBroken(): boolean {
    return this.#failures >= MAX_START_FAILURES && performance.now() < this.#notBefore && !this.#hasReady();
  }

  #hasReady(): boolean {
    for (const { phase } of this.#members) if (phase === "ready") return true;
    return false;
  }
}

function closed(): OscError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped, for the server closed.");
}

function outOfGrace(graceMs: number): OscError {
  return new OscDroppedError(
    "closeTimeout",
    `A packet was lost, for its handler had not ended ${graceMs} ms after the server was closed: raise closeTimeout.`,
  );
}
