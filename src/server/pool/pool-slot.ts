import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { Packet } from "../executor.ts";
import type { InFlightPacket, PoolWorker, WorkerKind } from "./worker.ts";

/** A packet that a worker has, and when it was assigned. */
interface InFlight extends InFlightPacket {
  readonly assignedAt: number;
}

/** The packets of a worker that has ended, by what happened to them. */
export interface UnsettledPackets {
  /** Handled, but the worker ended before reporting it. */
  readonly handled: readonly Packet[];
  /** Lost with the worker. */
  readonly lost: readonly Packet[];
  /** Never begun, newest first. */
  readonly unstarted: readonly Packet[];
}

export type Phase = "starting" | "ready" | "retiring" | "killed";

/**
 * The pool's record of one worker and its unfinished packets. It numbers the packets, tracks the deadline of the oldest, and finds out which
 * ones the worker hasn't begun when they are to be taken back.
 */
export class PoolSlot {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  /** Number of packets assigned so far; also the id of the last one. */
  packetCount = 0;
  /** When a packet was last assigned or finished. */
  lastActivity = 0;
  /** Why the worker failed, as it reported itself. */
  reason: string | null = null;
  /** Kills the worker if it doesn't start or end in time. */
  timer: NodeJS.Timeout | undefined;
  readonly #kind: WorkerKind;
  readonly #inFlight = new Map<number, InFlight>();

  constructor(kind: WorkerKind) {
    this.#kind = kind;
  }

  /** Number of unfinished packets. */
  get load(): number {
    return this.#inFlight.size;
  }

  /** Whether another packet can be assigned. */
  get hasRoom(): boolean {
    const { packetsAtOnce, packetsInAll } = this.#kind;
    return this.phase === "ready" && this.#inFlight.size < packetsAtOnce && this.packetCount < packetsInAll;
  }

  /** When the oldest packet times out. */
  get deadline(): number {
    const [first] = this.#inFlight.values();
    if (first === undefined) return Infinity;
    return (this.#kind.packetsAtOnce === 1 ? this.lastActivity : first.assignedAt) + this.#kind.packetTimeout;
  }

  enter(phase: Phase): void {
    this.phase = phase;
    clearTimeout(this.timer);
  }

  assign(packets: readonly Packet[]): void {
    const assignedAt = performance.now();
    const assigned = packets.map((packet) => ({ packet, id: (this.packetCount += 1), assignedAt }));
    for (const packet of assigned) this.#inFlight.set(packet.id, packet);
    this.lastActivity = assignedAt;
    this.worker?.assign(assigned);
  }

  /** The unfinished packet with this id. */
  packet(id: number): Packet | undefined {
    return this.#inFlight.get(id)?.packet;
  }

  /** The worker has finished a packet. */
  end(id: number): void {
    this.#inFlight.delete(id);
    this.lastActivity = performance.now();
  }

  /** Takes back the packets that the worker hasn't begun, newest first. */
  takeBack(): Packet[] {
    if (this.#inFlight.size === 0) return [];
    const begun = this.worker?.takeBack() ?? null;
    return begun === null ? [] : this.#remove((id) => id > begun).toReversed();
  }

  /** Removes all packets of a worker that has ended or is about to be killed. */
  clear(): UnsettledPackets {
    // Packets handled concurrently count as begun.
    const begun = this.#kind.packetsAtOnce === 1 ? (this.worker?.takeBack() ?? null) : null;
    if (begun === null) return { handled: [], lost: this.#remove(() => true), unstarted: [] };
    const unstarted = this.#remove((id) => id > begun).toReversed();
    const handled = this.#remove((id) => id < begun);
    return { handled, lost: this.#remove(() => true), unstarted };
  }

  #remove(matches: (id: number) => boolean): Packet[] {
    const removed = [...this.#inFlight.values()].filter(({ id }) => matches(id));
    for (const { id } of removed) this.#inFlight.delete(id);
    return removed.map(({ packet }) => packet);
  }
}

/** The error for a packet whose handler exceeded the packet timeout. */
export function handlerTimedOut({ packetTimeout, packetTimeoutOption, noun, code }: WorkerKind): OscError {
  const what = `A packet was lost because its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms)`;
  return new OscServerError(code, `${what}: its ${noun} was killed.`);
}

/** The error for a packet whose handler exceeded `closeTimeout`. */
export function closeTimedOut(graceMs: number): OscError {
  return new OscDroppedError(
    "closeTimeout",
    `A packet was lost because its handler was still running ${graceMs} ms after the server was closed: raise closeTimeout.`,
  );
}
