import { type OscError, OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";

/** Reports how a send ended: with `null` if it succeeded. */
export type SendDone = (error: OscError | null) => void;

/** Reports how one packet of a batch ended, by its index. */
export type BatchDone = (index: number, error: OscError | null) => void;

/** What a link reports to its connection. None of these is called before `open()` or after `close()`. */
export interface PacketLinkEvents {
  /** One whole packet arrived. The receiver may keep the bytes. */
  onPacket(packet: Uint8Array, from: NetAddress): void;
  /** Something failed that doesn't end the link: an earlier send, a broken frame. `address` is the peer's, if it is known. */
  onError(error: OscError, address?: NetAddress): void;
  /** An open link ended by itself and freed its socket: the other side closed it, or the connection broke. */
  onEnd(error: OscError | null): void;
}

/**
 * One socket as a client uses it: packets go to one target, and packets come back. Only this differs between transports. A link knows
 * nothing of what is in a packet, and is opened and closed once.
 */
export interface PacketLink {
  /**
   * Looks the host up, binds, connects.
   *
   * @returns the local address
   * @throws OscSocketError if that fails; nothing is left open then
   */
  open(): Promise<NetAddress>;
  /**
   * Sends one packet. Never throws; called on an open link only.
   *
   * @param to the peer to answer; `null` for the link's own target. A link with one peer ignores it
   * @param done called once: with `null` when the system has taken the bytes, or with the error
   */
  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void;
  /** Sends packets to the link's target in order, several per system call. Missing if that would be no faster. */
  sendBatch?(packets: readonly Uint8Array[], done: BatchDone): void;
  /** Whether the open socket keeps the process alive. A new link doesn't. */
  keepAlive(how: "on" | "off"): void;
  /** Frees the socket after everything given to `send` is out. Resolves when the port is free again. Never rejects. */
  close(): Promise<void>;
}

/** Creates a link that isn't open yet. */
export type PacketLinkFactory = (events: PacketLinkEvents) => PacketLink;

/** What fails because the client, or its connection, was closed. */
export function closedError(message: string): OscServerError {
  return new OscServerError("OSC_CLOSED", message);
}
