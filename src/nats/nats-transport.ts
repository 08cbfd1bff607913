/** The transport of a worker: packets come from NATS, and replies go back there. Loaded by a server's I/O thread, too. */
import { randomBytes } from "node:crypto";
import type { NetAddress } from "../net-address.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { CoreIntake } from "./core-intake.ts";
import type { Intake } from "./intake.ts";
import { NatsLink } from "./nats-link.ts";
import { StreamIntake } from "./stream-intake.ts";
import type { WorkerSettings } from "./worker-options.ts";

/** Listens to NATS. */
export class NatsTransport implements Transport {
  readonly #settings: WorkerSettings;
  readonly #events: TransportEvents;
  #link: NatsLink | null = null;
  #intake: Intake | null = null;

  constructor(settings: WorkerSettings, events: TransportEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const { delivery } = this.#settings;
    const link = await NatsLink.open(delivery.connection, {
      onError: (error) => this.#events.onError(error),
      onConnected: () => this.#intake?.reconnected(),
    });
    const context = { link, events: this.#events, prefix: delivery.prefix };
    const intake =
      delivery.delivery === "at-most-once"
        ? new CoreIntake(context, this.#settings)
        : new StreamIntake(context, this.#settings, randomBytes(6).toString("hex"));
    this.#link = link;
    this.#intake = intake;
    try {
      await intake.open();
    } catch (error) {
      await link.close(0);
      throw error;
    }
    return addressOf(link.server);
  }

  async drain(): Promise<void> {
    await this.#intake?.drain();
  }

  async close(): Promise<void> {
    this.#intake?.close();
    await this.#link?.close();
  }
}

/** Called by a server's I/O thread. */
export function createTransport(settings: unknown, events: TransportEvents): Transport {
  return new NatsTransport(settings as WorkerSettings, events);
}

function addressOf(server: string): NetAddress {
  const { hostname, port } = new URL(`nats://${server}`);
  const address = hostname.replace(/^\[|\]$/g, "");
  return { address, port: Number(port), family: address.includes(":") ? "IPv6" : "IPv4" };
}
