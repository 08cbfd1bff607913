/** The sender of a packet received over NATS. Also used by bridges. */
import { OscNatsError, OscSocketError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import type { PacketResult } from "../packet-result.ts";
import type { Peer, TransportEvents } from "../transport/transport.ts";
import type { NatsLink, NatsMessage } from "./connection.ts";
import { CLIENT_HEADER, REPLY_HEADER, clientOf } from "./headers.ts";
import { replyPrefix } from "./subject.ts";

/** Called with the result of a packet when its worker has finished. */
export type Settle = (result: PacketResult) => void;

/** The client that sent a packet received over NATS. Replies go through the front end that received the packet. */
export class NatsPeer implements Peer {
  readonly address: NetAddress;
  readonly paced: boolean;
  readonly #link: NatsLink;
  readonly #events: Pick<TransportEvents, "onError" | "onLoss">;
  readonly #reply: string;
  readonly #settle: Settle | null;

  /**
   * @param reply the reply subject; empty if there is none
   * @param settle null if the result isn't needed; otherwise the worker requests packets at its own pace
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
    if (this.#reply === "") return this.#unsent("the packet has no reply subject");
    if (packet.length > this.#link.maxPayload) {
      const what = `The reply has ${packet.length} bytes, but NATS accepts at most ${this.#link.maxPayload}: raise max_payload of nats-server.`;
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
 * The reply subject of a packet; empty if missing or not allowed. A publisher must not make the worker publish to any subjects except those for
 * replies to front ends.
 */
export function replySubject(message: NatsMessage, prefix: string): string {
  const subject = message.header(REPLY_HEADER);
  return subject.startsWith(`${replyPrefix(prefix)}.`) && /^[!-)+-=?-~]{1,1024}$/.test(subject) ? subject : "";
}
