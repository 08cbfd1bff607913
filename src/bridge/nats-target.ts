import { setTimeout as sleep } from "node:timers/promises";
import { SendQueue, type SendQueueLimits } from "../client/send-queue.ts";
import { type OscError, OscNatsError, OscServerError } from "../errors.ts";
import type { NatsLink } from "../nats/connection.ts";
import type { NatsMessage } from "../nats/connection.ts";
import { CLIENT_HEADER, type PacketHeaders, REPLY_HEADER, TRANSPORT_HEADER, VIA_HEADER, clientHeader, viaHeader } from "../nats/headers.ts";
import { packetSubject, replyPrefix } from "../nats/subject.ts";
import type { NetAddress } from "../net-address.ts";
import type { NatsUrl } from "../url/nats-url.ts";
import { NatsPeer, connectNats, passageOf, prefixOf, subjectsOf } from "./nats-connection.ts";
import type { BridgeNatsOptions } from "./nats-options.ts";
import type { Passage, Take } from "./passage.ts";

export interface NatsTargetEvents {
  /** An answer came for the client with that number. */
  onReply(packet: Uint8Array, client: number): void;
  /** Something was published to one of the URL's subjects. */
  readonly onPublished: Take;
  /** A packet was taken by NATS, or is lost. */
  onSent(error: OscError | null): void;
  onError(error: OscError, client?: NetAddress): void;
}

export interface NatsTargetSettings {
  /** Tells this bridge from others. */
  readonly id: string;
  readonly nats: BridgeNatsOptions;
  readonly unsent: Omit<SendQueueLimits, "overflow">;
}

/** Where a packet comes from. */
export interface Sender {
  readonly address: NetAddress;
  readonly passage: Passage;
  /** What the client is known by when an answer comes; null where none is wanted. */
  readonly number: number | null;
}

interface Waiting {
  readonly packet: Uint8Array;
  readonly subject: string;
  readonly headers: PacketHeaders;
  /** Called when it has left the queue: with why it is lost, or null. */
  readonly done: (error: OscError | null) => void;
}

/** The default of NATS's own connection, once it has stood. */
const RECONNECT_DELAY_MS = 1000;
/** Room for our headers beside a packet. */
const HEADER_ROOM = 1024;

/** A target of a bridge that is a place in NATS: packets are published, answers come back, and what is published to its subjects. */
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

  /** @throws OscServerError `OSC_OPTION` for a prefix or a subject that cannot be */
  constructor(url: NatsUrl, settings: NatsTargetSettings, events: NatsTargetEvents) {
    this.#url = url;
    this.#prefix = prefixOf(url);
    this.#subjects = subjectsOf(url);
    this.#settings = settings;
    this.#events = events;
    this.#waiting = new SendQueue({ ...settings.unsent, overflow: "drop-oldest" }, ({ done }, error) => done(error));
  }

  /**
   * Connects. Where no server can be reached that is reported, and tried again after `reconnectDelay`.
   *
   * @throws OscNatsError for what trying again does not mend
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
   * @param done called once, when the client may send more: at once where NATS is away
   */
  send(packet: Uint8Array, sender: Sender, done: () => void): void {
    const most = (this.#link?.maxPayload ?? Infinity) - HEADER_ROOM;
    if (packet.length > most) {
      const message = `A packet of ${packet.length} bytes was not published, for NATS takes ${most}: raise max_payload of nats-server.`;
      this.#events.onSent(new OscNatsError("OSC_NATS_FAILED", message, this.#link?.server ?? ""));
      return done();
    }
    const isHere = this.#link?.isConnected === true;
    this.#waiting.push({
      packet,
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

  /** Publishes what waits, as far as NATS takes it at once, and disconnects. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#pump();
    await this.#link?.close();
    this.#waiting.drop(new OscServerError("OSC_CLOSED", "The bridge was closed before the packet was on its way."));
    await this.#retrying;
  }

  /** Also what is no lack of a server: one that is set up anew may refuse for a while whom it lets in later. */
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
    // Where the connection has broken meanwhile, the link makes it again.
    await link.flush().catch(() => undefined);
    this.#pump();
  }

  #published(message: NatsMessage, link: NatsLink): void {
    const onLost = (error: OscError, client: NetAddress): void => this.#events.onError(error, client);
    this.#events.onPublished(message.data, new NatsPeer(message, { link, prefix: this.#prefix, onLost }), passageOf(message));
  }

  #headersOf({ address, passage, number }: Sender): PacketHeaders {
    const { id } = this.#settings;
    return {
      [CLIENT_HEADER]: clientHeader(address),
      [TRANSPORT_HEADER]: passage.transport,
      [VIA_HEADER]: viaHeader(passage.via, id),
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
    `A packet may be lost, for the connection to NATS at ${server} broke while it was on its way.`,
    server,
  );
}
