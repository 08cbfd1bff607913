import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { Limits } from "../road/options.ts";
import type { Executor, ExecutorEvents, Outcome, Packet } from "../road/packet.ts";
import { FairQueue } from "../road/fair-queue.ts";
import { QueueBound } from "../road/packet-queue.ts";
import { type Member, PoolMembers } from "./pool-members.ts";
import { PoolSize } from "./pool-size.ts";
import type { PoolPolicy, PoolWorkerEvents, StartWorker } from "./pool-worker.ts";

/** How long a worker may take to end by itself. */
const RETIRE_MS = 2000;
/** How long the end of killed workers is awaited. One that sits in a call of the system may outlast it. */
const KILL_MS = 2000;
/**
 * Hands packets to workers, and sees to it that these end in time, and that each packet is settled or dropped exactly once, whatever becomes
 * of its worker.
 */
export class WorkerPool implements Executor {
  readonly #policy: PoolPolicy;
  readonly #start: StartWorker;
  readonly #events: ExecutorEvents;
  readonly #queue: FairQueue;
  readonly #members: PoolMembers;
  readonly #size: PoolSize;
  #nextId = 0;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  constructor(policy: PoolPolicy, limits: Limits, events: ExecutorEvents, start: StartWorker) {
    this.#policy = policy;
    this.#start = start;
    this.#events = events;
    this.#queue = new FairQueue(new QueueBound(limits), (packet, error) => events.drop(packet, error));
    this.#members = new PoolMembers(policy);
    this.#size = new PoolSize({
      policy,
      members: this.#members,
      queued: () => this.#queue.size,
      startOne: () => this.#startOne(),
      retire: (member) => this.#retire(member),
    });
    this.#size.grow();
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.drop(packet, closed());
    const { verdict } = this.#size;
    if (verdict !== null && !this.#members.hasReady) return this.#events.drop(packet, verdict);
    const member = this.#queue.size === 0 ? this.#members.take() : undefined;
    if (member !== undefined) {
      this.#give(member, packet);
    } else {
      if (this.#queue.size === 0) this.#size.waitBegins();
      this.#queue.push(packet);
    }
    this.#size.growInTime();
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#size.close();
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

  #give(member: Member, packet: Packet): void {
    const { packetTimeout, packetTimeoutOption, noun, code } = this.#policy;
    const id = this.#nextId++;
    const timer = setTimeout(() => {
      const what = `A packet was lost, for its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms): its ${noun} was ended.`;
      this.#kill(member, new OscServerError(code, what));
    }, packetTimeout);
    member.running.set(id, { packet, since: performance.now(), timer });
    this.#members.taken(member);
    member.worker?.give(id, packet);
  }

  /** Gives waiting packets to those that have room, and starts workers for the others. */
  #advance(): void {
    while (this.#queue.size > 0) {
      const member = this.#members.take();
      if (member === undefined) break;
      const packet = this.#queue.shift();
      if (packet !== undefined) this.#give(member, packet);
    }
    this.#size.growInTime();
  }

  #settle(member: Member, id: number, outcome: Outcome): void {
    const running = member.running.get(id);
    if (running === undefined) return;
    clearTimeout(running.timer);
    member.running.delete(id);
    this.#size.succeeded();
    this.#events.settle(running.packet, outcome);
    if (member.phase !== "ready") return;
    const spent = member.given >= this.#policy.packetsInAll;
    if (!spent && !this.#closing) this.#freed(member);
    else if (member.running.size === 0) this.#retire(member);
    if (!this.#closing) this.#advance();
  }

  #freed(member: Member): void {
    this.#members.freed(member);
    if (member.running.size === 0) this.#size.shrinkInTime();
  }

  #retire(member: Member): void {
    if (member.phase !== "ready") return;
    this.#members.leave(member, "retiring");
    member.timer = setTimeout(() => this.#kill(member, closed()), RETIRE_MS);
    member.worker?.retire();
    this.#size.grow();
  }

  /** Ends a worker by force. What it was handling is lost, and reported as `error`. */
  #kill(member: Member, error: OscError): void {
    if (member.phase === "killed") return;
    const starting = member.phase === "starting";
    this.#members.leave(member, "killed");
    this.#dropRunning(member, error);
    member.worker?.kill();
    if (starting && !this.#closing) this.#startFailed(error);
    if (!this.#closing) this.#size.grow();
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

  #startOne(): void {
    const { startTimeout, code, noun, goal } = this.#policy;
    const member = this.#members.add();
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
    this.#freed(member);
    this.#advance();
    this.#size.grow();
  }

  #ended(member: Member, how: string): void {
    if (!this.#members.delete(member)) return;
    const { code, noun, goal } = this.#policy;
    const { phase } = member;
    this.#members.leave(member, "killed");
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
    this.#size.grow();
  }

  /** After several failures packets no longer wait for a start that succeeds. */
  #startFailed(error: OscError): void {
    this.#size.startFailed(error);
    this.#events.report(error);
    if (this.#size.isHopeless && !this.#members.hasReady) this.#dropQueue(error);
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
