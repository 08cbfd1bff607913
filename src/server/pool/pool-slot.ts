import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { Packet } from "../executor.ts";
import type { InFlightPacket, PoolWorker, WorkerKind } from "./worker.ts";

/** A packet that a worker has, and since when. */
interface InFlight extends InFlightPacket {
  readonly since: number;
}

/** What becomes of the packets of a worker that has ended. */
export interface Remains {
  /** The worker handled them, and had no time to say so. */
  readonly handled: readonly Packet[];
  readonly lost: readonly Packet[];
  /** The worker didn't begin with them. The last one first. */
  readonly unbegun: readonly Packet[];
}

export type Phase = "starting" | "ready" | "retiring" | "killed";

/** One worker of a pool, and the packets that it has. */
export class PoolSlot {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  /** How many packets it was given; the number of the last one. */
  given = 0;
  /** When it was given a packet, or was done with one, last. */
  since = 0;
  /** Why it can't work, if it said so. */
  reason: string | null = null;
  /** Kills it if it doesn't do in time what its phase asks for. */
  timer: NodeJS.Timeout | undefined;
  readonly #kind: WorkerKind;
  readonly #inFlight = new Map<number, InFlight>();

  constructor(kind: WorkerKind) {
    this.#kind = kind;
  }

  /** How many packets it has. */
  get load(): number {
    return this.#inFlight.size;
  }

  /** Whether it can be given a packet beside those that it has. */
  get hasRoom(): boolean {
    const { packetsAtOnce, packetsInAll } = this.#kind;
    return this.phase === "ready" && this.#inFlight.size < packetsAtOnce && this.given < packetsInAll;
  }

  /** When its time for the packet that it began first is over. */
  get deadline(): number {
    const [first] = this.#inFlight.values();
    if (first === undefined) return Infinity;
    return (this.#kind.packetsAtOnce === 1 ? this.since : first.since) + this.#kind.packetTimeout;
  }

  enter(phase: Phase): void {
    this.phase = phase;
    clearTimeout(this.timer);
  }

  give(packets: readonly Packet[]): void {
    const since = performance.now();
    const given = packets.map((packet) => ({ packet, id: (this.given += 1), since }));
    for (const one of given) this.#inFlight.set(one.id, one);
    this.since = since;
    this.worker?.give(given);
  }

  /** The packet of that number; undefined if it has none. */
  packet(id: number): Packet | undefined {
    return this.#inFlight.get(id)?.packet;
  }

  /** It is done with a packet. */
  end(id: number): void {
    this.#inFlight.delete(id);
    this.since = performance.now();
  }

  /** Takes back what it hasn't begun, the last one first. */
  takeBack(): Packet[] {
    if (this.#inFlight.size === 0) return [];
    const begun = this.worker?.takeBack() ?? null;
    return begun === null ? [] : this.#remove((id) => id > begun).toReversed();
  }

  /** Takes all that it has, because it has ended or is to end now. */
  clear(): Remains {
    // What it doesn't handle one after another, it has begun.
    const begun = this.#kind.packetsAtOnce === 1 ? (this.worker?.takeBack() ?? null) : null;
    if (begun === null) return { handled: [], lost: this.#remove(() => true), unbegun: [] };
    const unbegun = this.#remove((id) => id > begun).toReversed();
    const handled = this.#remove((id) => id < begun);
    return { handled, lost: this.#remove(() => true), unbegun };
  }

  #remove(matches: (id: number) => boolean): Packet[] {
    const removed = [...this.#inFlight.values()].filter(({ id }) => matches(id));
    for (const { id } of removed) this.#inFlight.delete(id);
    return removed.map(({ packet }) => packet);
  }
}

/** Why packets are lost. */
export function overdue({ packetTimeout, packetTimeoutOption, noun, code }: WorkerKind): OscError {
  const what = `A packet was lost because its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms)`;
  return new OscServerError(code, `${what}: its ${noun} was killed.`);
}

export function outOfGrace(graceMs: number): OscError {
  return new OscDroppedError(
    "closeTimeout",
    `A packet was lost because its handler had not ended ${graceMs} ms after the server was closed: raise closeTimeout.`,
  );
}
