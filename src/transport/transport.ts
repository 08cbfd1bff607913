import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";

/** The other end of a conversation: where a packet came from, and where replies go. */
export interface Peer {
  readonly address: NetAddress;
  /** Sends one packet. Never throws: what fails is given to the transport's `onError`. */
  send(packet: Uint8Array): void;
  /** Called once for every packet of `size` bytes that came from here, when it no longer occupies the server: a stream may then be read on. */
  settled(size: number): void;
}

/** What a transport tells its owner. */
export interface TransportEvents {
  /** One packet arrived. The bytes are the receiver's to keep. */
  onPacket(packet: Uint8Array, peer: Peer): void;
  /** Something failed that does not end the transport: a send, a peer, a broken frame. */
  onError(error: OscError, address?: NetAddress): void;
  /** A client of a stream came or went, or was refused for there were too many. */
  onConnection(change: "opened" | "closed" | "refused"): void;
}

/** Sockets that packets come from. It knows nothing of what is in a packet. */
export interface Transport {
  /** Binds, and begins to receive. Rejects with an `OscSocketError` where the address cannot be used. */
  open(): Promise<NetAddress>;
  /** Ends everything; resolves when the port is free again. May be called twice. */
  close(): Promise<void>;
}
