import { readFile } from "node:fs/promises";
import type * as NatsLibrary from "@nats-io/transport-node";
import type { ConnectionOptions, Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { type OscError, OscNatsError } from "../errors.ts";
import { natsError } from "./nats-errors.ts";
import { type NatsConnectionOptions, type NatsConnectionSettings, natsConnectionSettings } from "./nats-options.ts";
import type { PacketHeaders } from "./packet-headers.ts";

type Library = typeof NatsLibrary;

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

/** A message that came. */
export interface NatsMessage {
  /** The subject that it was published under. */
  readonly subject: string;
  /** The bytes are the receiver's to keep. */
  readonly data: Uint8Array;
  /** Where an answer is expected; empty where none is. */
  readonly reply: string;
  /** What NATS itself says in place of a message, such as 503: nobody listens there. 0 for a message. */
  readonly status: number;
  /** The header of that name; empty where there is none. */
  header(name: string): string;
}

/** A subscription. */
export interface NatsListener {
  /** Takes nothing more; what has been sent to it already still comes before the promise resolves. */
  drain(): Promise<void>;
}

interface Unconfirmed {
  readonly size: number;
  readonly settled: ((ok: boolean) => void) | undefined;
}

/** What a message takes besides its bytes. */
const OVERHEAD = 64;

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
  readonly #settings: NatsConnectionSettings;
  readonly #events: NatsLinkEvents;
  readonly #library: Library;
  readonly #connection: NatsConnection;
  #connected = true;
  #closing = false;
  /** Published, and not yet asked to be confirmed. */
  #published: Unconfirmed[] = [];
  #count = 0;
  #bytes = 0;
  #confirming = false;
  #scheduled: NodeJS.Immediate | null = null;

  private constructor(library: Library, connection: NatsConnection, settings: NatsConnectionSettings, events: NatsLinkEvents) {
    this.#library = library;
    this.#connection = connection;
    this.#settings = settings;
    this.#events = events;
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
    const library = await loadLibrary();
    let connection: NatsConnection;
    try {
      connection = await library.connect(await connectOptions(library, settings));
    } catch (error) {
      throw natsError(error, settings.servers.join(", "));
    }
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
    return this.#count;
  }

  /** For what this library has no words: streams and consumers. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  /** Whether a message of so many bytes may be published now. */
  hasRoom(size: number): boolean {
    if (!this.isConnected) return false;
    if (this.#count === 0) return true;
    return this.#count < this.#settings.maxUnconfirmed && this.#bytes + size + OVERHEAD <= this.#settings.maxUnconfirmedBytes;
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
    const size = data.length + OVERHEAD;
    this.#published.push({ size, settled });
    this.#count += 1;
    this.#bytes += size;
    this.#confirmSoon();
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
        if (error === null) onMessage(new Received(message));
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
      return new Received(
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
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    await this.#connection.close();
    this.#lose();
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

  /** Asks once for all that is published in a turn of the event loop, and not again before the answer. */
  #confirmSoon(): void {
    if (this.#confirming || this.#scheduled !== null) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = null;
      void this.#confirm();
    });
  }

  async #confirm(): Promise<void> {
    const batch = this.#published;
    if (batch.length === 0 || this.#confirming) return;
    this.#published = [];
    this.#confirming = true;
    let ok = true;
    try {
      await this.#connection.flush();
    } catch {
      ok = false;
    }
    this.#confirming = false;
    // What was published after that may have gone with the same connection.
    this.#settle(ok ? batch : [...batch, ...this.#published.splice(0)], ok);
    if (this.#published.length > 0) this.#confirmSoon();
  }

  #settle(batch: readonly Unconfirmed[], ok: boolean): void {
    for (const { size, settled } of batch) {
      this.#count -= 1;
      this.#bytes -= size;
      settled?.(ok);
    }
    this.#events.onRoom?.();
  }

  #lose(): void {
    this.#settle(this.#published.splice(0), false);
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
    if (!this.#closing) this.#events.onError(natsError(error ?? new Error("the connection was closed"), this.#settings.servers.join(", ")));
  }
}

class Received implements NatsMessage {
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get reply(): string {
    return this.#message.reply ?? "";
  }

  get status(): number {
    return this.#message.headers?.code ?? 0;
  }

  header(name: string): string {
    return this.#message.headers?.get(name) ?? "";
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

async function loadLibrary(): Promise<Library> {
  try {
    return await import("@nats-io/transport-node");
  } catch (cause) {
    throw new OscNatsError(
      "OSC_NATS_PACKAGE",
      "NATS needs packages that are not installed: npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1.",
      "",
      { cause },
    );
  }
}

async function connectOptions(library: Library, settings: NatsConnectionSettings): Promise<ConnectionOptions> {
  const { reconnectDelay, tls, user, password, token, nkey, credentials } = settings;
  const options: ConnectionOptions = {
    servers: [...settings.servers],
    name: settings.name,
    timeout: settings.connectTimeout,
    waitOnFirstConnect: settings.waitForServer,
    pingInterval: settings.pingInterval,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => Math.ceil(reconnectDelay * (0.5 + Math.random() / 2)),
    // A server that is set up anew may refuse for a while whom it lets in later.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
  };
  if (tls !== null) options.tls = { ...tls };
  if (user !== null) options.authenticator = library.usernamePasswordAuthenticator(user, password ?? "");
  if (token !== null) options.authenticator = library.tokenAuthenticator(token);
  if (nkey !== null) options.authenticator = library.nkeyAuthenticator(new TextEncoder().encode(nkey));
  if (credentials !== null) options.authenticator = library.credsAuthenticator(await readCredentials(credentials, settings));
  return options;
}

async function readCredentials(file: string, { servers }: NatsConnectionSettings): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new OscNatsError("OSC_NATS_AUTH", `The file of credentials cannot be read: ${String(cause)}.`, servers.join(", "), { cause });
  }
}
