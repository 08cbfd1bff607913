// For programs whose own libraries do not have it: a client can be used with "await using".
/// <reference lib="esnext.disposable" preserve="true" />
import { type OscArgument, OscBundle, OscMessage, type OscPacket, type TimeTag, encode } from "../codec/index.ts";
import { Reporter, decodeReceived, reportToConsole } from "../dispatch/index.ts";
import { OscDecodeError, OscDroppedError, OscEncodeError, type OscError, OscRejectedError, OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { fitTo } from "./fit-packet.ts";
import { Inbox, type ReceivedMessage } from "./inbox.ts";
import type { Keeper, KeeperFactory } from "./keeper.ts";
import { type PacketClientOptions, type PacketClientSettings, type ReceiveOptions, type Wait, settingsOf, waitOf } from "./options.ts";
import type { PacketLinkFactory } from "./packet-link.ts";
import { PendingRequests } from "./pending-requests.ts";
import { type RequestOptions, requestReply } from "./request.ts";
import { type SendDone, SendPromise } from "./send-promise.ts";

/** What a client has done since it was made. */
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

/**
 * A client apart from its socket: what all clients can do, over a link that moves packets.
 *
 * There is no socket before the first use, or `open()`. It keeps the process alive only while something waits for a message, or a packet is
 * on its way out: a program that sends and has nothing more to do ends, without `close()` and without losing a packet.
 *
 * @example
 * const client: PacketClient = new UDPClient("127.0.0.1", 9000);
 * await client.send(new OscMessage("/status"));
 * for await (const { address, args } of client.messages({ timeout: 500 })) console.log(address, args);
 * client.stats().received;
 */
export abstract class PacketClient implements AsyncDisposable {
  readonly #settings: PacketClientSettings;
  readonly #keeper: Keeper;
  readonly #reporter: Reporter;
  readonly #inbox: Inbox;
  readonly #requests = new PendingRequests();
  readonly #target: string;
  readonly #counts = { sent: 0, sendErrors: 0, received: 0, malformed: 0, faults: 0, dropped: 0 };

  /**
   * @param target where packets go, for error messages: `host:port`
   * @param createKeeper what opens and closes links
   * @throws OscServerError `OSC_OPTION` for a value that an option cannot have
   */
  protected constructor(target: string, createLink: PacketLinkFactory, options: PacketClientOptions, createKeeper: KeeperFactory) {
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#target = target;
    this.#reporter = new Reporter(options.onError ?? reportToConsole, settings.maxReports);
    this.#inbox = new Inbox(settings.maxInbox, settings.maxInboxBytes);
    this.#keeper = createKeeper(createLink, {
      onPacket: (packet, from) => this.#receivePacket(packet, from),
      onError: (error, address) => this.report(error, address),
      onEnd: (error) => this.#endWaits(error ?? closedError(`The connection to ${target} was closed by the other side.`)),
    });
  }

  /** Where the client's socket is bound: where replies come to. `null` while it has none. */
  get clientAddress(): NetAddress | null {
    return this.#keeper.address;
  }

  /** Counters since the client was made. */
  stats(): ClientStats {
    return { ...this.#counts, unread: this.#inbox.size, pending: this.#requests.size };
  }

  /**
   * Opens the socket, which otherwise the first use does. A client that was closed can be opened again.
   *
   * @returns where it is bound
   * @throws OscSocketError where that is not possible: `ENOTFOUND` for a name that does not resolve, `EADDRINUSE` for a port that is taken
   */
  open(): Promise<NetAddress> {
    return this.#keeper.open();
  }

  /**
   * Ends every wait for messages, rejects every pending request with `OSC_CLOSED`, and closes the socket once all that was given to
   * `send` is on its way. Resolves when that is done. May be called twice, and before the client was used.
   */
  async close(): Promise<void> {
    const closed = this.#keeper.close();
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
   * Sends a message or a bundle. Resolves when the system has taken it, which does not mean that it arrives.
   *
   * The promise need not be awaited. Where nobody has looked at it (with `await`, `then` or `catch`) by the time it fails, the failure goes to
   * `onError`, and the program goes on; a promise that is looked at is the caller's alone.
   *
   * @throws (rejects) OscEncodeError for what is no packet; OscSocketError where it cannot be sent: `ENOTFOUND`, `EMSGSIZE` for a packet
   * too large for the transport, and so on; OscServerError `OSC_CLOSED` after `close()`
   */
  send(packet: OscPacket): Promise<void> {
    return this.sendMade(() => packet);
  }

  /** Sends the bytes of a packet as they are, unlooked at; they must not change until the promise resolves. Otherwise as {@link send}. */
  sendBytes(packet: Uint8Array): Promise<void> {
    return this.#sendPromise((done) => {
      if (!(packet instanceof Uint8Array))
        throw new OscEncodeError("OSC_VALUE_TYPE", `The bytes of a packet are a Uint8Array; got ${typeof packet}.`, packet);
      this.#submit(packet, null, done);
    });
  }

  /**
   * The messages that arrive, those of bundles one by one, at once whatever their time tags say. Those that arrived since the socket was
   * opened and that nobody has read come first.
   *
   * Ends after `timeout` milliseconds without a message, when `signal` is aborted, and when the client is closed. Where several iterate
   * at once, each message goes to one of them: to the one that has waited longest. Replies to `request()` go there alone.
   *
   * ```ts
   * for await (const message of client.messages({ timeout: 500 })) console.log(message.address, message.args);
   * ```
   *
   * @param options `timeout`: default `Infinity`
   * @throws OscServerError `OSC_OPTION` at once; iterating: OscSocketError where the socket cannot be opened, `OSC_CLOSED` where the
   * client is closed already
   */
  messages(options: ReceiveOptions = {}): AsyncGenerator<OscMessage, void, undefined> {
    return messagesOf(this.receive(options));
  }

  /** As {@link messages}, together with each message's sender and time tag. */
  receive(options: ReceiveOptions = {}): AsyncGenerator<ReceivedMessage, void, undefined> {
    return this.#receive(waitOf(options, Infinity));
  }

  /**
   * Sends a message and waits for the reply: the next message to arrive whose address is `replyTo` or matches it. Where several requests
   * wait for the same address, replies go to them in the order in which they were made.
   *
   * ```ts
   * const gain = await client.request("/ch/01/mix/fader", [], { timeout: 500, retries: 2 });
   * ```
   *
   * @throws (rejects) OscTimeoutError where none comes; the signal's reason; `OSC_CLOSED` where the client is closed meanwhile; and as
   * {@link send}
   */
  request(address: string, args: OscArgument = [], options: RequestOptions = {}): Promise<OscMessage> {
    const target = this.#target;
    return requestReply(address, options, {
      target,
      bytes: () => this.encode(new OscMessage(address, args, options.types)),
      send: (packet) =>
        new Promise((resolve, reject) => this.#submit(packet, null, (error) => (error === null ? resolve() : reject(error)))),
      requests: this.#requests,
      waiting: () => this.#keeper.hold(),
    });
  }

  /** As {@link send}; what `make` throws rejects the promise. */
  protected sendMade(make: () => OscPacket): Promise<void> {
    return this.#sendPromise((done) => this.#submit(this.encode(make()), null, done));
  }

  /** As {@link send}, in a way of the subclass's own: `send` ends the promise by `done`, and has each packet counted by `count`. */
  protected sendOwnWay(send: (done: SendDone, count: SendDone) => void): Promise<void> {
    return this.#sendPromise((done) => send(done, (error) => this.#count(error)));
  }

  /** Sends a packet to a peer that has sent one; what fails is reported. */
  protected answer(packet: OscPacket, to: NetAddress): void {
    this.#submit(this.encode(packet), to, (error) => {
      if (error !== null) this.report(error);
    });
  }

  /** The packet's bytes, as the receiver that the client was made for understands them. */
  protected encode(packet: OscPacket): Uint8Array {
    const { encode: options, receiver } = this.#settings;
    return encode(receiver === null ? packet : fitTo(packet, receiver), options);
  }

  /** Gives an error to `onError`. */
  protected report(error: OscError, address?: NetAddress): void {
    this.#reporter.report(error, address);
  }

  #sendPromise(send: (done: SendDone) => void): Promise<void> {
    return SendPromise.of(send, (error) => this.report(error));
  }

  #submit(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    this.#keeper.send(packet, to, (error) => {
      this.#count(error);
      done(error);
    });
  }

  #count(error: OscError | null): void {
    if (error === null) this.#counts.sent += 1;
    else this.#counts.sendErrors += 1;
  }

  async *#receive(wait: Wait): AsyncGenerator<ReceivedMessage, void, undefined> {
    if (this.#keeper.isClosed) throw closedError("The client is closed: open() it again, or make another.");
    const { session } = this.#keeper;
    for (;;) {
      let received = this.#inbox.shift();
      if (received === null) {
        // Once the link has ended or was closed, no other is opened for this iteration.
        if (session !== this.#keeper.session) return;
        if (this.#keeper.address === null) await this.#keeper.listen();
        if (session !== this.#keeper.session) return;
        const release = this.#keeper.hold();
        received = await this.#inbox.take(wait);
        release();
        if (received === null) return;
      }
      yield received;
    }
  }

  #receivePacket(bytes: Uint8Array, from: NetAddress): void {
    this.#counts.received += 1;
    const packet = decodeReceived(bytes, this.#settings.decode);
    if (packet instanceof OscDecodeError) {
      this.#counts.malformed += 1;
      this.report(new OscRejectedError("malformed", `The packet cannot be decoded: ${packet.message}`, { cause: packet }), from);
      return;
    }
    const messages: ReceivedMessage[] = [];
    this.#flatten(packet, from, null, messages);
    for (const received of messages) this.#receiveMessage(received, bytes.length / messages.length);
  }

  /** Collects the messages of a packet, and reports what the decoder found wrong on the way. */
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
    if (this.#requests.settle(received.message)) return;
    const dropped = this.#inbox.push(received, bytes);
    if (dropped === 0) return;
    this.#counts.dropped += dropped;
    const { maxInbox, maxInboxBytes } = this.#settings;
    const limit = this.#inbox.size >= maxInbox ? "maxInbox" : "maxInboxBytes";
    const text = `${dropped} of the oldest messages that nobody has read were dropped, for ${limit} (${limit === "maxInbox" ? maxInbox : maxInboxBytes}) was reached: read them with messages() or handleMessages().`;
    this.report(new OscDroppedError(limit, text), received.from);
  }

  #endWaits(reason: OscError): void {
    this.#inbox.interrupt();
    this.#requests.rejectAll(reason);
  }
}

async function* messagesOf(source: AsyncIterable<ReceivedMessage>): AsyncGenerator<OscMessage, void, undefined> {
  for await (const { message } of source) yield message;
}

function closedError(message: string): OscServerError {
  return new OscServerError("OSC_CLOSED", message);
}
