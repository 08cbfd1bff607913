import { setTimeout as sleep } from "node:timers/promises";
import type * as JetStreamLibrary from "@nats-io/jetstream";
import type { ConsumerConfig, JetStreamClient, JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { OscNatsError } from "../errors.ts";
import { natsError } from "./connect.ts";
import type { NatsLink } from "./connection.ts";
import type { DeliverySettings } from "./options.ts";
import { deadPrefix, partitionPrefix } from "./subject.ts";

type Library = typeof JetStreamLibrary;

/** JetStream error codes for existing and missing streams. */
const STREAM_EXISTS = 10058;
const STREAM_MISSING = 10059;
/** Another stream has the subjects; or another process is creating the same stream. */
const SUBJECTS_OVERLAP = 10065;
/** Number of retries, and their interval, while another process may be creating the stream. */
const CREATE_TRIES = 20;
const CREATE_AGAIN_MS = 50;
const NANOS_PER_MS = 1_000_000;
/** Maximum number of unacknowledged packets of all workers together. */
const MAX_ACK_PENDING = 20_000;

/** The stream that stores packets until they are handled, its dead letter stream, and its consumers. The first client to need them creates them. */
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
   * Creates missing streams.
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
   * Creates missing consumers: one for all packets, or one per partition with one unacknowledged packet at a time.
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
          // Workers enforce maxDeliver: an undelivered packet would stay in the stream and never become a dead letter.
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
      `The stream ${config.name} exists but doesn't fit: it must have the retention ${config.retention ?? ""} and the subject ${subject}. Choose another stream.name, or delete it.`,
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
        // Another process may be creating it, so retry.
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
