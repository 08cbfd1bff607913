import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** Where a packet came from, and where replies go. */
export interface Peer {
  /** Where it is. */
  readonly address: NetAddress;
  /** Identifies a client, also if it has no address: always the same string or object for the same client. */
  readonly key: string | object;
  /** True if the transport stops reading from it while too many packets are in flight, so that no queue has to drop its packets. */
  readonly paced: boolean;
  /** Resolves when the client has disconnected. Missing if there is no connection. */
  readonly closed?: Promise<void>;
  /** Sends one packet. Never throws: the transport reports failures to `onError`. */
  send(packet: Uint8Array): void;
  /**
   * Called once when a packet of `size` bytes from this peer is no longer in flight, so that its stream may be read again. A transport that
   * doesn't wait for that, such as UDP, leaves it out.
   */
  settled?(size: number, result: PacketResult): void;
}

/** What a transport reports to its owner. */
export interface TransportEvents {
  /**
   * A packet arrived. The receiver may keep its bytes.
   *
   * @param asOf only if another server has scheduled the packet, which is then handled at once: milliseconds since 1970. Bundles in it that are
   * dated later than that arrive separately
   */
  onPacket(packet: Uint8Array, peer: Peer, asOf?: number): void;
  /** Something failed that doesn't end the transport: a send, a peer, a broken frame. */
  onError(error: OscError, address?: NetAddress): void;
  /** Why a client may not connect, or null if it may. Only for connections. */
  refusal(address: NetAddress): OscError | null;
  /** A client connected, disconnected, was refused, or is being disconnected by the server for what it did or didn't do. */
  onConnection(change: "opened" | "closed" | "refused" | "ended"): void;
  /** A client has connected and may be sent to. Comes after `"opened"`. */
  onPeer?(peer: Peer): void;
  /**
   * Counts what was passed over: a message that can't be a packet, a packet for a client that doesn't read, a connection that was ended because it
   * held the most memory. Some of it is also reported.
   */
  onLoss?(kind: "ignored" | "unsent" | "evicted"): void;
  /** Counts a packet that was delivered before, or was put aside for good. */
  onDelivery?(kind: "redelivered" | "deadLettered"): void;
  /** How much memory the server may hold for its clients. Default: a budget of the transport's own. */
  readonly memory?: MemoryBudget;
}

/** Sockets that packets arrive at. Knows nothing of what is in a packet. */
export interface Transport {
  /** Binds, and starts to receive. Rejects with an `OscSocketError` if the address can't be used. */
  open(): Promise<NetAddress>;
  /** Who packets for that address are sent to, from the socket that receives; null if no such client is connected. Missing if there is no way. */
  peerAt?(address: NetAddress): Peer | null;
  /** Stops reading; replies to what was read may still be sent. Missing if `close` is enough. */
  drain?(): Promise<void>;
  /** Ends everything, and resolves when the port is free. May be called twice. */
  close(): Promise<void>;
}

/** The connected client with that address. */
export function peerAmong(peers: Iterable<Peer>, { address, port }: NetAddress): Peer | null {
  for (const peer of peers) if (peer.address.port === port && peer.address.address === address) return peer;
  return null;
}
