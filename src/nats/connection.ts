import type { Msg, MsgHdrs, NatsConnection, PublishOptions, Subscription } from "@nats-io/transport-node";
import { type OscError, OscNatsError } from "../errors.ts";
import { type NetAddress, ipAddress } from "../net-address.ts";
import { type Library, connectNats, natsError } from "./connect.ts";
import type { PacketHeaders } from "./headers.ts";
import { type NatsConnectionOptions, type NatsConnectionSettings, natsConnectionSettings } from "./options.ts";

/** The status of the NATS message for a subject without subscribers. */
export const NO_RESPONDERS = 503;

/** A received message. */
export interface NatsMessage {
  /** The subject that it was published to. */
  readonly subject: string;
  /** The payload; the receiver may keep it. */
  readonly data: Uint8Array;
  /** The reply subject; empty if no reply is expected. */
  readonly reply: string;
  /** The status of a NATS protocol message, such as `NO_RESPONDERS`. 0 for a normal message. */
  readonly status: number;
  /** The value of a header; empty if it is missing. */
  header(name: string): string;
}

/** Events of a link. */
export interface NatsLinkEvents {
  /** A failure that doesn't end the link: the connection broke, or a subject isn't permitted. */
  onError(error: OscError): void;
  /** Connected or reconnected to a server. */
  onConnected?(server: string): void;
  /** The connection broke; the link reconnects. */
  onDisconnected?(): void;
  /** A message was confirmed, so there is room again. */
  onRoom?(): void;
}

/** A subscription. */
export interface NatsListener {
  /** Unsubscribes. Messages already sent to it are still delivered before the promise resolves. */
  drain(): Promise<void>;
}

/**
 * A connection to NATS that reconnects forever and limits messages in flight to `maxUnconfirmed`: the NATS client accepts any number and
 * forgets them when the connection breaks.
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
  readonly #unconfirmed: Unconfirmed;
  #connected = true;
  #closing = false;

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
   * @throws OscNatsError if that fails; the code says why
   * @throws OscServerError `OSC_OPTION` if an option has a bad value
   */
  static async open(options: NatsConnectionOptions, events: NatsLinkEvents): Promise<NatsLink> {
    return NatsLink.connect(natsConnectionSettings(options), events);
  }

  /** {@link open} with validated options. */
  static async connect(settings: NatsConnectionSettings, events: NatsLinkEvents): Promise<NatsLink> {
    const { library, connection } = await connectNats(settings);
    const link = new NatsLink(library, connection, settings, events);
    events.onConnected?.(link.server);
    return link;
  }

  /** The current or last connected server, as `host:port`. */
  get server(): string {
    return this.#connection.getServer();
  }

  /** The address of {@link server}. */
  get serverAddress(): NetAddress {
    const { hostname, port } = new URL(`nats://${this.server}`);
    return ipAddress(hostname.replaceAll(/^\[|\]$/g, ""), Number(port));
  }

  /** Whether it is currently connected. */
  get isConnected(): boolean {
    return this.#connected && !this.#connection.isClosed();
  }

  /** Maximum size of a message in bytes, including headers. */
  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  /** Number of messages in flight. */
  get unconfirmed(): number {
    return this.#unconfirmed.count;
  }

  /** The library's connection, for streams and consumers. */
  get connection(): NatsConnection {
    return this.#connection;
  }

  /** Whether a message of this size can be published now. */
  hasRoom(size: number): boolean {
    return this.isConnected && this.#unconfirmed.hasRoom(size);
  }

  /**
   * Publishes a message once.
   *
   * @param settled called with true when the server has confirmed it, or with false if it may be lost because the connection broke first
   * @returns false if it wasn't published because there is no connection or no room
   */
  publish(subject: string, data: Uint8Array, headers: PacketHeaders = {}, reply = "", settled?: (ok: boolean) => void): boolean {
    if (!this.hasRoom(data.length)) return false;
    try {
      this.#connection.publish(subject, data, this.#options(headers, reply));
    } catch (error) {
      this.#events.onError(natsError(error, this.server));
      return false;
    }
    this.#unconfirmed.add(data.length, settled);
    return true;
  }

  /**
   * Subscribes to a subject, which may contain wildcards. With a queue, each message goes to only one subscriber of that queue.
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
   * Publishes a message and waits for the reply.
   *
   * @throws OscNatsError if none arrives in time
   */
  async request(subject: string, data: Uint8Array, headers: PacketHeaders, timeoutMs: number): Promise<NatsMessage> {
    try {
      return new ReceivedMessage(await this.#connection.request(subject, data, { ...this.#options(headers), timeout: timeoutMs }));
    } catch (error) {
      throw natsError(error, this.server);
    }
  }

  /** Converts headers to the library's type. */
  headers(headers: PacketHeaders): MsgHdrs {
    const made = this.#library.headers();
    for (const [name, value] of Object.entries(headers)) made.set(name, value);
    return made;
  }

  /** Resolves when everything published is confirmed or may be lost. Rejects if the connection breaks meanwhile. */
  async flush(): Promise<void> {
    if (this.isConnected) await this.#connection.flush();
  }

  /** Closes the link. If connected, flushes published messages first, within the grace period. */
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

  #options(headers: PacketHeaders, reply = ""): PublishOptions {
    const options: PublishOptions = {};
    if (reply !== "") options.reply = reply;
    if (Object.keys(headers).length > 0) options.headers = this.headers(headers);
    return options;
  }

  async #drain(subscription: Subscription): Promise<void> {
    if (this.#connection.isClosed() || subscription.isClosed()) return;
    if (this.isConnected) await subscription.drain();
    else subscription.unsubscribe();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (this.#closing) continue;
      if (status.type === "disconnect") {
        this.#connected = false;
        this.#events.onDisconnected?.();
        const message = `The connection to NATS at ${status.server} broke. Reconnecting.`;
        this.#events.onError(new OscNatsError("OSC_NATS_DISCONNECTED", message, status.server));
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

class ReceivedMessage implements NatsMessage {
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

interface Published {
  readonly size: number;
  readonly settled: ((ok: boolean) => void) | undefined;
}

/** Overhead of a message besides its bytes. */
const OVERHEAD = 64;

/** Published messages that the server hasn't confirmed yet. */
class Unconfirmed {
  readonly #settings: NatsConnectionSettings;
  /** Resolves when the server has received everything published so far; rejects if the connection breaks. */
  readonly #confirm: () => Promise<void>;
  readonly #onRoom: () => void;
  /** Messages without a pending confirmation request. */
  #published: Published[] = [];
  #bytes = 0;
  #isAsking = false;
  #scheduled: NodeJS.Immediate | null = null;
  count = 0;

  constructor(settings: NatsConnectionSettings, confirm: () => Promise<void>, onRoom: () => void) {
    this.#settings = settings;
    this.#confirm = confirm;
    this.#onRoom = onRoom;
  }

  hasRoom(size: number): boolean {
    const { maxUnconfirmed, maxUnconfirmedBytes } = this.#settings;
    return this.count === 0 || (this.count < maxUnconfirmed && this.#bytes + size + OVERHEAD <= maxUnconfirmedBytes);
  }

  add(size: number, settled: ((ok: boolean) => void) | undefined): void {
    this.#published.push({ size: size + OVERHEAD, settled });
    this.count += 1;
    this.#bytes += size + OVERHEAD;
    this.#askSoon();
  }

  close(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#settle(this.#published.splice(0), false);
  }

  /** Requests one confirmation for everything published in the current event loop iteration; at most one request is pending. */
  #askSoon(): void {
    if (this.#isAsking || this.#scheduled !== null) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = null;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const batch = this.#published;
    if (batch.length === 0 || this.#isAsking) return;
    this.#published = [];
    this.#isAsking = true;
    const ok = await this.#confirm().then(
      () => true,
      () => false,
    );
    this.#isAsking = false;
    // Messages published after the request may be lost with the same connection.
    this.#settle(ok ? batch : [...batch, ...this.#published.splice(0)], ok);
    if (this.#published.length > 0) this.#askSoon();
  }

  #settle(batch: readonly Published[], ok: boolean): void {
    for (const { size, settled } of batch) {
      this.count -= 1;
      this.#bytes -= size;
      settled?.(ok);
    }
    this.#onRoom();
  }
}

/** Waits for a promise with a timeout. Ignores a rejection, which is reported elsewhere. */
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
