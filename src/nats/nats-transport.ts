/** The transport of a worker: packets come from NATS, and replies go back there. A server's I/O thread loads it, too. */
import { randomBytes } from "node:crypto";
import { type NetAddress, ipAddress } from "../net-address.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { NatsLink } from "./connection.ts";
import { type Consumer, CoreConsumer, StreamConsumer } from "./consumer.ts";
import type { WorkerSettings } from "./options.ts";

export class NatsTransport implements Transport {
  readonly #settings: WorkerSettings;
  readonly #events: TransportEvents;
  #link: NatsLink | null = null;
  #consumer: Consumer | null = null;

  constructor(settings: WorkerSettings, events: TransportEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const { delivery } = this.#settings;
    const link = await NatsLink.connect(delivery.connection, {
      onError: (error) => this.#events.onError(error),
      onConnected: () => this.#consumer?.reconnected(),
    });
    this.#link = link;
    this.#consumer =
      delivery.delivery === "at-most-once"
        ? new CoreConsumer(link, this.#events, this.#settings)
        : new StreamConsumer(link, this.#events, this.#settings, randomBytes(6).toString("hex"));
    try {
      await this.#consumer.open();
    } catch (error) {
      await link.close(0);
      throw error;
    }
    const { hostname, port } = new URL(`nats://${link.server}`);
    return ipAddress(hostname.replaceAll(/^\[|\]$/g, ""), Number(port));
  }

  async drain(): Promise<void> {
    await this.#consumer?.drain();
  }

  async close(): Promise<void> {
    this.#consumer?.close();
    await this.#link?.close();
  }
}

/** Called by a server's I/O thread. */
export function createTransport(settings: unknown, events: TransportEvents): Transport {
  return new NatsTransport(settings as WorkerSettings, events);
}
