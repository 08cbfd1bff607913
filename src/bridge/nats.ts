import { setTimeout as sleep } from "node:timers/promises";
import { SendQueue, type SendQueueLimits } from "../client/sender.ts";
import type { Reporter } from "../dispatch/index.ts";
import { type OscError, OscNatsError, OscServerError } from "../errors.ts";
import type { NatsLink, NatsLinkEvents, NatsMessage } from "../nats/connection.ts";
import {
  CLIENT_HEADER,
  HEADER_ROOM,
  type PacketHeaders,
  REPLY_HEADER,
  TRANSPORT_HEADER,
  VIA_HEADER,
  clientHeader,
  viaHeader,
} from "../nats/headers.ts";
import { NatsPeer, replySubject } from "../nats/peer.ts";
import { DEFAULT_PREFIX, checkPrefix, packetSubject, patternToSubject, replyPrefix } from "../nats/subject.ts";
import type { NetAddress } from "../net-address.ts";
import { compact } from "../transport/memory-budget.ts";
import type { Peer } from "../transport/transport.ts";
import type { NatsUrl } from "../url/nats-url.ts";
import { optionError } from "../options.ts";
import type { PacketRoute } from "./loop-guard.ts";
import type { BridgeNatsOptions } from "./options.ts";
import type { Source, Take } from "./sockets.ts";

/** The NATS source of a bridge: receives published packets. */
export class NatsSource implements Source {
  readonly clients: ReadonlySet<Peer> = new Set();
  readonly #url: NatsUrl;
  readonly #subjects: readonly string[];
  readonly #options: BridgeNatsOptions;
  readonly #reporter: Reporter;
  readonly #take: Take;
  #link: NatsLink | null = null;

  /** @throws OscServerError `OSC_OPTION` for a bad prefix or subject */
  constructor(url: NatsUrl, options: BridgeNatsOptions, reporter: Reporter, take: Take) {
    const subjects = subjectsOf(url);
    this.#url = url;
    this.#subjects = subjects.length === 0 ? [`${prefixOf(url)}.>`] : subjects;
    this.#options = options;
    this.#reporter = reporter;
    this.#take = take;
  }

  async open(): Promise<NetAddress> {
    const link = await connectNats(this.#url, this.#options, { onError: (error) => this.#reporter.report(error) });
    this.#link = link;
    const prefix = prefixOf(this.#url);
    const onError = (error: OscError, client?: NetAddress): void => this.#reporter.report(error, client);
    for (const subject of this.#subjects) {
      link.subscribe(subject, this.#url.queue, (message) => {
        this.#take(message.data, peerOf(message, link, prefix, onError), routeOf(message));
      });
    }
    try {
      // Once this resolves, the subscriptions are active.
      await link.flush();
    } catch (error) {
      await link.close(0);
      throw error;
    }
    return link.serverAddress;
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }
}

interface NatsTargetEvents {
  /** Called with a reply for the client with this number. */
  onReply(packet: Uint8Array, client: number): void;
  /** Called with each packet published to one of the URL's subjects. */
  readonly onPublished: Take;
  /** Called when NATS accepted a packet, or with the reason for its loss. */
  onSent(error: OscError | null): void;
  onError(error: OscError, client?: NetAddress): void;
}

interface NatsTargetSettings {
  /** The id of the bridge. */
  readonly id: string;
  readonly nats: BridgeNatsOptions;
  readonly unsent: Omit<SendQueueLimits, "overflow">;
}

/** The sender of a packet. */
interface Sender {
  readonly address: NetAddress;
  readonly route: PacketRoute;
  /** Identifies the client for replies; null if replies aren't wanted. */
  readonly number: number | null;
}

interface Waiting {
  readonly packet: Uint8Array;
  readonly subject: string;
  readonly headers: PacketHeaders;
  /** Called when it leaves the queue, with null or the reason for its loss. */
  readonly done: (error: OscError | null) => void;
}

/** Same as the default `reconnectDelay`. */
const RECONNECT_DELAY_MS = 1000;

/** A NATS target: publishes packets, and receives replies and packets published to its subjects. */
export class NatsTarget {
  readonly #url: NatsUrl;
  readonly #prefix: string;
  readonly #subjects: readonly string[];
  readonly #settings: NatsTargetSettings;
  readonly #events: NatsTargetEvents;
  readonly #waiting: SendQueue<Waiting>;
  readonly #closing = new AbortController();
  #link: NatsLink | null = null;
  #retrying: Promise<void> = Promise.resolve();

  /** @throws OscServerError `OSC_OPTION` for a bad prefix or subject */
  constructor(url: NatsUrl, settings: NatsTargetSettings, events: NatsTargetEvents) {
    this.#url = url;
    this.#prefix = prefixOf(url);
    this.#subjects = subjectsOf(url);
    this.#settings = settings;
    this.#events = events;
    this.#waiting = new SendQueue({ ...settings.unsent, overflow: "drop-oldest" }, ({ done }, error) => done(error));
  }

  /**
   * Connects. If no server can be reached, reports it and retries after `reconnectDelay`.
   *
   * @throws OscNatsError if retrying can't help
   */
  async open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      if (!(error instanceof OscNatsError && error.code === "OSC_NATS_UNREACHABLE")) throw error;
      this.#retrying = this.#tryAgain(error);
    }
  }

  /**
   * Publishes a packet.
   *
   * @param done called once, when the client may send more: immediately if NATS is disconnected
   */
  send(packet: Uint8Array, sender: Sender, done: () => void): void {
    const most = (this.#link?.maxPayload ?? Infinity) - HEADER_ROOM;
    if (packet.length > most) {
      const message = `A packet of ${packet.length} bytes was not published because NATS takes at most ${most}: raise max_payload of nats-server.`;
      this.#events.onSent(new OscNatsError("OSC_NATS_FAILED", message, this.#link?.server ?? ""));
      return done();
    }
    const isHere = this.#link?.isConnected === true;
    this.#waiting.push({
      packet: isHere ? packet : compact(packet),
      subject: packetSubject(packet, this.#prefix),
      headers: this.#headersOf(sender),
      done: (error) => {
        if (error !== null) this.#events.onSent(error);
        if (isHere) done();
      },
    });
    if (!isHere) done();
    this.#pump();
  }

  /** Publishes queued packets as far as NATS accepts them immediately, and disconnects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#pump();
    await this.#link?.close();
    this.#waiting.drop(new OscServerError("OSC_CLOSED", "The bridge was closed before the packet was sent."));
    await this.#retrying;
  }

  /** Retries after any error: a server that is still starting up may reject clients that it accepts later. */
  async #tryAgain(first: OscError): Promise<void> {
    const { signal } = this.#closing;
    let failure = first;
    const { reconnectDelay = RECONNECT_DELAY_MS } = this.#settings.nats;
    for (;;) {
      this.#events.onError(failure);
      await sleep(reconnectDelay, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        return await this.#connect();
      } catch (error) {
        failure = error as OscError;
      }
    }
  }

  async #connect(): Promise<void> {
    const { nats, id } = this.#settings;
    const link = await connectNats(this.#url, nats, {
      onError: (error) => this.#events.onError(error),
      onConnected: () => this.#pump(),
      onRoom: () => this.#pump(),
    });
    if (this.#closing.signal.aborted) return link.close(0);
    this.#link = link;
    link.subscribe(`${replyPrefix(this.#prefix)}.${id}.p.*`, null, ({ subject, data }) => this.#events.onReply(data, numberIn(subject)));
    for (const subject of this.#subjects) link.subscribe(subject, this.#url.queue, (message) => this.#published(message, link));
    // If the connection broke meanwhile, the link reconnects.
    await link.flush().catch(() => undefined);
    this.#pump();
  }

  #published(message: NatsMessage, link: NatsLink): void {
    const onError = (error: OscError, client?: NetAddress): void => this.#events.onError(error, client);
    this.#events.onPublished(message.data, peerOf(message, link, this.#prefix, onError), routeOf(message));
  }

  #headersOf({ address, route, number }: Sender): PacketHeaders {
    const { id } = this.#settings;
    return {
      [CLIENT_HEADER]: clientHeader(address),
      [TRANSPORT_HEADER]: route.transport,
      [VIA_HEADER]: viaHeader(route.via, id),
      ...(number === null ? {} : { [REPLY_HEADER]: `${replyPrefix(this.#prefix)}.${id}.p.${number}` }),
    };
  }

  #pump(): void {
    const link = this.#link;
    if (link === null) return;
    for (let next = this.#waiting.first; next !== undefined && link.hasRoom(next.packet.length); next = this.#waiting.first) {
      const { packet, subject, headers, done } = next;
      this.#waiting.shift();
      const isPublished = link.publish(subject, packet, headers, "", (ok) => this.#events.onSent(ok ? null : lost(link.server)));
      done(isPublished ? null : lost(link.server));
    }
  }
}

function numberIn(subject: string): number {
  return Number(subject.slice(subject.lastIndexOf(".") + 1));
}

function lost(server: string): OscNatsError {
  return new OscNatsError(
    "OSC_NATS_DISCONNECTED",
    `A packet may be lost because the connection to NATS at ${server} broke while it was in flight.`,
    server,
  );
}

/** The prefix of a URL. Throws `OSC_OPTION` if it is invalid. */
function prefixOf({ prefix }: NatsUrl): string {
  return checkPrefix(prefix ?? DEFAULT_PREFIX);
}

/** The subjects of a URL. Throws `OSC_OPTION` if one is invalid. */
function subjectsOf({ subjects }: NatsUrl): readonly string[] {
  for (const subject of subjects) {
    if (subject.startsWith("/"))
      throw optionError(
        `?subject= must be a NATS subject such as osc.mixer.>; got "${subject}". To select addresses, use the "only" rule.`,
      );
    patternToSubject(subject);
  }
  return subjects;
}

/** Connects. Loads the optional NATS packages on demand. */
async function connectNats({ servers }: NatsUrl, options: BridgeNatsOptions, events: NatsLinkEvents): Promise<NatsLink> {
  const nats = await import("../nats/connection.ts");
  return nats.NatsLink.open({ name: "oscine bridge", ...options, servers }, events);
}

/** The route of a message's packet. */
function routeOf(message: NatsMessage): PacketRoute {
  return { transport: message.header(TRANSPORT_HEADER), via: message.header(VIA_HEADER) };
}

/** The publisher of a packet, or the client of the publishing server. Also supports replies to NATS requests. */
function peerOf(message: NatsMessage, link: NatsLink, prefix: string, onError: NatsTargetEvents["onError"]): Peer {
  const inbox = message.reply.startsWith("_INBOX.") ? message.reply : "";
  return new NatsPeer(message, link, { onError }, replySubject(message, prefix) || inbox);
}
