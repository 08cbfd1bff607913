import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** The other end of a conversation: where a packet came from, and where replies go. */
export interface Peer {
  /** Where it is. */
  readonly address: NetAddress;
  /** Tells a client from others, also where clients have no address: of one client, always the same string or object. */
  readonly key: string | object;
  /** True where reading from here stops while too much is on its way through handlers, so that no queue has to drop what came from here. */
  readonly paced: boolean;
  /** Resolves when the client has gone. Missing where there is no connection that could tell. */
  readonly closed?: Promise<void>;
  /** Sends one packet. Never throws: what fails is given to the transport's `onError`. */
  send(packet: Uint8Array): void;
  /**
   * Called once for every packet of `size` bytes that came from here, when it no longer occupies the server: a stream may then be read on.
   */
  settled(size: number, result: PacketResult): void;
}

/** What a transport tells its owner. */
export interface TransportEvents {
  /**
   * One packet arrived. The bytes are the receiver's to keep.
   *
   * @param asOf of a packet that another server has scheduled: bundles inside that are dated later than this, in milliseconds since 1970, come by
   * themselves. It is handled at once
   */
  onPacket(packet: Uint8Array, peer: Peer, asOf?: number): void;
  /** Something failed that does not end the transport: a send, a peer, a broken frame. */
  onError(error: OscError, address?: NetAddress): void;
  /** Why a client may not connect, or null where it may. Asked for streams. */
  refusal(address: NetAddress): OscError | null;
  /** A client of a stream came, went, was refused, or is being sent away for what it did or did not do. */
  onConnection(change: "opened" | "closed" | "refused" | "ended"): void;
  /** A client of a stream has connected, and may be sent to. Comes after `"opened"`. */
  onPeer?(peer: Peer): void;
  /**
   * Counts what was passed over: a message that can't be a packet, a packet for a client that doesn't read, a connection that was ended because it
   * held the most memory. Some of it is also reported.
   */
  onLoss?(kind: "ignored" | "unsent" | "evicted"): void;
  /** A packet came that had been delivered before, or was put aside for good. Counted. */
  onDelivery?(kind: "redelivered" | "deadLettered"): void;
  /** How much memory the server may hold for its clients. Default: a budget of the transport's own. */
  readonly memory?: MemoryBudget;
}

/** Sockets that packets come from. It knows nothing of what is in a packet. */
export interface Transport {
  /** Binds, and begins to receive. Rejects with an `OscSocketError` where the address cannot be used. */
  open(): Promise<NetAddress>;
  /** Takes nothing more in; what was taken in may still be answered. Missing where `close` is soon enough. */
  drain?(): Promise<void>;
  /** Ends everything; resolves when the port is free again. May be called twice. */
  close(): Promise<void>;
}
