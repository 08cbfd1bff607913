import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";

/** Tells of the end of one of several packets, by its place among them: with `null` where it was sent. */
export type BatchDone = (index: number, error: OscError | null) => void;

/** What a link tells its client. None of these is called before `open()` was called, or after `close()` was. */
export interface PacketLinkEvents {
  /** One whole packet arrived. The bytes are the client's to keep. */
  onPacket(packet: Uint8Array, from: NetAddress): void;
  /** Something failed that ends nothing: an earlier send, a broken frame. `address` is the peer's, where it is known. */
  onError(error: OscError, address?: NetAddress): void;
  /** The link, once open, has ended by itself and freed its socket: the other side has closed, or the connection broke. */
  onEnd(error: OscError | null): void;
}

/**
 * A socket as a client uses it: packets go to one place, and packets come back. This is all that differs from one transport to another;
 * it knows nothing of what is in a packet. A link is opened once and closed once.
 */
export interface PacketLink {
  /**
   * Looks the host up, binds, connects.
   *
   * @returns where the socket is bound
   * @throws OscSocketError where that is not possible; nothing is left open then
   */
  open(): Promise<NetAddress>;
  /**
   * Sends one packet. Never throws; called on an open link only.
   *
   * @param to where to, for an answer to one of several peers; `null`: the place that the link was made for. A link that has only one
   * peer does not look at it
   * @param done called once: with `null` when the system has taken the bytes, or with what went wrong
   */
  send(packet: Uint8Array, to: NetAddress | null, done: (error: OscError | null) => void): void;
  /**
   * Sends packets to the place that the link was made for, in their order, several at a time. As {@link send}, for each of them; missing
   * where that would be no quicker than one by one.
   */
  sendBatch?(packets: readonly Uint8Array[], done: BatchDone): void;
  /** Whether the open socket keeps the process alive. A link that was just opened does not. */
  keepAlive(how: "on" | "off"): void;
  /** Frees the socket; what was given to `send` has been sent by then. Resolves when the port is free again. Never rejects. */
  close(): Promise<void>;
}

/** Makes a link that is not open yet. */
export type PacketLinkFactory = (events: PacketLinkEvents) => PacketLink;
