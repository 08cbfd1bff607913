/** The transport of a worker: receives packets from NATS and publishes replies. Also loaded by a server's I/O thread. */
import type { NetAddress } from "../net-address.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { NatsLink, type NatsListener, type NatsMessage } from "./connection.ts";
import { AS_OF_HEADER, asOfOf } from "./headers.ts";
import type { WorkerSettings } from "./options.ts";
import { NatsPeer, type Settle, replySubject } from "./peer.ts";
import { StreamConsumer } from "./stream-consumer.ts";
import { partitionPrefix } from "./subject.ts";

export class NatsTransport implements Transport {
  readonly #settings: WorkerSettings;
  readonly #events: TransportEvents;
  #link: NatsLink | null = null;
  #listeners: readonly NatsListener[] = [];
  #stream: StreamConsumer | null = null;

  constructor(settings: WorkerSettings, events: TransportEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const link = await NatsLink.connect(this.#settings.connection, {
      onError: (error) => this.#events.onError(error),
      onConnected: () => this.#stream?.reconnected(),
    });
    this.#link = link;
    try {
      await this.#consume(link);
      // Once this resolves, the subscriptions are active.
      await link.flush();
    } catch (error) {
      this.#stream?.close();
      await link.close(0);
      throw error;
    }
    return link.serverAddress;
  }

  async drain(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain().catch(() => undefined)));
    await this.#stream?.drain();
  }

  async close(): Promise<void> {
    this.#stream?.close();
    await this.#link?.close();
  }

  async #consume(link: NatsLink): Promise<void> {
    const { prefix, delivery, queue } = this.#settings;
    const receive = (message: NatsMessage, settle: Settle | null): void => {
      const peer = new NatsPeer(message, link, this.#events, replySubject(message, prefix), settle);
      this.#events.onPacket(message.data, peer, asOfOf(message.header(AS_OF_HEADER)));
    };
    if (delivery === "at-least-once") {
      this.#stream = new StreamConsumer(link, this.#settings, this.#events, receive);
      await this.#stream.open();
    } else {
      this.#listeners = this.#subjects().map((subject) => link.subscribe(subject, queue, (message) => receive(message, null)));
    }
  }

  /** The subjects of an at-most-once worker. */
  #subjects(): readonly string[] {
    const { prefix, partitions, share } = this.#settings;
    if (partitions === null) return [`${prefix}.>`];
    const [index, of] = share;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    return all.filter((partition) => partition % of === index).map((partition) => `${partitionPrefix(partition, prefix)}>`);
  }
}

/** Called by a server's I/O thread. */
export function createTransport(settings: unknown, events: TransportEvents): Transport {
  return new NatsTransport(settings as WorkerSettings, events);
}
