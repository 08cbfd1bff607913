import {
  type EncodeOptions,
  type OscArgument,
  OscBundle,
  OscMessage,
  type OscPacket,
  type TimeTag,
  encode,
  encodeMessage,
} from "../codec/index.ts";
import {
  Dispatcher,
  type OscReply,
  type PacketHandling,
  Reporter,
  handleDecoded,
  packetOf,
  tryDecode,
  reportToConsole,
} from "../dispatch/index.ts";
import { OscDecodeError, OscDispatchError, OscDroppedError, OscEncodeError, type OscError, OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { describe } from "../options.ts";
import { Connection, type ConnectionSettings, type ConnectionState } from "./connection.ts";
import { fitTo } from "./fit-packet.ts";
import { Inbox, type ReceivedMessage } from "./inbox.ts";
import { type ClientSettings, type ReceiveOptions, type Wait, waitOf } from "./options.ts";
import { type KeepAliveName, type KeepAliveOptions, KeepAliveSession } from "./keep-alive.ts";
import { type PacketLinkFactory, type SendDone, closedError } from "./link.ts";
import type { ReceiverProfile } from "./receivers.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { SendPromise } from "./sender.ts";

/** Counters of a client since it was created. */
export interface ClientStats {
  /** Packets that the system has taken. */
  readonly sent: number;
  /** Packets that could not be sent; each one's promise was rejected. */
  readonly sendErrors: number;
  /** Packets that arrived. */
  readonly received: number;
  /** Packets that arrived and could not be decoded. */
  readonly malformed: number;
  /** Faults inside packets that were read all the same, such as a bad element of a bundle. */
  readonly faults: number;
  /** Messages dropped because `maxInbox` or `maxInboxBytes` was reached. */
  readonly dropped: number;
  /** Messages that arrived and that nobody has read yet. */
  readonly unread: number;
  /** Requests that wait for their reply. */
  readonly pending: number;
}

/** What an argument of an unread message counts for besides its bytes. */
const BYTES_PER_ARGUMENT = 32;

/**
 * What all clients can do, whatever their transport.
 *
 * A client has no socket before its first use or `open()`. It keeps the process alive only while something waits for a message or a packet
 * is on its way out: a program that sends and has nothing else to do ends without `close()` and without losing a packet.
 *
 * @example
 * const client: PacketClient = new UDPClient("127.0.0.1", 9000);
 * await client.sendMessage("/status");
 * for await (const { address, args } of client.messages({ timeout: 500 })) console.log(address, args);
 * client.stats().received;
 */
export abstract class PacketClient implements AsyncDisposable {
  /** The handlers that {@link handleMessages} calls. */
  readonly dispatcher: Dispatcher;
  /** The default `timeout` of {@link handleMessages}; python-osc's. */
  protected readonly handleTimeout: number = 30_000;
  /** The socket and what waits for it. */
  protected readonly connection: Connection;
  /** Encodes packets as the receiver takes them that the client was made for. */
  protected readonly encoder: PacketEncoder;
  readonly #settings: ClientSettings;
  readonly #reporter: Reporter;
  readonly #inbox: Inbox;
  readonly #requests: Requests;
  readonly #sessions = new Set<KeepAliveSession>();
  readonly #counts = { received: 0, malformed: 0, faults: 0, dropped: 0 };
  readonly #onUnseen = (error: OscError): void => this.report(error);

  /** @param target where packets go, for error messages: `host:port` */
  protected constructor(target: string, createLink: PacketLinkFactory, settings: ClientSettings, connection: ConnectionSettings) {
    this.#settings = settings;
    this.encoder = new PacketEncoder(settings);
    this.dispatcher = settings.dispatcher ?? new Dispatcher();
    this.#reporter = new Reporter(settings.onError ?? reportToConsole, settings.maxReports);
    this.#inbox = new Inbox(settings.maxInbox, settings.maxInboxBytes);
    this.connection = new Connection(createLink, connection, {
      onPacket: (packet, from) => this.#receivePacket(packet, from),
      onError: (error, address) => this.report(error, address),
      onEnd: (error) => this.#endWaits(error ?? closedError(`The connection to ${target} was closed by the other side.`)),
      onState: (state, error) => this.stateChanged(state, error),
    });
    this.#requests = new Requests(this.connection, target);
  }

  /** The local address, which replies come to. `null` while the client has no socket. */
  get clientAddress(): NetAddress | null {
    return this.connection.address;
  }

  /**
   * `"connecting"`, `"connected"`, `"disconnected"` (also before the first use) or `"closed"`. UDP has no connections: a UDP client is
   * `"connected"` while its socket is open, whether anybody receives or not.
   */
  get state(): ConnectionState {
    return this.connection.state;
  }

  /** Counters since the client was created. */
  stats(): ClientStats {
    const { sent, sendErrors } = this.connection;
    return { sent, sendErrors, ...this.#counts, unread: this.#inbox.size, pending: this.#requests.size };
  }

  /**
   * Opens the socket, which the first use does otherwise. Reopens a closed client.
   *
   * @returns the local address
   * @throws (rejects) OscSocketError if that fails: `ENOTFOUND` for a name that doesn't resolve, `EADDRINUSE` for a port that is taken
   */
  open(): Promise<NetAddress> {
    return this.connection.open();
  }

  /**
   * Ends every wait for messages, rejects every pending request with `OSC_CLOSED`, and closes the socket after everything given to `send`
   * is out. Resolves when that is done. May be called twice, and before the first use.
   */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.stop();
    const closed = this.connection.close();
    this.#inbox.clear();
    this.#endWaits(closedError("The client was closed while it waited for a reply."));
    await closed;
    this.#reporter.close();
  }

  /** `await using client = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Sends a message or a bundle. Resolves when the system has taken it, which doesn't mean that it arrives.
   *
   * You need not await the promise. If it fails and nobody has looked at it (with `await`, `then` or `catch`), the error goes to `onError`
   * and the program goes on.
   *
   * @throws (rejects) OscEncodeError for anything that isn't a packet; OscSocketError if it can't be sent: `ENOTFOUND`, `OSC_PACKET_TOO_LARGE` for a
   * packet too large for the transport, and so on; OscServerError `OSC_CLOSED` after `close()`
   */
  send(packet: OscPacket): Promise<void> {
    return SendPromise.of((done) => this.connection.send(this.encoder.encode(packet), null, done), this.#onUnseen);
  }

  /**
   * Sends a message; see {@link send}.
   *
   * @param address begins with `/`
   * @param value one argument or an array of arguments, each plain or with its type (`int(1)`, `float(1)`). Default: none
   * @param types the type tag string without its comma. Default: inferred
   * @throws (rejects) OscEncodeError if they don't make a message; otherwise as {@link send}
   */
  sendMessage(address: string, value: OscArgument = [], types?: string, ...more: readonly never[]): Promise<void> {
    return SendPromise.of((done) => {
      checkNotVariadic(address, value, types, more);
      this.connection.send(this.encoder.encodeMessage(address, value, types), null, done);
    }, this.#onUnseen);
  }

  /**
   * Sends a bundle; see {@link send}.
   *
   * @param elements messages and bundles
   * @param timeTag when they take effect. Default: at once
   * @throws (rejects) OscEncodeError if they don't make a bundle; otherwise as {@link send}
   */
  sendBundle(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag): Promise<void> {
    return SendPromise.of(
      (done) => this.connection.send(this.encoder.encode(new OscBundle(elements, timeTag)), null, done),
      this.#onUnseen,
    );
  }

  /** Sends the bytes of a packet unchanged and unchecked. They must not change until the promise resolves. Otherwise as {@link send}. */
  sendBytes(packet: Uint8Array): Promise<void> {
    return SendPromise.of((done) => {
      if (!(packet instanceof Uint8Array)) {
        throw new OscEncodeError("OSC_VALUE_TYPE", `The bytes of a packet must be a Uint8Array; got ${describe(packet)}.`, packet);
      }
      this.connection.send(packet, null, done);
    }, this.#onUnseen);
  }

  /**
   * The messages that arrive, those of bundles one by one, at once whatever their time tags say. Messages that arrived since the socket was
   * opened and that nobody has read come first.
   *
   * Ends after `timeout` milliseconds without a message, when `signal` is aborted, and when the client is closed. If several iterate at the
   * same time, each message goes to the one that has waited longest. Replies to `request()` go there alone.
   *
   * ```ts
   * for await (const message of client.messages({ timeout: 500 })) console.log(message.address, message.args);
   * ```
   *
   * @param options `timeout`: default `Infinity`
   * @throws OscServerError `OSC_OPTION` at once; iterating: OscSocketError if the socket can't be opened, `OSC_CLOSED` if the client is
   * closed already
   */
  messages(options: ReceiveOptions = {}): AsyncGenerator<OscMessage, void, undefined> {
    return messagesOf(this.#receive(waitOf("messages()", options, Infinity)));
  }

  /** As {@link messages}, with each message's sender and time tag. */
  receive(options: ReceiveOptions = {}): AsyncGenerator<ReceivedMessage, void, undefined> {
    return this.#receive(waitOf("receive()", options, Infinity));
  }

  /**
   * Calls the handlers of {@link dispatcher} with the messages that have arrived and that arrive, one after another. Awaits promises that
   * handlers return, and sends what they reply to the sender of the message. A handler that throws is reported to `onError`, and the others
   * still run. Doesn't wait for time tags.
   *
   * Ends after `timeout` milliseconds without a message, when `signal` is aborted, when the client is closed, and when a handler calls
   * `shutdown()`.
   *
   * @param options `timeout`: default 30,000; 0 handles only what has arrived
   * @returns how many messages were handled
   * @throws (rejects) as {@link messages}
   */
  async handleMessages(options: ReceiveOptions = {}): Promise<number> {
    let handled = 0;
    let isOver = false;
    const handling: PacketHandling = {
      mode: "async",
      allowOddAddresses: true,
      shutdown: () => {
        isOver = true;
      },
    };
    for await (const { message, from, timeTag } of this.#receive(waitOf("handleMessages()", options, this.handleTimeout))) {
      // In a bundle again, so that handlers see its time tag.
      const packet = timeTag === null ? message : new OscBundle(message, timeTag);
      const error = (fault: OscError): void => {
        // The decoder's errors were reported when the message arrived.
        if (!(fault instanceof OscDecodeError)) this.report(fault, from);
      };
      const reply = (answer: OscReply): void => {
        this.connection.send(this.encoder.encode(packetOf(answer)), from, (failure) => {
          if (failure !== null) this.report(failure);
        });
      };
      await handleDecoded(this.dispatcher, packet, { handling, clientAddress: from, asOf: Infinity, reply, error });
      handled += 1;
      if (isOver) break;
    }
    return handled;
  }

  /**
   * Sends a message and waits for the reply: the next message whose address is `replyTo` or matches it. If several requests wait for the
   * same address, they get the replies in order.
   *
   * ```ts
   * const gain = await client.request("/ch/01/mix/fader", [], { timeout: 500, retries: 2 });
   * ```
   *
   * @throws (rejects) OscTimeoutError if none comes; the signal's reason; `OSC_CLOSED` if the client is closed meanwhile; and as {@link send}
   */
  request(address: string, args: OscArgument = [], options: RequestOptions = {}): Promise<OscMessage> {
    return this.#requests.make(address, () => this.encoder.encodeMessage(address, args, options.types), options);
  }

  /**
   * Keeps a session with a device that forgets clients after a while (`/xremote`), or that doesn't tell when it is gone: sends again and
   * again, watches for signs of life, and subscribes again after a reconnect. Ends with `stop()`, and when the client is closed.
   *
   * ```ts
   * const session = client.keepAlive({ send: "/xremote", every: 8000 });
   * session.on("lost", () => console.log("The console is gone."));
   * ```
   *
   * @param options what to send and to expect, or the name of a profile in {@link KEEP_ALIVE}
   * @throws OscServerError `OSC_OPTION`; OscEncodeError if a string isn't an address
   */
  keepAlive(options: KeepAliveOptions | KeepAliveName): KeepAliveSession {
    const { connection } = this;
    connection.checkOpen();
    const session = new KeepAliveSession(
      {
        get isConnected() {
          return connection.address !== null;
        },
        connect: () => void connection.listen().catch((error: unknown) => this.report(error as OscError)),
        send: (message) => void this.send(message),
        ref: () => connection.ref(),
        listenerFailed: (event, cause) => this.listenerFailed(event, cause),
        stopped: (one) => this.#sessions.delete(one),
      },
      options,
    );
    this.#sessions.add(session);
    return session;
  }

  /** Called when the connection changes. */
  protected stateChanged(state: ConnectionState, _error: OscError | null): void {
    if (state === "connected") for (const session of this.#sessions) session.connected();
  }

  /** Reports a listener of an event that threw. */
  protected listenerFailed(event: string, cause: unknown): void {
    this.report(new OscDispatchError("OSC_HANDLER_FAILED", `A listener of "${event}" failed: ${String(cause)}`, "", { cause }));
  }

  /** As {@link send}, for subclasses that send in another way. */
  protected sendWith(send: (done: SendDone) => void): Promise<void> {
    return SendPromise.of(send, this.#onUnseen);
  }

  /** Reports an error to `onError`. */
  protected report(error: OscError, address?: NetAddress): void {
    this.#reporter.report(error, address);
  }

  async *#receive(wait: Wait): AsyncGenerator<ReceivedMessage, void, undefined> {
    const { connection } = this;
    connection.checkOpen();
    const { epoch } = connection;
    for (;;) {
      let received = this.#inbox.shift();
      if (received === null) {
        // After the connection ended, this iteration doesn't open another.
        if (epoch !== connection.epoch) return;
        if (connection.address === null) await connection.listen();
        if (epoch !== connection.epoch) return;
        const unref = connection.ref();
        received = await this.#inbox.take(wait);
        unref();
        if (received === null) return;
      }
      yield received;
    }
  }

  #receivePacket(bytes: Uint8Array, from: NetAddress): void {
    this.#counts.received += 1;
    const packet = tryDecode(bytes, this.#settings);
    if (packet instanceof OscDecodeError) {
      this.#counts.malformed += 1;
      this.report(new OscRejectedError("malformed", `The packet cannot be decoded: ${packet.message}`, { cause: packet }), from);
      return;
    }
    const messages: ReceivedMessage[] = [];
    this.#flatten(packet, from, null, messages);
    for (const received of messages) {
      // Decoded values outweigh their bytes: a true or nil has only its type tag.
      const weight = bytes.length / messages.length + received.message.types.length * BYTES_PER_ARGUMENT;
      this.#receiveMessage(received, weight);
    }
  }

  /** Collects the messages of a packet, and reports the faults that the decoder found. */
  #flatten(packet: OscPacket, from: NetAddress, timeTag: TimeTag | null, into: ReceivedMessage[]): void {
    for (const error of packet.errors) {
      this.#counts.faults += 1;
      this.report(error, from);
    }
    if (packet instanceof OscBundle) {
      for (const element of packet.elements) this.#flatten(element, from, packet.timeTag, into);
    } else {
      into.push({ message: packet, from, timeTag });
    }
  }

  #receiveMessage(received: ReceivedMessage, bytes: number): void {
    let isSign = false;
    for (const session of this.#sessions) isSign = session.hear(received.message) || isSign;
    if (isSign) return;
    if (this.#requests.settle(received.message)) return;
    const dropped = this.#inbox.push(received, bytes);
    if (dropped === 0) return;
    this.#counts.dropped += dropped;
    const { maxInbox, maxInboxBytes } = this.#settings;
    const [limit, most] = this.#inbox.size >= maxInbox ? ["maxInbox", maxInbox] : ["maxInboxBytes", maxInboxBytes];
    const text = `The ${dropped} oldest unread messages were dropped because ${limit} (${most}) was reached. Read them with messages() or handleMessages().`;
    this.report(new OscDroppedError(limit, text), received.from);
  }

  #endWaits(reason: OscError): void {
    this.#inbox.interrupt();
    this.#requests.rejectAll(reason);
  }
}

/** Encodes the packets of a client, converted to what its receiver takes. */
export class PacketEncoder {
  readonly #receiver: ReceiverProfile | null;
  readonly #options: EncodeOptions | undefined;

  /** @param settings `for`: null for a receiver that takes everything; `numbers`: undefined for as the receiver likes it */
  constructor({ for: receiver, numbers = receiver?.numbers }: Pick<ClientSettings, "for" | "numbers">) {
    this.#receiver = receiver === null || numbers === undefined ? receiver : { ...receiver, numbers };
    this.#options = numbers === undefined ? undefined : { numbers };
  }

  encode(packet: OscPacket): Uint8Array {
    return encode(this.#receiver === null ? packet : fitTo(packet, this.#receiver), this.#options);
  }

  encodeMessage(address: string, value: OscArgument, types: string | undefined): Uint8Array {
    if (this.#receiver !== null) return this.encode(new OscMessage(address, value, types));
    return encodeMessage(address, value, types, this.#options);
  }
}

async function* messagesOf(source: AsyncIterable<ReceivedMessage>): AsyncGenerator<OscMessage, void, undefined> {
  for await (const { message } of source) yield message;
}

/** Whoever writes arguments one after another, as for node-osc, must not lose them: the third parameter is the type tag string. */
export function checkNotVariadic(address: string, value: OscArgument, types: string | undefined, more: readonly unknown[]): void {
  const isVariadic = more.length > 0 || (types !== undefined && typeof types !== "string") || (types === "s" && typeof value === "string");
  if (!isVariadic) return;
  const args = [value, types, ...more].map((argument) => (typeof argument === "string" ? JSON.stringify(argument) : String(argument)));
  throw new OscEncodeError(
    "OSC_VALUE_TYPE",
    `sendMessage() takes the arguments as one array: write sendMessage(${JSON.stringify(address)}, [${args.join(", ")}]). The third parameter is the type tag string; got ${describe(types)}.`,
    types,
  );
}
