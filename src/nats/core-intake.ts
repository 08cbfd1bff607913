import type { Intake } from "./intake.ts";
import type { NatsListener } from "./nats-link.ts";
import type { NatsMessage } from "./nats-message.ts";
import { AS_OF_HEADER, asOfOf } from "./packet-headers.ts";
import { partitionPrefix } from "./subject.ts";
import type { WorkerSettings } from "./worker-options.ts";
import { type WorkerContext, WorkerPeer } from "./worker-peer.ts";

/** At most once: what comes is handled or lost, and nobody is told. */
export class CoreIntake implements Intake {
  readonly #context: WorkerContext;
  readonly #settings: WorkerSettings;
  readonly #listeners: NatsListener[] = [];

  constructor(context: WorkerContext, settings: WorkerSettings) {
    this.#context = context;
    this.#settings = settings;
  }

  async open(): Promise<void> {
    for (const subject of this.#subjects()) {
      this.#listeners.push(this.#context.link.subscribe(subject, this.#settings.queue, (message) => this.#take(message)));
    }
    // Whoever awaits this may count on it that packets come.
    await this.#context.link.flush();
  }

  reconnected(): void {}

  async drain(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.drain().catch(() => undefined)));
  }

  close(): void {}

  #subjects(): readonly string[] {
    const { delivery, share } = this.#settings;
    const { prefix, partitions } = delivery;
    if (partitions === null) return [`${prefix}.>`];
    const [index, of] = share;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    return all.filter((partition) => partition % of === index).map((partition) => `${partitionPrefix(partition, prefix)}>`);
  }

  #take(message: NatsMessage): void {
    this.#context.events.onPacket(message.data, new WorkerPeer(message, this.#context, null), asOfOf(message.header(AS_OF_HEADER)));
  }
}
