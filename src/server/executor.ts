import { OscDroppedError, type OscError, type OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
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

/** Decides where a packet is handled. This is the only place where the four kinds of server differ. */
export interface Executor {
  /** Opens what must be there before packets come, such as a connection. If it rejects, opening the server rejects with the same error. */
  prepare?(): Promise<void>;
  /** Takes a packet, and calls `events.end` for it exactly once, now or later. Never throws. */
  execute(packet: Packet): void;
  /** Ends what is under way: gently within `graceMs`, then by force. Packets that have not begun are dropped. */
  close(graceMs: number): Promise<void>;
}

/** What an executor tells the pipeline. */
export interface ExecutorEvents {
  /** The packet has ended: it was handled, rejected where it was to be handled, or lost. Called once for each packet. */
  end(packet: Packet, result: PacketResult): void;
  /** A reply to the packet, in bytes. */
  reply(packet: Packet, data: Uint8Array): void;
  /** A packet for a client, or a reply to a packet that has ended. */
  send(data: Uint8Array, to: NetAddress): void;
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

/** The error for packets that still wait for a handler when the server closes. */
export function serverClosed(): OscDroppedError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped because the server closed.");
}

/** Resolves when `onDone` calls back, at the latest after `ms`. */
export function withinTime(ms: number, onDone: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    onDone(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
