import type { NetAddress } from "../net-address.ts";
import type { PacketLinkEvents, PacketLinkFactory } from "./packet-link.ts";
import type { SendDone } from "./send-promise.ts";

/** What a client needs of whatever keeps a link for it. */
export interface Keeper {
  /** Where the link is bound; `null` while none is open. */
  readonly address: NetAddress | null;
  readonly isClosed: boolean;
  /** Another number whenever what one waits for on the link has become vain. */
  readonly session: number;
  /** Opens the link, unless it is open. After `close()`, opens another. */
  open(): Promise<NetAddress>;
  /** Sees to it that messages can arrive: now, or as soon as that is possible. */
  listen(): Promise<unknown>;
  /** Sends a packet, when the link is open. Never throws. */
  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void;
  /** Keeps the process alive until the function that is returned is called. */
  hold(): () => void;
  /** Closes the link when all that was given to `send` is on its way. */
  close(): Promise<void>;
}

export type KeeperFactory = (createLink: PacketLinkFactory, events: PacketLinkEvents) => Keeper;

/** A packet that waits to be sent. */
export interface Unsent {
  readonly packet: Uint8Array;
  readonly to: NetAddress | null;
  readonly done: SendDone;
}
