import type { OscError, OscRejectedError, RejectReason } from "./errors.ts";

/**
 * What became of a packet. Transport, pipeline and executors all tell it in this form, and a packet gets one result, in whichever thread or
 * process it ends.
 */
export type PacketResult = PacketHandled | PacketWaiting | PacketRejected | PacketDropped;

/** Its handlers have run. */
export interface PacketHandled {
  /** Tells the results apart. */
  readonly kind: "handled";
  /** How many of its messages no handler matched. */
  readonly unmatched: number;
}

/** It is a bundle that waits for its time. Told to the sender's connection, which may then read on; the result at its time is another one. */
export interface PacketWaiting {
  /** Tells the results apart. */
  readonly kind: "waiting";
}

/** It was refused, and would be again. */
export interface PacketRejected {
  /** Tells the results apart. */
  readonly kind: "rejected";
  /** Why. `stats().rejected` counts packets by it. */
  readonly reason: RejectReason;
  /** Makes the error. Built lazily: under flood most rejections are only counted. */
  readonly explain: () => OscRejectedError;
}

/** It was lost: a limit was reached, or the worker that had it ended. */
export interface PacketDropped {
  /** Tells the results apart. */
  readonly kind: "dropped";
  /** What was reached or ended. */
  readonly error: OscError;
}

/** The result of most packets: every message had a handler. */
export const HANDLED: PacketHandled = /* @__PURE__ */ Object.freeze({ kind: "handled", unmatched: 0 });
export const WAITING: PacketWaiting = /* @__PURE__ */ Object.freeze({ kind: "waiting" });

export function handled(unmatched: number): PacketHandled {
  return unmatched === 0 ? HANDLED : { kind: "handled", unmatched };
}

export function rejected(reason: RejectReason, explain: () => OscRejectedError): PacketRejected {
  return { kind: "rejected", reason, explain };
}

export function dropped(error: OscError): PacketDropped {
  return { kind: "dropped", error };
}
