import type { OscError, OscRejectedError, RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { Limits } from "./options.ts";

/** A packet on its way through a server. */
export interface Packet {
  /** Its bytes, which nobody writes to. */
  readonly data: Uint8Array;
  /** Where it came from, and where replies go. */
  readonly peer: Peer;
  /** Bundles inside that are dated later than this, in milliseconds since 1970, are packets of their own and not handled with it. */
  readonly asOf: number;
  /** True for a packet as it came from its peer; false for one that has waited for its time, or is part of another. */
  readonly fresh: boolean;
}

/** What came of a packet: null where it was handled, or why it was refused after all. */
export type Outcome = OscRejectedError | null;

/** Decides where a packet is handled. This is all in which the four kinds of server differ. */
export interface Executor {
  /** What has to be there before packets come, such as a connection. Rejects with what the server's own opening is to reject with. */
  prepare?(): Promise<void>;
  /** Takes a packet, and tells the road of its end exactly once: `settle`, `refuse` or `drop`. Never throws. */
  execute(packet: Packet): void;
  /** Ends what is under way: gently within `graceMs`, then by force. Packets that have not begun are dropped. */
  close(graceMs: number): Promise<void>;
}

/** What an executor tells the road. */
export interface ExecutorEvents {
  /** The packet has been handled, or refused where it was to be handled. */
  settle(packet: Packet, outcome: Outcome): void;
  /** The packet has been refused where it was to be handled. The error is made only where it is told, which most of a flood is not. */
  refuse(packet: Packet, reason: RejectReason, makeError: () => OscRejectedError): void;
  /** The packet is lost, because the bound of that option was reached or the worker that had it ended. */
  drop(packet: Packet, error: OscError): void;
  /** A reply to the packet, in bytes. */
  reply(packet: Packet, data: Uint8Array): void;
  /** An error that does not decide the fate of a packet. */
  report(error: OscError, client?: NetAddress): void;
  /** A handler asked the server to end. */
  shutdown(): void;
}

/** The server that an executor is made for. */
export interface ExecutorContext {
  /** Takes what comes of packets. */
  readonly events: ExecutorEvents;
  /** The server's options, filled in. */
  readonly limits: Limits;
  /** By what its packets come: `udp`, `tcp` or `websocket`. */
  readonly transport: string;
  /** The server's `verifyRequest`: why it refuses the packet, or null. Never throws. */
  verify(packet: Packet): OscRejectedError | null;
}

/** Makes an executor each time that a server begins to serve. */
export type ExecutorFactory = (context: ExecutorContext) => Executor;
