import { type OscError, OscServerError } from "../../errors.ts";
import { HANDLED, type PacketResult, dropped, rejected } from "../../packet-result.ts";
import type { Limits } from "../options.ts";
import type { Executor, ExecutorEvents, Packet } from "../executor.ts";
import { type LateReason, explainRefusal } from "../handle.ts";
import { type Member, PoolMembers } from "./pool-members.ts";
import { closed, outOfGrace, overdue } from "./pool-losses.ts";
import { PoolPackets } from "./pool-packets.ts";
import { PoolSize } from "./pool-size.ts";
import { PoolWatch } from "./pool-watch.ts";
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
  readonly #limits: Limits;
  readonly #events: ExecutorEvents;
  readonly #members: PoolMembers;
  readonly #size: PoolSize;
  readonly #watch: PoolWatch;
  readonly #packets: PoolPackets;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  constructor(policy: PoolPolicy, limits: Limits, events: ExecutorEvents, start: StartWorker) {
    this.#policy = policy;
    this.#start = start;
    this.#limits = limits;
    this.#events = events;
    this.#members = new PoolMembers(policy);
    this.#size = new PoolSize({
      policy,
      members: this.#members,
      queued: () => this.#packets.queued,
      startOne: () => this.#startOne(),
      retire: (member) => this.#retire(member),
    });
    this.#watch = new PoolWatch({
      members: this.#members,
      packetTimeout: policy.packetTimeout,
      onSlow: (member) => this.#relieve(member),
      onOverdue: (member) => this.#kill(member, overdue(policy)),
    });
    this.#packets = new PoolPackets({
      policy,
      limits,
      members: this.#members,
      drop: (packet, error) => events.end(packet, dropped(error)),
      onWait: () => this.#size.waitBegins(),
      onGiven: ({ waits }) => (waits ? this.#watch.waits() : this.#watch.begins()),
      onFreed: (member) => this.#freed(member),
    });
    this.#size.grow();
  }

  execute(packet: Packet): void {
    if (this.#closing) return this.#events.end(packet, dropped(closed()));
    const { verdict } = this.#size;
    if (verdict !== null && !this.#members.hasReady) return this.#events.end(packet, dropped(verdict));
    this.#packets.add(packet);
    this.#size.growInTime();
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const member of this.#members) this.#packets.takeBack(member);
    this.#size.close();
    this.#packets.dropQueued(closed());
    for (const member of this.#members) {
      if (member.phase === "starting") this.#kill(member, closed());
      else if (member.held.size === 0) this.#retire(member);
    }
    await this.#empty(graceMs);
    for (const member of this.#members) this.#kill(member, outOfGrace(graceMs));
    await this.#empty(KILL_MS);
    this.#watch.close();
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

  /** The worker is busy with one packet for long: others take those that wait behind it. */
  #relieve(member: Member): void {
    this.#packets.takeBack(member);
    this.#advance();
  }

  /** Gives waiting packets to those that have time, and starts workers for the others. */
  #advance(): void {
    this.#packets.advance();
    this.#size.growInTime();
  }

  #settle(member: Member, id: number, result: PacketResult, took = Infinity): void {
    const packet = this.#packets.end(member, id);
    if (packet === undefined) return;
    this.#members.took(member, took);
    this.#events.end(packet, result);
    this.#hasTime(member);
  }

  /** The first so many packets that a worker has have been handled. */
  #handled(member: Member, count: number, took?: number): void {
    const now = performance.now();
    if (took !== undefined) this.#members.took(member, took);
    for (let left = count; left > 0; left -= 1) {
      const packet = this.#packets.endFirst(member, now);
      if (packet === undefined) return;
      this.#events.end(packet, HANDLED);
    }
    this.#hasTime(member);
  }

  #refuse(member: Member, id: number, reason: LateReason): void {
    const packet = this.#packets.end(member, id);
    if (packet === undefined) return;
    this.#events.end(
      packet,
      rejected(reason, () => explainRefusal(reason, packet.data, this.#limits)),
    );
    this.#hasTime(member);
  }

  /** A worker has done with something. */
  #hasTime(member: Member): void {
    this.#size.succeeded();
    if (member.phase !== "ready") return;
    const spent = member.given >= this.#policy.packetsInAll;
    if (!spent && !this.#closing) this.#freed(member);
    else if (member.held.size === 0) this.#retire(member);
    if (!this.#closing) this.#advance();
  }

  #freed(member: Member): void {
    this.#members.freed(member);
    if (member.held.size === 0) this.#size.shrinkInTime();
  }

  #retire(member: Member): void {
    if (member.phase !== "ready") return;
    this.#members.leave(member, "retiring");
    member.timer = setTimeout(() => this.#kill(member, closed()), RETIRE_MS);
    member.worker?.retire();
    this.#size.grow();
  }

  /** Ends a worker by force. What it was handling is lost, and reported as `error`; what it had not begun is not. */
  #kill(member: Member, error: OscError): void {
    if (member.phase === "killed") return;
    // What it has said by now is not lost.
    if (member.phase === "ready") member.ahead?.listen();
    const starting = member.phase === "starting";
    this.#members.leave(member, "killed");
    this.#packets.takeBack(member);
    this.#packets.dropBegun(member, error);
    member.worker?.kill();
    if (this.#closing) return;
    if (starting) this.#startFailed(error);
    this.#advance();
    this.#size.grow();
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
    const packetOf = (id: number): Packet | undefined => member.held.get(id)?.packet;
    return {
      ready: () => this.#ready(member),
      reply: (id, data) => {
        const packet = packetOf(id);
        if (packet !== undefined) events.reply(packet, data);
      },
      report: (id, error) => events.report(error, packetOf(id)?.peer.address),
      fault: (error) => events.report(error),
      settle: (id, result, took) => this.#settle(member, id, result, took),
      handled: (count, took) => this.#handled(member, count, took),
      refuse: (id, reason) => this.#refuse(member, id, reason),
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
    this.#packets.takeBack(member);
    if (phase === "starting" && !this.#closing) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it came to ${goal}: ${how}.`));
    } else if (phase === "ready" && member.given === 0 && !this.#closing) {
      this.#startFailed(new OscServerError(code, `A ${noun} of the server ended before it was given a packet: ${how}.`));
    } else if (member.held.size > 0) {
      this.#packets.dropBegun(member, new OscServerError(code, `A packet was lost, for the ${noun} that handled it ended: ${how}.`));
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
    if (this.#size.isHopeless && !this.#members.hasReady) this.#packets.dropQueued(error);
  }
}
