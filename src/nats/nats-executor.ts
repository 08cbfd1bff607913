import { randomBytes } from "node:crypto";
import { dropped, rejected } from "../packet-result.ts";
import { OscDroppedError, OscNatsError, OscRejectedError } from "../errors.ts";
import { formatAddress } from "../net-address.ts";
import { positive } from "../server/options.ts";
import type { Executor, ExecutorContext, ExecutorFactory, Packet } from "../server/executor.ts";
import { PacketQueue, QueueBound } from "../server/packet-queue.ts";
import { CoreOutlet } from "./core-outlet.ts";
import { type DeliverySettings, type NatsDeliveryOptions, checkName, deliverySettings } from "./delivery-options.ts";
import { FrontClients } from "./front-clients.ts";
import { NatsLink } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";
import type { Outgoing, Outlet } from "./outlet.ts";
import {
  AS_OF_HEADER,
  CLIENT_HEADER,
  type PacketHeaders,
  REPLY_HEADER,
  TRANSPORT_HEADER,
  VIA_HEADER,
  clientHeader,
} from "./packet-headers.ts";
import { StreamOutlet } from "./stream-outlet.ts";
import { packetSubject, replyPrefix } from "./subject.ts";
import { WorkStream } from "./work-stream.ts";

/** Options of {@link NatsExecutor}. */
export interface NatsExecutorOptions extends NatsDeliveryOptions {
  /** What tells this front end from others: letters, digits, `-` and `_`. Default: made up anew each time that the server begins to serve. */
  readonly id?: string;
  /**
   * With `"at-least-once"`: how many packets may be on their way to the stream, not confirmed yet; the others wait in the server's queue. Default 4,096.
   * With `"at-most-once"` `maxUnconfirmed` is that bound.
   */
  readonly maxInFlight?: number;
  /** How many clients are remembered, so that replies find them; the one that has been silent for longest is forgotten first. Default 16,384. */
  readonly maxClients?: number;
  /** Called when the connection stands, with the server as `host:port`, or has broken, with null. */
  readonly onConnection?: (server: string | null) => void;
}

/** Room for our headers beside a packet. */
const HEADER_ROOM = 1024;

/**
 * The front end's side of handlers on other machines: publishes each packet, byte for byte as it came, for the workers of {@link serveNats}, and gives
 * their replies to the client that sent it. Any async server becomes a front end by it; admission, limits and time tags are that server's, as ever.
 *
 * ```ts
 * const server = new AsyncOSCUDPServer(["0.0.0.0", 9000], new Dispatcher(), {
 *   executor: NatsExecutor.for({ servers: "nats://127.0.0.1:4222" }),
 * });
 * ```
 *
 * The server connects when it begins to serve, and `createServeEndpoint()` rejects with an `OscNatsError` where that is not possible. While NATS is away or
 * slow, packets wait within `maxQueue` and `maxQueueBytes`; beyond that they are dropped as `overflow` says, and stream clients are held up. What the server
 * counts as `handled` is what NATS has confirmed: at-most-once, published while a worker listened; at-least-once, kept by the stream.
 */
export class NatsExecutor implements Executor {
  readonly #settings: DeliverySettings;
  readonly #options: NatsExecutorOptions;
  readonly #context: ExecutorContext;
  readonly #queue: PacketQueue;
  readonly #clients: FrontClients;
  readonly #id: string;
  #link: NatsLink | null = null;
  #outlet: Outlet | null = null;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  /** Made by {@link NatsExecutor.for}. */
  private constructor(settings: DeliverySettings, options: NatsExecutorOptions, context: ExecutorContext) {
    this.#settings = settings;
    this.#options = options;
    this.#context = context;
    this.#id = options.id ?? randomBytes(6).toString("hex");
    this.#clients = new FrontClients(positive("maxClients", options.maxClients, 16_384));
    this.#queue = new PacketQueue(new QueueBound(context.limits), (packet, error) => context.events.end(packet, dropped(error)));
  }

  /**
   * What the option `executor` of an async server takes.
   *
   * @throws OscServerError `OSC_OPTION` where an option has no such value
   */
  static for(options: NatsExecutorOptions = {}): ExecutorFactory {
    const settings = deliverySettings(options);
    if (options.id !== undefined) checkName("id", options.id);
    positive("maxInFlight", options.maxInFlight, 1);
    positive("maxClients", options.maxClients, 1);
    return (context) => new NatsExecutor(settings, options, context);
  }

  /** Connects. Called by the server. */
  async prepare(): Promise<void> {
    const { events } = this.#context;
    const link = await NatsLink.open(this.#settings.connection, {
      onError: (error) => events.report(error),
      onConnected: (server) => {
        this.#outlet?.reconnected();
        this.#options.onConnection?.(server);
      },
      onDisconnected: () => this.#options.onConnection?.(null),
      onRoom: () => this.#pump(),
    });
    this.#link = link;
    const { prefix } = this.#settings;
    link.subscribe(`${replyPrefix(prefix)}.${this.#id}.*.*`, null, (message) => this.#onMessage(message));
    try {
      this.#outlet = await this.#openOutlet(link);
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
    if (this.#closing) return events.end(packet, dropped(closing()));
    const refusal = this.#context.verify(packet) ?? this.#tooLarge(packet);
    if (refusal !== null) {
      return events.end(
        packet,
        rejected(refusal.reason, () => refusal),
      );
    }
    this.#queue.push(packet);
    this.#pump();
  }

  /** Publishes what waits, for as long as `graceMs`, and disconnects. Called by the server. */
  async close(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    if (this.#link?.isConnected === true) await this.#emptied(graceMs);
    this.#closing = true;
    // What does not become empty within the grace is dropped here.
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift())
      this.#context.events.end(packet, dropped(closing()));
    // Replies that NATS has already sent still come before its answer to this.
    await this.#link?.close(Math.max(100, until - performance.now()));
    this.#outlet?.close();
  }

  async #openOutlet(link: NatsLink): Promise<Outlet> {
    const { events } = this.#context;
    const answerSubject = (number: number): string => `${replyPrefix(this.#settings.prefix)}.${this.#id}.a.${number}`;
    if (this.#settings.delivery === "at-most-once") return new CoreOutlet(link, events, answerSubject);
    const stream = new WorkStream(link, this.#settings);
    await stream.ensure();
    const { maxInFlight = 4096 } = this.#options;
    // A server that serves again has other numbers, and a stream must not take them for the old ones.
    const id = `${this.#id}-${randomBytes(4).toString("hex")}`;
    return new StreamOutlet(link, events, { maxInFlight, id, answerSubject, onRoom: () => this.#pump(), restore: () => stream.ensure() });
  }

  #onMessage(message: NatsMessage): void {
    const [kind, token = ""] = message.subject.split(".").slice(-2);
    if (kind === "a") return this.#outlet?.answered(Number(token), message);
    const client = this.#clients.withToken(token);
    const { events } = this.#context;
    if (client !== undefined) return events.reply(client.origin, message.data);
    events.report(
      new OscNatsError(
        "OSC_NATS_NO_CLIENT",
        "A worker's reply was thrown away, for its client is gone, or more than maxClients have sent since.",
        this.#link?.server ?? "",
      ),
    );
  }

  /** Publishes what waits, as far as there is room. */
  #pump(): void {
    const outlet = this.#outlet;
    if (outlet === null) return;
    for (let packet = this.#queue.first; packet !== undefined; packet = this.#queue.first) {
      if (!outlet.hasRoom(packet.data.length) || !outlet.offer(this.#outgoing(packet))) break;
      this.#queue.shift();
    }
    if (this.#queue.size === 0 && outlet.size === 0) this.#onEmpty?.();
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
    const partition =
      partitions === null ? null : partitionOfClient(typeof peer.key === "string" ? formatAddress(peer.address) : client.token, partitions);
    return { packet, subject: packetSubject(packet.data, prefix, partition), headers };
  }

  #tooLarge({ data }: Packet): OscRejectedError | null {
    const most = (this.#link?.maxPayload ?? Infinity) - HEADER_ROOM;
    if (data.length <= most) return null;
    return new OscRejectedError(
      "too-large",
      `The packet has ${data.length} bytes, and NATS takes ${most} at most: raise max_payload of nats-server.`,
    );
  }

  async #emptied(ms: number): Promise<void> {
    if (this.#queue.size === 0 && (this.#outlet?.size ?? 0) === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** FNV-1a, the same everywhere and always. */
function partitionOfClient(client: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < client.length; index++) hash = Math.imul(hash ^ client.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % partitions;
}

function closing(): OscDroppedError {
  return new OscDroppedError("close", "A packet that waited for NATS was dropped, for the server closed.");
}
