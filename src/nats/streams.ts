import { setTimeout as sleep } from "node:timers/promises";
import type * as JetStreamLibrary from "@nats-io/jetstream";
import type { ConsumerConfig, JetStreamClient, JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { OscNatsError } from "../errors.ts";
import { natsError } from "./connect.ts";
import type { NatsLink } from "./connection.ts";
import type { DeliverySettings } from "./options.ts";
import { deadPrefix, partitionPrefix } from "./subject.ts";

type Library = typeof JetStreamLibrary;

/** JetStream's codes for a stream that exists and one that doesn't. */
const STREAM_EXISTS = 10058;
const STREAM_MISSING = 10059;
/** Another stream has the subjects; also the same one, while someone else is creating it. */
const SUBJECTS_OVERLAP = 10065;
/** How often, and after how long, to look for a stream that someone else may be creating. */
const CREATE_TRIES = 20;
const CREATE_AGAIN_MS = 50;
const NANOS_PER_MS = 1_000_000;
/** How many packets may be with all workers together. */
const MAX_ACK_PENDING = 20_000;

/** The stream that keeps packets until they are handled, the one for dead letters beside it, and its consumers. Whoever comes first creates them. */
export class WorkStream {
  readonly #link: NatsLink;
  readonly #settings: DeliverySettings;
  readonly #domain: { readonly domain?: string };

  constructor(link: NatsLink, settings: DeliverySettings) {
    const { domain } = settings.stream;
    this.#link = link;
    this.#settings = settings;
    this.#domain = domain === undefined ? {} : { domain };
  }

  /** The library's client. */
  async client(): Promise<JetStreamClient> {
    const { jetstream } = await loadLibrary();
    return jetstream(this.#link.connection, this.#domain);
  }

  /**
   * Creates the streams if they are missing.
   *
   * @throws OscNatsError `OSC_NATS_JETSTREAM` if they can't be created, or exist but aren't work queues for the prefix
   */
  async ensure(): Promise<void> {
    const { prefix, stream } = this.#settings;
    await this.#doing("create the stream", async (manager, { DiscardPolicy, RetentionPolicy, StorageType }) => {
      const common = {
        storage: stream.storage === "file" ? StorageType.File : StorageType.Memory,
        max_msgs: stream.maxMessages,
        max_bytes: stream.maxBytes,
        num_replicas: stream.replicas,
      };
      await this.#ensureStream(manager, {
        ...common,
        name: stream.name,
        subjects: [`${prefix}.>`],
        retention: RetentionPolicy.Workqueue,
        discard: DiscardPolicy.New,
        max_age: stream.maxAge * NANOS_PER_MS,
        duplicate_window: Math.min(stream.duplicateWindow, stream.maxAge) * NANOS_PER_MS,
      });
      await this.#ensureStream(manager, {
        ...common,
        name: `${stream.name}_DEAD`,
        subjects: [`${deadPrefix(prefix)}.>`],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
      });
    });
  }

  /**
   * Creates the consumers if they are missing: one for all packets, or one per partition, which then has one packet out at a time.
   *
   * @returns their names
   * @throws OscNatsError `OSC_NATS_JETSTREAM` if they can't be created
   */
  async ensureConsumers({ queue, ackWait }: { readonly queue: string; readonly ackWait: number }): Promise<readonly string[]> {
    const { prefix, partitions, stream } = this.#settings;
    const wanted =
      partitions === null
        ? [{ name: queue, filter: `${prefix}.>`, maxOut: MAX_ACK_PENDING }]
        : Array.from({ length: partitions }, (_, partition) => ({
            name: `${queue}_p${partition}`,
            filter: `${partitionPrefix(partition, prefix)}>`,
            maxOut: 1,
          }));
    await this.#doing("create the consumers", async (manager, { AckPolicy }) => {
      for (const { name, filter, maxOut } of wanted) {
        const config: Partial<ConsumerConfig> = {
          durable_name: name,
          filter_subject: filter,
          ack_policy: AckPolicy.Explicit,
          ack_wait: ackWait * NANOS_PER_MS,
          max_ack_pending: maxOut,
          // Workers count: a packet that is no longer delivered would stay in the stream and never become a dead letter.
          max_deliver: -1,
          max_waiting: 2048,
        };
        await manager.consumers.add(stream.name, config);
      }
    });
    return wanted.map(({ name }) => name);
  }

  async #ensureStream(manager: JetStreamManager, config: Partial<StreamConfig> & { name: string; subjects: string[] }): Promise<void> {
    const found = await this.#findOrCreate(manager, config);
    const [subject = ""] = config.subjects;
    if (found.retention === config.retention && found.subjects.includes(subject)) return;
    throw new OscNatsError(
      "OSC_NATS_JETSTREAM",
      `The stream ${config.name} exists and isn't for these packets: it should have the retention ${config.retention ?? ""} and the subject ${subject}. Choose another stream.name, or delete it.`,
      this.#link.server,
    );
  }

  async #findOrCreate(manager: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<StreamConfig> {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await manager.streams.info(config.name)).config;
      } catch (error) {
        if (apiCode(error) !== STREAM_MISSING) throw error;
      }
      try {
        return (await manager.streams.add(config)).config;
      } catch (error) {
        // Someone else may be creating it: then it exists a moment later.
        if (![STREAM_EXISTS, SUBJECTS_OVERLAP].includes(apiCode(error)) || tries === CREATE_TRIES) throw error;
        await sleep(CREATE_AGAIN_MS);
      }
    }
  }

  async #doing(what: string, work: (manager: JetStreamManager, library: Library) => Promise<void>): Promise<void> {
    try {
      const library = await loadLibrary();
      await work(await library.jetstreamManager(this.#link.connection, this.#domain), library);
    } catch (error) {
      const { server } = this.#link;
      const wrapped = natsError(error, server);
      if (!["OSC_NATS_FAILED", "OSC_NATS_UNREACHABLE"].includes(wrapped.code)) throw wrapped;
      throw new OscNatsError("OSC_NATS_JETSTREAM", `Could not ${what}. ${wrapped.message}`, server, { cause: error });
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
