import { OscDroppedError, type OscError, type OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
import type { Peer } from "../transport/transport.ts";
import type { Limits } from "./options.ts";

/** A packet on its way through a server. */
export interface Packet {
  /** The bytes, which must not be modified. */
  readonly data: Uint8Array;
  /** The sender, to which replies go. */
  readonly peer: Peer;
  /** In milliseconds since 1970. Nested bundles dated later than this aren't handled with the packet: they become packets of their own. */
  readonly asOf: number;
  /** True for a packet as it arrived; false for a bundle that has waited for its time, or was nested in another packet. */
  readonly fresh: boolean;
}

/** Decides where a packet is handled. This is the only place where the four kinds of server differ. */
export interface Executor {
  /** Opens what is needed before packets arrive, such as a connection. If it rejects, opening the server rejects with the same error. */
  prepare?(): Promise<void>;
  /** Accepts a packet, and calls `events.end` for it exactly once, now or later. Never throws. */
  execute(packet: Packet): void;
  /** Drops the queued packets and lets running handlers finish within `graceMs`; then ends them by force. */
  close(graceMs: number): Promise<void>;
}

/** What an executor reports to the pipeline. */
export interface ExecutorEvents {
  /** The packet was handled, rejected by the executor, or lost. Called once for each packet. */
  end(packet: Packet, result: PacketResult): void;
  /** Sends an encoded reply to the packet's sender. */
  reply(packet: Packet, data: Uint8Array): void;
  /** Sends a packet to a client: also a reply to a packet that has already ended. */
  send(data: Uint8Array, to: NetAddress): void;
  /** Reports an error that doesn't change a packet's result. */
  report(error: OscError, client?: NetAddress): void;
  /** A handler asked the server to shut down. */
  shutdown(): void;
}

/** The server that an executor is created for. */
export interface ExecutorContext {
  /** Receives results, replies and errors. */
  readonly events: ExecutorEvents;
  /** The server's options, with defaults filled in. */
  readonly limits: Limits;
  /** The transport of its packets: `udp`, `tcp` or `websocket`. */
  readonly transport: string;
  /** The server's `verifyRequest`: why it refuses the packet, or null. Never throws. */
  verify(packet: Packet): OscRejectedError | null;
}

/** Creates an executor each time a server starts serving. */
export type ExecutorFactory = (context: ExecutorContext) => Executor;

/** The error for packets that are still queued when the server closes. */
export function serverClosed(): OscDroppedError {
  return new OscDroppedError("close", "A packet that waited for a handler was dropped because the server closed.");
}

/** Resolves when `done` is called, or after `ms` at the latest. */
export function withinTime(ms: number, onDone: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    onDone(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
