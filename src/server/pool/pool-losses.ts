/** Why a pool loses packets. */
import { OscDroppedError, type OscError, OscServerError } from "../../errors.ts";
import type { PoolPolicy } from "./pool-worker.ts";

export function overdue({ packetTimeout, packetTimeoutOption, noun, code }: PoolPolicy): OscError {
  const what = `A packet was lost, for its handler did not end within ${packetTimeoutOption} (${packetTimeout} ms): its ${noun} was ended.`;
  return new OscServerError(code, what);
}

export function closed(): OscError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped, for the server closed.");
}

export function outOfGrace(graceMs: number): OscError {
  return new OscDroppedError(
    "closeTimeout",
    `A packet was lost, for its handler had not ended ${graceMs} ms after the server was closed: raise closeTimeout.`,
  );
}
