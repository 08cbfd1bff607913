import { randomBytes } from "node:crypto";
import { OscDroppedError, OscNatsError, OscRejectedError } from "../errors.ts";
import { formatAddress } from "../net-address.ts";
import { dropped, rejected } from "../packet-result.ts";
import { type Executor, type ExecutorContext, type ExecutorFactory, type Packet, withinTime } from "../server/executor.ts";
import { FairQueue } from "../server/fair-queue.ts";
import type { Peer } from "../transport/transport.ts";
import { NatsLink, type NatsMessage } from "./connection.ts";
import {
  AS_OF_HEADER,
  CLIENT_HEADER,
  HEADER_ROOM,
  type PacketHeaders,
  REPLY_HEADER,
  TRANSPORT_HEADER,
  VIA_HEADER,
  clientHeader,
} from "./headers.ts";
import { type ExecutorSettings, type NatsExecutorOptions, executorSettings } from "./options.ts";
import { CorePublisher, type Outgoing, type Publisher, StreamPublisher } from "./publisher.ts";
import { WorkStream } from "./streams.ts";
import { packetSubject, replyPrefix } from "./subject.ts";

/** `close()` waits at least this long for replies that NATS has already sent. */
const LEAST_GRACE_MS = 100;

/**
 * The front end's side of handlers on other machines: publishes each packet unchanged for the workers of `serveNats`, and gives their replies
 * to the client that sent it. It makes a front end of any async server; admission, limits and time tags stay that server's.
 *
 * ```ts
 * const server = new AsyncOSCUDPServer(["0.0.0.0", 9000], new Dispatcher(), {
 *   executor: NatsExecutor.for({ servers: "nats://127.0.0.1:4222" }),
 * });
 * ```
 *
 * The server connects when it begins to serve, and `createServeEndpoint()` rejects with an `OscNatsError` if that fails. While NATS is away or
 * slow, packets wait within `maxQueue` and `maxQueueBytes`; beyond that the server drops them as `overflow` says, and stops reading from
 * stream clients. It counts a packet as `handled` when NATS has confirmed it: at-most-once, published while a worker listened; at-least-once,
 * kept by the stream.
 */
export class NatsExecutor implements Executor {
  readonly #settings: ExecutorSettings;
  readonly #context: ExecutorContext;
  readonly #queue: FairQueue;
  readonly #clients: FrontClients;
  readonly #id: string;
  #link: NatsLink | null = null;
  #publisher: Publisher | null = null;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  /** Made by {@link NatsExecutor.for}. */
  private constructor(settings: ExecutorSettings, context: ExecutorContext) {
    this.#settings = settings;
    this.#context = context;
    this.#id = settings.id ?? randomBytes(6).toString("hex");
    this.#clients = new FrontClients(settings.maxClients);
    this.#queue = new FairQueue(context.limits, (packet, error) => context.events.end(packet, dropped(error)));
  }

  /**
   * What the option `executor` of an async server takes.
   *
   * @throws OscServerError `OSC_OPTION` if an option has a bad value
   */
  static for(options: NatsExecutorOptions = {}): ExecutorFactory {
    const settings = executorSettings(options);
    return (context) => new NatsExecutor(settings, context);
  }

  /** Connects. Called by the server. */
  async prepare(): Promise<void> {
    const { connection, prefix, onConnection } = this.#settings;
    const { events } = this.#context;
    const link = await NatsLink.connect(connection, {
      onError: (error) => events.report(error),
      onConnected: (server) => {
        this.#publisher?.connectionChanged?.(true);
        onConnection?.(server);
      },
      onDisconnected: () => {
        this.#publisher?.connectionChanged?.(false);
        onConnection?.(null);
      },
      onRoom: () => this.#pump(),
    });
    this.#link = link;
    link.subscribe(`${replyPrefix(prefix)}.${this.#id}.*.*`, null, (message) => this.#onMessage(message));
    try {
      this.#publisher = await this.#createPublisher(link);
      await link.flush();
    } catch (error) {
      await link.close(0);
      throw error;
    }
    this.#pump();
  }

  /** Takes a packet from the server. */
  execute(packet: Packet): void {
    const { events } = this.#context;
    if (this.#closing) {
      events.end(packet, dropped(closing()));
      return;
    }
    const refusal = this.#context.verify(packet) ?? this.#tooLarge(packet);
    if (refusal !== null) {
      const explain = (): OscRejectedError => refusal;
      events.end(packet, rejected(refusal.reason, explain));
      return;
    }
    this.#queue.push(packet);
    this.#pump();
  }

  /** Publishes what waits, within the grace period, and disconnects. Called by the server. */
  async close(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    if (this.#link?.isConnected === true) await this.#emptied(graceMs);
    this.#closing = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      this.#context.events.end(packet, dropped(closing()));
    }
    await this.#link?.close(Math.max(LEAST_GRACE_MS, until - performance.now()));
    this.#publisher?.close();
  }

  async #createPublisher(link: NatsLink): Promise<Publisher> {
    const { delivery, prefix, maxInFlight, connection } = this.#settings;
    const { events } = this.#context;
    if (delivery === "at-most-once") {
      return new CorePublisher(link, events, (number) => `${replyPrefix(prefix)}.${this.#id}.a.${number}`);
    }
    const stream = new WorkStream(link, this.#settings);
    await stream.ensure();
    return new StreamPublisher(link, await stream.client(), events, {
      maxInFlight,
      maxBytes: connection.maxUnconfirmedBytes,
      // A server that serves again counts from 0 again, and the stream must not take its packets for the old ones.
      id: `${this.#id}-${randomBytes(4).toString("hex")}`,
      onRoom: () => this.#pump(),
      restore: () => void stream.ensure().catch(() => undefined),
    });
  }

  #onMessage(message: NatsMessage): void {
    const [kind, token = ""] = message.subject.split(".").slice(-2);
    if (kind === "a") {
      this.#publisher?.answered?.(Number(token), message);
      return;
    }
    const client = this.#clients.withToken(token);
    const { events } = this.#context;
    if (client !== undefined) {
      events.reply(client, message.data);
      return;
    }
    const text = "A worker's reply was dropped because its client is gone, or because more than maxClients have sent since.";
    events.report(new OscNatsError("OSC_NATS_NO_CLIENT", text, this.#link?.server ?? ""));
  }

  /** Publishes what waits, as much as there is room for. */
  #pump(): void {
    const publisher = this.#publisher;
    if (publisher === null) return;
    for (let packet = this.#queue.first; packet !== undefined; packet = this.#queue.first) {
      if (!publisher.hasRoom(packet.data.length) || !publisher.offer(this.#outgoing(packet))) break;
      this.#queue.shift();
    }
    if (this.#queue.size === 0 && publisher.size === 0) this.#onEmpty?.();
  }

  #outgoing(packet: Packet): Outgoing {
    const { prefix, partitions } = this.#settings;
    const { peer } = packet;
    const client = this.#clients.of(peer);
    const headers: PacketHeaders = {
      [CLIENT_HEADER]: clientHeader(peer.address),
      [TRANSPORT_HEADER]: this.#context.transport,
      [REPLY_HEADER]: `${replyPrefix(prefix)}.${this.#id}.p.${client.token}`,
      [VIA_HEADER]: this.#id,
      ...(packet.asOf === Infinity ? {} : { [AS_OF_HEADER]: String(packet.asOf) }),
    };
    const key = typeof peer.key === "string" ? formatAddress(peer.address) : client.token;
    const partition = partitions === null ? null : hashOf(key) % partitions;
    return { packet, subject: packetSubject(packet.data, prefix, partition), headers };
  }

  #tooLarge({ data }: Packet): OscRejectedError | null {
    const most = (this.#link?.maxPayload ?? Infinity) - HEADER_ROOM;
    if (data.length <= most) return null;
    const text = `The packet has ${data.length} bytes, and NATS takes at most ${most}: raise max_payload of nats-server.`;
    return new OscRejectedError("too-large", text);
  }

  async #emptied(ms: number): Promise<void> {
    if (this.#queue.size === 0 && (this.#publisher?.size ?? 0) === 0) return;
    await withinTime(ms, (done) => (this.#onEmpty = done));
  }
}

const NO_BYTES = new Uint8Array(0);

/** A client that packets came from. Replies belong to it and not to one of its packets, so it stands for them as a packet without bytes. */
class FrontClient implements Packet {
  /** Part of the subject for its replies. */
  readonly token: string;
  readonly data = NO_BYTES;
  readonly asOf = Infinity;
  readonly fresh = false;
  peer: Peer;

  constructor(token: string, peer: Peer) {
    this.token = token;
    this.peer = peer;
  }
}

/** The clients of a front end that may still get replies. Beyond the limit the one that has been silent for longest is forgotten. */
class FrontClients {
  readonly #max: number;
  readonly #byKey = new Map<string | object, FrontClient>();
  readonly #byToken = new Map<string, FrontClient>();
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The client that a packet came from. */
  of(peer: Peer): FrontClient {
    const { key } = peer;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.peer = peer;
      // The first entry is always the one that has been silent for longest.
      this.#byKey.delete(key);
      this.#byKey.set(key, known);
      return known;
    }
    const client = new FrontClient(String(this.#next++), peer);
    this.#byKey.set(key, client);
    this.#byToken.set(client.token, client);
    void peer.closed?.then(() => this.#forget(key));
    const [oldest] = this.#byKey.size > this.#max ? this.#byKey.keys() : [];
    if (oldest !== undefined) this.#forget(oldest);
    return client;
  }

  withToken(token: string): FrontClient | undefined {
    return this.#byToken.get(token);
  }

  #forget(key: string | object): void {
    const client = this.#byKey.get(key);
    if (client === undefined) return;
    this.#byKey.delete(key);
    this.#byToken.delete(client.token);
  }
}

/** FNV-1a: the same on every machine, so that a client's partition stays the same. */
function hashOf(client: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < client.length; index++) hash = Math.imul(hash ^ client.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

function closing(): OscDroppedError {
  return new OscDroppedError("close", "A packet that waited for NATS was dropped because the server closed.");
}
