import type { OscError, OscRejectedError, RejectReason } from "./errors.ts";

/**
 * The outcome of a packet. Transport, pipeline and executors all report it in this form. Each packet gets one result, whichever thread or
 * process handles it.
 */
export type PacketResult = PacketHandled | PacketWaiting | PacketRejected | PacketDropped;

/** Its handlers have run. */
export interface PacketHandled {
  /** Tells the results apart. */
  readonly kind: "handled";
  /** How many of its messages no handler matched. */
  readonly unmatched: number;
}

/** A bundle scheduled for later. Lets the sender's connection keep reading; the bundle gets another result when it runs. */
export interface PacketWaiting {
  /** Tells the results apart. */
  readonly kind: "waiting";
}

/** It was rejected. Sending it again would fail again. */
export interface PacketRejected {
  /** Tells the results apart. */
  readonly kind: "rejected";
  /** Why. `stats().rejected` counts packets by reason. */
  readonly reason: RejectReason;
  /** Creates the error. Lazy, because under flood most rejections are only counted. */
  readonly explain: () => OscRejectedError;
}

/** It was lost: a limit was reached, or its worker exited. */
export interface PacketDropped {
  /** Tells the results apart. */
  readonly kind: "dropped";
  /** The limit or worker concerned. */
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
