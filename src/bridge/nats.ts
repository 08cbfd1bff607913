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

/** The side of a bridge that receives what is published in NATS. */
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
      // When this resolves, packets arrive.
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
  /** An answer came for the client with this number. */
  onReply(packet: Uint8Array, client: number): void;
  /** Something was published to one of the URL's subjects. */
  readonly onPublished: Take;
  /** NATS took a packet, or it is lost. */
  onSent(error: OscError | null): void;
  onError(error: OscError, client?: NetAddress): void;
}

interface NatsTargetSettings {
  /** The id of the bridge. */
  readonly id: string;
  readonly nats: BridgeNatsOptions;
  readonly unsent: Omit<SendQueueLimits, "overflow">;
}

/** Where a packet comes from. */
interface Sender {
  readonly address: NetAddress;
  readonly route: PacketRoute;
  /** Identifies the client when an answer comes; null if none is wanted. */
  readonly number: number | null;
}

interface Waiting {
  readonly packet: Uint8Array;
  readonly subject: string;
  readonly headers: PacketHeaders;
  /** Called when it has left the queue: with null, or the reason why it is lost. */
  readonly done: (error: OscError | null) => void;
}

/** The default of NATS's own connection after the first one. */
const RECONNECT_DELAY_MS = 1000;

/** A target in NATS: publishes packets, and receives answers and what is published to its subjects. */
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
   * Connects. If no server can be reached, it reports that and tries again after `reconnectDelay`.
   *
   * @throws OscNatsError if trying again would not help
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
   * @param done called once, when the client may send more: at once if NATS is away
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

  /** Publishes what waits, as far as NATS takes it immediately, and disconnects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#pump();
    await this.#link?.close();
    this.#waiting.drop(new OscServerError("OSC_CLOSED", "The bridge was closed before the packet was sent."));
    await this.#retrying;
  }

  /** Tries again after any error: a server that has just been set up may at first refuse those it accepts later. */
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
    // If the connection has broken meanwhile, the link reconnects.
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
      throw optionError(`?subject= must be a NATS subject such as osc.mixer.>; got "${subject}". To choose addresses, use the rule only.`);
    patternToSubject(subject);
  }
  return subjects;
}

/** Connects. The packages of NATS are optional, so they are loaded now. */
async function connectNats({ servers }: NatsUrl, options: BridgeNatsOptions, events: NatsLinkEvents): Promise<NatsLink> {
  const nats = await import("../nats/connection.ts");
  return nats.NatsLink.open({ name: "oscine bridge", ...options, servers }, events);
}

/** How a message's packet came here. */
function routeOf(message: NatsMessage): PacketRoute {
  return { transport: message.header(TRANSPORT_HEADER), via: message.header(VIA_HEADER) };
}

/** Whoever published a packet, or the client of the server that did. Answers also go to the sender of a NATS request. */
function peerOf(message: NatsMessage, link: NatsLink, prefix: string, onError: NatsTargetEvents["onError"]): Peer {
  const inbox = message.reply.startsWith("_INBOX.") ? message.reply : "";
  return new NatsPeer(message, link, { onError }, replySubject(message, prefix) || inbox);
}
