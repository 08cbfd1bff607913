import { availableParallelism } from "node:os";
import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { Limits } from "../road/options.ts";
import type { Executor, ExecutorEvents, Outcome, Packet } from "../road/packet.ts";
import { FairQueue } from "../road/fair-queue.ts";
import { QueueBound } from "../road/packet-queue.ts";
import type { PoolPolicy, PoolState, PoolWorker, PoolWorkerEvents, StartWorker } from "./pool-worker.ts";
import { StartBackoff } from "./start-backoff.ts";

/** How long a worker may take to end by itself. */
const RETIRE_MS = 2000;
/** How long the end of killed workers is awaited. One that sits in a call of the system may outlast it. */
const KILL_MS = 2000;
/** A handler that takes longer is taken to wait for something, so that more workers than processors may help. */
const SLOW_MS = 2;
/** Starting a worker is work for a processor: more at once than there are processors would only make each of them later. */
const MAX_STARTING = Math.max(2, availableParallelism());

/** A packet that a worker has. */
interface Running {
  readonly packet: Packet;
  readonly since: number;
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
  readonly #queue: FairQueue;
  readonly #members = new Set<Member>();
  /** Those that have nothing to do. The last is taken first, so that those not needed are idle for long. */
  readonly #idle: Member[] = [];
  /** Those that have something to do and room for more, the next to be taken first. */
  readonly #withRoom = new Set<Member>();
  #nextId = 0;
  /** Since when there has always been a packet waiting. */
  #waitingSince = 0;
  readonly #backoff = new StartBackoff();
  #growTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  constructor(policy: PoolPolicy, limits: Limits, events: ExecutorEvents, start: StartWorker) {
    this.#policy = policy;
    this.#start = start;
    this.#events = events;
    this.#queue = new FairQueue(new QueueBound(limits), (packet, error) => events.drop(packet, error));
    this.#grow();
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.drop(packet, closed());
    const { verdict } = this.#backoff;
    if (verdict !== null && !this.#hasReady()) return this.#events.drop(packet, verdict);
    const member = this.#queue.size === 0 ? this.#memberWithRoom() : undefined;
    if (member !== undefined) {
      this.#give(member, packet);
    } else {
      if (this.#queue.size === 0) this.#waitingSince = performance.now();
      this.#queue.push(packet);
    }
    this.#growInTime();
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
    member.running.set(id, { packet, since: performance.now(), timer });
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
    this.#growInTime();
  }

  #settle(member: Member, id: number, outcome: Outcome): void {
    const running = member.running.get(id);
    if (running === undefined) return;
    clearTimeout(running.timer);
    member.running.delete(id);
    // Only a worker that has handled something shows that workers can be started: one may die as soon as it is ready, and again and again.
    this.#backoff.succeeded();
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
    this.#grow();
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
    let slow = 0;
    const now = performance.now();
    for (const { phase, running } of this.#members) {
      if (phase === "starting") starting += 1;
      if (phase === "starting" || phase === "ready") alive += 1;
      // The first is the one that has been there for longest.
      for (const { since } of running.values()) {
        if (now - since > SLOW_MS) slow += 1;
        break;
      }
    }
    const queued = now - this.#waitingSince >= this.#policy.patience ? this.#queue.size : 0;
    return { queued, starting, idle: this.#idle.length, slow, alive };
  }

  /** Starts as many workers as are missing and may be started now. */
  #grow(): void {
    if (this.#closing) return;
    const state = this.#state();
    const missing = this.#backoff.isHopeless ? Math.min(1, this.#queue.size) : this.#policy.missing(state);
    const may = Math.min((this.#backoff.isFailing ? 1 : MAX_STARTING) - state.starting, this.#policy.max - this.#members.size);
    const { wait } = this.#backoff;
    if (missing > 0 && wait > 0) this.#growLater(wait);
    else for (let left = Math.min(missing, may); left > 0; left -= 1) this.#startOne();
    if (this.#queue.size > 0) this.#growLater(Math.max(1, this.#policy.patience));
  }

  /** As {@link #grow}, but where packets are to have waited first only after that time: this is called for each packet. */
  #growInTime(): void {
    if (this.#policy.patience === 0 || this.#backoff.isFailing) this.#grow();
    else if (this.#queue.size > 0) this.#growLater(this.#policy.patience);
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
    this.#grow();
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
    if (this.#closing) return;
    this.#advance();
    this.#grow();
  }

  /** The next start waits longer each time. After several failures packets no longer wait for one that succeeds. */
  #startFailed(error: OscError): void {
    this.#backoff.failed(error);
    this.#events.report(error);
    if (this.#backoff.isHopeless && !this.#hasReady()) this.#dropQueue(error);
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
