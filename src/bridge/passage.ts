import type { Peer } from "../transport/transport.ts";
import type { NetAddress } from "../net-address.ts";

/** What is known of the way that a packet has come. */
export interface Passage {
  /** By what it first came from its client, as `udp`. */
  readonly transport: string;
  /** The ids of the front ends and bridges that it came through by NATS, with commas between them; empty where it came from its client itself. */
  readonly via: string;
}

/** Takes what arrives. */
export type Take = (packet: Uint8Array, peer: Peer, passage: Passage) => void;

/** Where the packets of a bridge come from. */
export interface Source {
  /** Clients that are connected, where the transport has connections. */
  readonly clients: ReadonlySet<Peer>;
  /** Begins to listen: resolves with where. */
  open(): Promise<NetAddress>;
  close(): Promise<void>;
}
