import type { NetAddress } from "../net-address.ts";
import type { NatsLink, NatsLinkEvents } from "../nats/connection.ts";
import type { NatsMessage } from "../nats/connection.ts";
import { CLIENT_HEADER, REPLY_HEADER, TRANSPORT_HEADER, VIA_HEADER, clientOf } from "../nats/headers.ts";
import { DEFAULT_PREFIX, checkPrefix, patternToSubject, replyPrefix } from "../nats/subject.ts";
import { OscNatsError } from "../errors.ts";
import { formatAddress } from "../net-address.ts";
import type { Peer } from "../transport/transport.ts";
import type { NatsUrl } from "../url/nats-url.ts";
import { urlError } from "../url/url-error.ts";
import type { BridgeNatsOptions } from "./nats-options.ts";
import type { Passage } from "./passage.ts";

/** The prefix of a URL. Throws `OSC_OPTION` where it cannot be one. */
export function prefixOf({ prefix }: NatsUrl): string {
  return checkPrefix(prefix ?? DEFAULT_PREFIX);
}

/** What is listened to where the URL names subjects. Throws `OSC_OPTION` for one that cannot be. */
export function subjectsOf({ subjects }: NatsUrl): readonly string[] {
  for (const subject of subjects) {
    if (subject.startsWith("/"))
      throw urlError(`?subject= takes a subject of NATS such as osc.mixer.>, not ${subject}: for addresses there is the rule only.`);
    patternToSubject(subject);
  }
  return subjects;
}

/** Connects. The packages of NATS are loaded now, and not before anyone asks for them. */
export async function connectNats({ servers }: NatsUrl, options: BridgeNatsOptions, events: NatsLinkEvents): Promise<NatsLink> {
  const nats = await import("../nats/connection.ts");
  return nats.NatsLink.open({ name: "oscine bridge", ...options, servers }, events);
}

/** The server that a link is connected to. */
export function serverAddress({ server }: NatsLink): NetAddress {
  const { hostname, port } = new URL(`nats://${server}`);
  const address = hostname.replaceAll(/^\[|\]$/g, "");
  return { address, port: Number(port), family: address.includes(":") ? "IPv6" : "IPv4" };
}

/** What a message says of the way that its packet came. */
export function passageOf(message: NatsMessage): Passage {
  return { transport: message.header(TRANSPORT_HEADER), via: message.header(VIA_HEADER) };
}

/** What the peers of one place in NATS have in common. */
export interface NatsPeers {
  readonly link: NatsLink;
  readonly prefix: string;
  onLost(error: OscNatsError, client: NetAddress): void;
}

/** Whoever published a packet, or the client of the front end that did. */
export class NatsPeer implements Peer {
  readonly address: NetAddress;
  readonly paced = false;
  readonly #peers: NatsPeers;
  readonly #reply: string;

  constructor(message: NatsMessage, peers: NatsPeers) {
    this.address = clientOf(message.header(CLIENT_HEADER));
    this.#peers = peers;
    this.#reply = replySubject(message, peers.prefix);
  }

  get key(): string {
    return this.#reply === "" ? formatAddress(this.address) : this.#reply;
  }

  send(packet: Uint8Array): void {
    const { link } = this.#peers;
    if (this.#reply === "") return this.#lost("whoever published its packet named no subject for replies");
    const isPublished = link.publish(this.#reply, packet, {}, "", (ok) => {
      if (!ok) this.#lost("the connection broke");
    });
    if (!isPublished) this.#lost(link.isConnected ? "too much is on its way (maxUnconfirmedBytes)" : "there is no connection");
  }

  settled(): void {}

  #lost(why: string): void {
    const { link } = this.#peers;
    const message = `An answer was lost on its way back to NATS: ${why}.`;
    this.#peers.onLost(new OscNatsError("OSC_NATS_NO_CLIENT", message, link.server), this.address);
  }
}

/** Where answers go: to front ends and bridges, or to those who wait for the answer to a request. Nobody can have others publish elsewhere in their place. */
function replySubject(message: NatsMessage, prefix: string): string {
  const wanted = message.header(REPLY_HEADER);
  if (wanted.startsWith(`${replyPrefix(prefix)}.`) && !/[\s*>]/.test(wanted)) return wanted;
  return message.reply.startsWith("_INBOX.") ? message.reply : "";
}
