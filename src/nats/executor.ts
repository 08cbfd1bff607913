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

/** Minimum time that `close()` waits for replies that NATS has already sent. */
const LEAST_GRACE_MS = 100;

/**
 * Turns any async server into a front end: publishes each packet unchanged for the workers of `serveNats`, and forwards their replies to the client that
 * sent it. Admission, limits and time tags still work as in that server.
 *
 * ```ts
 * const server = new AsyncOSCUDPServer(["0.0.0.0", 9000], new Dispatcher(), {
 *   executor: NatsExecutor.for({ servers: "nats://127.0.0.1:4222" }),
 * });
 * ```
 *
 * The server connects when it starts serving, and `createServeEndpoint()` rejects with an `OscNatsError` if that fails. While NATS is unavailable or
 * slow, packets are queued up to `maxQueue` and `maxQueueBytes`. Beyond that, the server drops packets according to `overflow` and stops reading from
 * stream clients. A packet counts as `handled` once NATS has confirmed it: at-most-once, published while a worker was listening; at-least-once,
 * stored by the stream.
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

  /** Use {@link NatsExecutor.for}. */
  private constructor(settings: ExecutorSettings, context: ExecutorContext) {
    this.#settings = settings;
    this.#context = context;
    this.#id = settings.id ?? randomBytes(6).toString("hex");
    this.#clients = new FrontClients(settings.maxClients);
    this.#queue = new FairQueue(context.limits, (packet, error) => context.events.end(packet, dropped(error)));
  }

  /**
   * Creates a value for the `executor` option of an async server.
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

  /** Publishes a packet from the server. */
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

  /** Publishes queued packets within the grace period and disconnects. Called by the server. */
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
      // A restarted server numbers packets from 0 again, and the stream must not treat them as duplicates.
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
    const text = "A worker's reply was dropped because its client is gone or more than maxClients others have sent since.";
    events.report(new OscNatsError("OSC_NATS_NO_CLIENT", text, this.#link?.server ?? ""));
  }

  /** Publishes queued packets while there is room. */
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
    const text = `The packet has ${data.length} bytes, but NATS accepts at most ${most}: raise max_payload of nats-server.`;
    return new OscRejectedError("too-large", text);
  }

  async #emptied(ms: number): Promise<void> {
    if (this.#queue.size === 0 && (this.#publisher?.size ?? 0) === 0) return;
    await withinTime(ms, (done) => (this.#onEmpty = done));
  }
}

const NO_BYTES = new Uint8Array(0);

/** A client of the front end. Replies belong to a client, not to one packet, so it represents them as a packet without bytes. */
class FrontClient implements Packet {
  /** Part of its reply subject. */
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

/** The clients of a front end that may still receive replies. Beyond the limit, the one idle longest is forgotten. */
class FrontClients {
  readonly #max: number;
  readonly #byKey = new Map<string | object, FrontClient>();
  readonly #byToken = new Map<string, FrontClient>();
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Gets or creates the client for a peer. */
  of(peer: Peer): FrontClient {
    const { key } = peer;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.peer = peer;
      // Keeps the map ordered by last activity, the longest idle first.
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

/** FNV-1a. Identical on every machine, so a client always maps to the same partition. */
function hashOf(client: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < client.length; index++) hash = Math.imul(hash ^ client.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

function closing(): OscDroppedError {
  return new OscDroppedError("close", "A packet queued for NATS was dropped because the server closed.");
}
