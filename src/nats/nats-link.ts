import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import { type OscError, OscNatsError } from "../errors.ts";
import { type Library, connectNats } from "./nats-connection.ts";
import { natsError } from "./nats-errors.ts";
import { type NatsMessage, ReceivedMessage } from "./nats-message.ts";
import { type NatsConnectionOptions, type NatsConnectionSettings, natsConnectionSettings } from "./nats-options.ts";
import type { PacketHeaders } from "./packet-headers.ts";
import { Unconfirmed } from "./unconfirmed.ts";

/** What a link tells its owner. */
export interface NatsLinkEvents {
  /** Something failed that does not end the link: the connection broke, a subject is not permitted. */
  onError(error: OscError): void;
  /** Connected to that server, for the first time or again. */
  onConnected?(server: string): void;
  /** The connection broke; it is tried again. */
  onDisconnected?(): void;
  /** Something was confirmed, so that there is room again. */
  onRoom?(): void;
}

/** A subscription. */
export interface NatsListener {
  /** Takes nothing more; what has been sent to it already still comes before the promise resolves. */
  drain(): Promise<void>;
}

/**
 * A connection to NATS that is kept up for ever, and that never holds more than `maxUnconfirmed` messages on their way: NATS's own client would take in
 * as many as one gives it, and forget them when the connection breaks.
 *
 * @example
 * await using link = await NatsLink.open({ servers: "nats://127.0.0.1:4222" }, { onError: console.error });
 * link.subscribe(patternToSubject("/mixer//"), null, ({ subject, data }) => console.log(subjectToAddress(subject), decode(data)));
 * link.publish(addressToSubject("/mixer/gain"), encode(new OscMessage("/mixer/gain", 0.5)));
 */
export class NatsLink implements AsyncDisposable {
  readonly #servers: string;
  readonly #events: NatsLinkEvents;
  readonly #library: Library;
  readonly #connection: NatsConnection;
  #connected = true;
  #closing = false;
  readonly #unconfirmed: Unconfirmed;

  private constructor(library: Library, connection: NatsConnection, settings: NatsConnectionSettings, events: NatsLinkEvents) {
    this.#library = library;
    this.#connection = connection;
    this.#servers = settings.servers.join(", ");
    this.#events = events;
    this.#unconfirmed = new Unconfirmed(
      settings,
      () => connection.flush(),
      () => events.onRoom?.(),
    );
    void this.#watch();
    void connection.closed().then((error) => this.#ended(error));
  }

  /**
   * Connects.
   *
   * @throws OscNatsError where that is not possible; the code says why
   * @throws OscServerError `OSC_OPTION` where an option has no such value
   */
  static async open(options: NatsConnectionOptions, events: NatsLinkEvents): Promise<NatsLink> {
    const settings = natsConnectionSettings(options);
    const { library, connection } = await connectNats(settings);
    const link = new NatsLink(library, connection, settings, events);
    events.onConnected?.(link.server);
    return link;
  }

  /** The server that it is connected to, or was last, as `host:port`. */
  get server(): string {
    return this.#connection.getServer();
  }

  /** Whether messages can be sent now. */
  get isConnected(): boolean {
    return this.#connected && !this.#connection.isClosed();
  }

  /** How many bytes a message may have, headers included. */
  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  /** How many messages are on their way. */
  get unconfirmed(): number {
    return this.#unconfirmed.count;
  }

  /** For what this library has no words: streams and consumers. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  /** Whether a message of so many bytes may be published now. */
  hasRoom(size: number): boolean {
    return this.isConnected && this.#unconfirmed.hasRoom(size);
  }

  /**
   * Publishes a message: once, and never again.
   *
   * @param settled called once it is known that the server has it (true), or that it may be lost, for the connection broke before that (false)
   * @returns false where it was not published, for there is no connection or no room
   */
  publish(subject: string, data: Uint8Array, headers: PacketHeaders = {}, reply = "", settled?: (ok: boolean) => void): boolean {
    if (!this.hasRoom(data.length)) return false;
    try {
      this.#connection.publish(subject, data, this.#publishOptions(headers, reply));
    } catch (error) {
      this.#events.onError(natsError(error, this.server));
      return false;
    }
    this.#unconfirmed.add(data.length, settled);
    return true;
  }

  /**
   * Listens to a subject, which may have wildcards. With a queue, a message goes to one only of those that listen with the same queue.
   *
   * @param onMessage must not throw
   */
  subscribe(subject: string, queue: string | null, onMessage: (message: NatsMessage) => void): NatsListener {
    const subscription = this.#connection.subscribe(subject, {
      ...(queue === null ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) onMessage(new ReceivedMessage(message));
      },
    });
    return { drain: () => this.#drain(subscription) };
  }

  /**
   * Publishes a message and waits for the answer.
   *
   * @throws OscNatsError where none comes in time
   */
  async request(subject: string, data: Uint8Array, headers: PacketHeaders, timeoutMs: number): Promise<NatsMessage> {
    try {
      const { headers: made } = this.#publishOptions(headers, "");
      return new ReceivedMessage(
        await this.#connection.request(subject, data, { timeout: timeoutMs, ...(made === undefined ? {} : { headers: made }) }),
      );
    } catch (error) {
      throw natsError(error, this.server);
    }
  }

  /** Resolves when all that was published is confirmed, or may be lost. Rejects where the connection is lost meanwhile. */
  async flush(): Promise<void> {
    if (this.isConnected) await this.#connection.flush();
  }

  /** Ends the link. What was published goes out first where there is a connection, but not for longer than that. */
  async close(graceMs = 2000): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await within(graceMs, this.flush());
    await this.#connection.close();
    this.#unconfirmed.close();
  }

  /** `await using link = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(subscription: Subscription): Promise<void> {
    if (this.#connection.isClosed() || subscription.isClosed()) return;
    if (this.isConnected) await subscription.drain();
    else subscription.unsubscribe();
  }

  #publishOptions(headers: PacketHeaders, reply: string): { headers?: ReturnType<Library["headers"]>; reply?: string } {
    const names = Object.keys(headers);
    const options: { headers?: ReturnType<Library["headers"]>; reply?: string } = reply === "" ? {} : { reply };
    if (names.length === 0) return options;
    const made = this.#library.headers();
    for (const name of names) made.set(name, headers[name] ?? "");
    return { ...options, headers: made };
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (this.#closing) continue;
      if (status.type === "disconnect") {
        this.#connected = false;
        this.#events.onDisconnected?.();
        this.#events.onError(
          new OscNatsError(
            "OSC_NATS_DISCONNECTED",
            `The connection to NATS at ${status.server} broke; it is tried again until it stands.`,
            status.server,
          ),
        );
      } else if (status.type === "reconnect") {
        this.#connected = true;
        this.#events.onConnected?.(status.server);
        this.#events.onRoom?.();
      } else if (status.type === "error") {
        this.#events.onError(natsError(status.error, this.server));
      }
    }
  }

  #ended(error: void | Error): void {
    this.#connected = false;
    if (!this.#closing) this.#events.onError(natsError(error ?? new Error("the connection was closed"), this.#servers));
  }
}

/** Waits for that long at most; what it rejects with is for others to tell. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    promise.catch(() => undefined),
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    }),
  ]);
  clearTimeout(timer);
}
