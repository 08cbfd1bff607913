import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { TakenPacket } from "./packet-lanes.ts";
import type { InFlightPacket, PoolWorker, WorkerKind } from "./worker.ts";

/** A packet that a worker has, and since when. */
export interface InFlight extends InFlightPacket, TakenPacket {
  readonly since: number;
}

export type Phase = "starting" | "ready" | "retiring" | "killed";

/** A place for a worker, and what the pool knows of the one that has it. */
export class PoolSlot {
  phase: Phase = "starting";
  worker: PoolWorker | null = null;
  readonly inFlight = new Map<number, InFlight>();
  /** How many packets it was given; the number of the last one. */
  given = 0;
  /** When it was given a packet, or was done with one, last. */
  since = 0;
  /** Kills it if it doesn't do in time what its phase asks for. */
  timer: NodeJS.Timeout | undefined;

  enter(phase: Phase): void {
    this.phase = phase;
    clearTimeout(this.timer);
  }
}

/** Why packets are lost. */
export function overdue({ packetTimeout, packetTimeoutOption, noun, code }: WorkerKind): OscError {
  const what = `A packet was lost because its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms)`;
  return new OscServerError(code, `${what}: its ${noun} was killed.`);
}

export function closed(): OscError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped because the server closed.");
}

export function outOfGrace(graceMs: number): OscError {
  return new OscDroppedError(
    "closeTimeout",
    `A packet was lost because its handler had not ended ${graceMs} ms after the server was closed: raise closeTimeout.`,
  );
}
