/** Who a packet that came by NATS is from. A bridge uses this, too. */
import { OscNatsError, OscSocketError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
import type { Peer, TransportEvents } from "../transport/transport.ts";
import type { NatsLink, NatsMessage } from "./connection.ts";
import { CLIENT_HEADER, REPLY_HEADER, clientOf } from "./headers.ts";
import { replyPrefix } from "./subject.ts";

/** Called with the result of a packet when its worker is done with it. */
export type Settle = (result: PacketResult) => void;

/** The client behind one packet that came by NATS. Replies go to the front end that received the packet. */
export class NatsPeer implements Peer {
  readonly address: NetAddress;
  readonly paced: boolean;
  readonly #link: NatsLink;
  readonly #events: Pick<TransportEvents, "onError" | "onLoss">;
  readonly #reply: string;
  readonly #settle: Settle | null;

  /**
   * @param reply the subject for replies; empty if there is none
   * @param settle null if nobody waits for the result; otherwise packets come at their worker's own pace
   */
  constructor(
    message: NatsMessage,
    link: NatsLink,
    events: Pick<TransportEvents, "onError" | "onLoss">,
    reply: string,
    settle: Settle | null = null,
  ) {
    this.address = clientOf(message.header(CLIENT_HEADER));
    this.#reply = reply;
    this.#link = link;
    this.#events = events;
    this.#settle = settle;
    this.paced = settle !== null;
  }

  get key(): string {
    return this.#reply === "" ? formatAddress(this.address) : this.#reply;
  }

  send(packet: Uint8Array): void {
    if (this.#reply === "") return this.#unsent("the publisher of its packet named no subject for replies");
    if (packet.length > this.#link.maxPayload) {
      const what = `The reply has ${packet.length} bytes, and NATS takes ${this.#link.maxPayload} at most: raise max_payload of nats-server.`;
      return this.#events.onError(new OscSocketError("EMSGSIZE", what, this.#link.server), this.address);
    }
    const sent = this.#link.publish(this.#reply, packet, {}, "", (ok) => {
      if (!ok) this.#unsent("the connection broke");
    });
    if (!sent) this.#unsent(this.#link.isConnected ? "too much is in flight (maxUnconfirmedBytes)" : "there is no connection");
  }

  settled(_size: number, result: PacketResult): void {
    this.#settle?.(result);
  }

  #unsent(why: string): void {
    const { server } = this.#link;
    this.#events.onLoss?.("unsent");
    this.#events.onError(new OscNatsError("OSC_NATS_NO_CLIENT", `A reply to a client may be lost: ${why}.`, server), this.address);
  }
}

/**
 * The subject for replies that a packet names, or none. Someone who may publish packets must not make us publish anywhere but where front ends
 * wait for replies.
 */
export function replySubject(message: NatsMessage, prefix: string): string {
  const subject = message.header(REPLY_HEADER);
  return subject.startsWith(`${replyPrefix(prefix)}.`) && /^[!-)+-=?-~]{1,1024}$/.test(subject) ? subject : "";
}
