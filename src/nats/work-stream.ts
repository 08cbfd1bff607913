import { setTimeout as sleep } from "node:timers/promises";
import type * as JetStreamLibrary from "@nats-io/jetstream";
import type { ConsumerConfig, JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { OscNatsError } from "../errors.ts";
import type { DeliverySettings } from "./delivery-options.ts";
import { natsError } from "./nats-errors.ts";
import type { NatsLink } from "./nats-link.ts";
import { deadPrefix, partitionPrefix } from "./subject.ts";

type Library = typeof JetStreamLibrary;

/** JetStream's codes for what is there already, and for what is not there. */
const STREAM_EXISTS = 10058;
const STREAM_MISSING = 10059;
/** What JetStream says where another stream has the subjects; the same one too, while another is making it. */
const SUBJECTS_OVERLAP = 10065;
/** How often, and after how long, a stream is looked for that another may be making. */
const MAKE_TRIES = 20;
const MAKE_AGAIN_MS = 50;
const NANOS_PER_MS = 1_000_000;

/** What a worker wants to be given. */
export interface WorkQueue {
  /** The name that workers share. */
  readonly queue: string;
  /** How long a packet may be out before it is delivered again, in milliseconds. */
  readonly ackWait: number;
}

/**
 * The stream that keeps packets until they are handled, the one for dead letters beside it, and the consumers by which workers are given packets. Whoever
 * comes first makes them.
 */
export class WorkStream {
  readonly #link: NatsLink;
  readonly #settings: DeliverySettings;

  constructor(link: NatsLink, settings: DeliverySettings) {
    this.#link = link;
    this.#settings = settings;
  }

  /** What the requests to JetStream begin with. */
  get api(): string {
    const { domain } = this.#settings.stream;
    return domain === null ? "$JS.API" : `$JS.${domain}.API`;
  }

  /** Where a consumer is asked for packets. */
  nextSubject(consumer: string): string {
    return `${this.api}.CONSUMER.MSG.NEXT.${this.#settings.stream.name}.${consumer}`;
  }

  /**
   * Makes the stream where it is missing.
   *
   * @throws OscNatsError `OSC_NATS_JETSTREAM` where it cannot be made, or is there and is no work queue for the prefix
   */
  async ensure(): Promise<void> {
    const { prefix, stream } = this.#settings;
    await this.#doing("make the stream", async (manager, library) => {
      const common: Partial<StreamConfig> = {
        storage: stream.storage === "file" ? library.StorageType.File : library.StorageType.Memory,
        max_msgs: stream.maxMessages,
        max_bytes: stream.maxBytes,
        num_replicas: stream.replicas,
      };
      const { Workqueue, Limits } = library.RetentionPolicy;
      await this.#ensureStream(manager, {
        ...common,
        name: stream.name,
        subjects: [`${prefix}.>`],
        retention: Workqueue,
        discard: library.DiscardPolicy.New,
        max_age: stream.maxAge * NANOS_PER_MS,
        duplicate_window: Math.min(stream.duplicateWindow, stream.maxAge) * NANOS_PER_MS,
      });
      await this.#ensureStream(manager, {
        ...common,
        name: `${stream.name}_DEAD`,
        subjects: [`${deadPrefix(prefix)}.>`],
        retention: Limits,
        discard: library.DiscardPolicy.Old,
      });
    });
  }

  /**
   * Makes the consumers where they are missing: one for all packets, or one for each partition, which then has one packet out at a time.
   *
   * @returns their names
   * @throws OscNatsError `OSC_NATS_JETSTREAM` where they cannot be made
   */
  async ensureConsumers({ queue, ackWait }: WorkQueue): Promise<readonly string[]> {
    const { prefix, partitions, stream } = this.#settings;
    const wanted =
      partitions === null
        ? [{ name: queue, filter: `${prefix}.>`, maxOut: 20_000 }]
        : Array.from({ length: partitions }, (_, partition) => ({
            name: `${queue}_p${partition}`,
            filter: `${partitionPrefix(partition, prefix)}>`,
            maxOut: 1,
          }));
    await this.#doing("make the consumers", async (manager, library) => {
      for (const { name, filter, maxOut } of wanted) {
        const config: Partial<ConsumerConfig> = {
          durable_name: name,
          filter_subject: filter,
          ack_policy: library.AckPolicy.Explicit,
          ack_wait: ackWait * NANOS_PER_MS,
          max_ack_pending: maxOut,
          // Workers count, for a packet that is delivered no more would stay in the stream and never become a dead letter.
          max_deliver: -1,
          max_waiting: 2048,
        };
        await manager.consumers.add(stream.name, config);
      }
    });
    return wanted.map(({ name }) => name);
  }

  async #ensureStream(manager: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<void> {
    const find = (): Promise<StreamInfo | null> =>
      manager.streams.info(config.name).catch((error: unknown) => {
        if (apiCode(error) === STREAM_MISSING) return null;
        throw error;
      });
    let found = await find();
    for (let tries = 1; found === null; tries += 1) {
      try {
        found = await manager.streams.add(config);
      } catch (error) {
        // Another may be making it just now: then it is there a moment later.
        if (![STREAM_EXISTS, SUBJECTS_OVERLAP].includes(apiCode(error)) || tries === MAKE_TRIES) throw error;
        await sleep(MAKE_AGAIN_MS);
        found = await find();
      }
    }
    const [subject] = config.subjects ?? [];
    if (found.config.retention !== config.retention || !found.config.subjects.some((one) => one === subject)) {
      throw new OscNatsError(
        "OSC_NATS_JETSTREAM",
        `There is a stream ${config.name} that is of another kind or for other subjects: it should have the retention ${config.retention ?? ""} and the subject ${subject ?? ""}. Choose another stream.name, or remove it.`,
        this.#link.server,
      );
    }
  }

  async #doing(what: string, work: (manager: JetStreamManager, library: Library) => Promise<void>): Promise<void> {
    const { domain } = this.#settings.stream;
    try {
      const library = await loadLibrary();
      const manager = await library.jetstreamManager(this.#link.connection, domain === null ? {} : { domain });
      await work(manager, library);
    } catch (error) {
      const wrapped = natsError(error, this.#link.server);
      if (wrapped instanceof OscNatsError && ["OSC_NATS_FAILED", "OSC_NATS_UNREACHABLE"].includes(wrapped.code)) {
        throw new OscNatsError("OSC_NATS_JETSTREAM", `It was not possible to ${what}. ${wrapped.message}`, this.#link.server, {
          cause: error,
        });
      }
      throw wrapped;
    }
  }
}

function apiCode(error: unknown): number {
  return (error as { code?: number } | null)?.code ?? 0;
}

async function loadLibrary(): Promise<Library> {
  try {
    return await import("@nats-io/jetstream");
  } catch (cause) {
    throw new OscNatsError(
      "OSC_NATS_PACKAGE",
      "At-least-once needs a package that is not installed: npm install @nats-io/jetstream@3.3.1.",
      "",
      { cause },
    );
  }
}
