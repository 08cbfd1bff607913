import { type OscArgument, OscBundle, OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { Dispatcher } from "../dispatch/index.ts";
import { OscDispatchError, OscTimeoutError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import { type ReceiveOptions, milliseconds, settingsOf } from "./options.ts";
import { type ClientStats, PacketClient } from "./packet-client.ts";
import { type ConnectionState, ReconnectingKeeper } from "./reconnecting-keeper.ts";
import { TcpLink } from "./tcp-link.ts";
import { type TCPClientArguments, type TCPClientOptions, readArguments, reconnectingSettings, tcpLinkSpec } from "./tcp-options.ts";
import { startTimer } from "./timer.ts";

/** What a TCP client has done since it was made. */
export interface TCPClientStats extends ClientStats {
  /** How often a connection was made. */
  readonly connects: number;
  /** Packets that wait for the connection. */
  readonly unsent: number;
  /** Packets that were lost because `maxUnsent` or `maxUnsentBytes` was reached. They are among `sendErrors`. */
  readonly overflowed: number;
  /** Packets that were being sent when a connection broke: they may have arrived or not. They are among `sendErrors`. */
  readonly inDoubt: number;
}

/** Told of every change; `error` is why, where that is known. */
export type StateListener = (state: ConnectionState, error: OscError | null) => void;

/** How long to wait for a connection. */
export interface ConnectOptions {
  /** Gives up after so many milliseconds. Default: the option `connectTimeout`, which bounds each attempt. */
  readonly timeout?: number;
  /** Gives up when it is aborted: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Sends OSC packets to a server over TCP or a Unix domain socket, and receives what it sends back. OSC 1.0 "OSC Packets", OSC 1.1 section 2.1.
 *
 * It connects when it is first used, or by `connect()`, and again when the connection breaks; meanwhile packets wait, within bounds.
 * A packet is either on its way when its promise resolves, or the promise is rejected. It is rejected, too, where the connection broke
 * while it was being sent, so that nobody knows whether it arrived (`stats().inDoubt`): send it again if twice is better than not at all.
 * A packet that the system had taken may still be lost with the connection, and TCP does not tell: where that matters, use `request()`.
 *
 * @example
 * await using client = new TCPClient("127.0.0.1", 9000);
 * await client.send(new OscMessage("/mixer/gain", 0.5));
 */
export class TCPClient extends PacketClient {
  readonly #keeper: ReconnectingKeeper;
  readonly #listeners: Set<StateListener>;
  readonly #connectTimeout: number;

  /**
   * @param where a host, as a name or an IP address, and a port from 1 to 65535; or `{ path }` of a Unix domain socket; then the options
   * @throws OscServerError `OSC_OPTION` for a host, a port, a path or an option that cannot be
   */
  constructor(...where: TCPClientArguments<TCPClientOptions>) {
    const { place, options } = readArguments(where);
    const spec = tcpLinkSpec(place, options, settingsOf(options));
    const settings = reconnectingSettings(options);
    const listeners = new Set<StateListener>();
    const kept: ReconnectingKeeper[] = [];
    super(
      spec.target,
      (events) => new TcpLink(spec, events),
      options,
      (createLink, events) => {
        const onState = (state: ConnectionState, error: OscError | null): void => {
          for (const listener of listeners) tell(listener, state, error, (fault) => events.onError(fault));
        };
        const keeper = new ReconnectingKeeper(createLink, { ...events, onState }, settings);
        kept.push(keeper);
        return keeper;
      },
    );
    this.#keeper = kept[0] as ReconnectingKeeper;
    this.#listeners = listeners;
    this.#connectTimeout = spec.connectTimeout;
  }

  /** `"connecting"`, `"connected"`, `"disconnected"` (before the first use, too) or `"closed"`. */
  get state(): ConnectionState {
    return this.#keeper.state;
  }

  /**
   * Connects now, rather than when the client is first used: one attempt, after which others follow only where packets wait or someone
   * waits for messages. Does nothing while there is a connection.
   *
   * @returns where the client's socket is bound
   * @throws (rejects) OscSocketError where it fails: `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT` and so on; OscTimeoutError after `timeout`; the
   * signal's reason; `OSC_CLOSED` where the client is closed meanwhile
   */
  async connect({ timeout, signal }: ConnectOptions = {}): Promise<NetAddress> {
    const limit = milliseconds("timeout", timeout, this.#connectTimeout);
    signal?.throwIfAborted();
    const giveUp = new AbortController();
    const stop = startTimer(limit, () => giveUp.abort(new OscTimeoutError(`There was no connection within ${limit} ms.`)));
    const abort = (): void => giveUp.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      return await this.#keeper.open(giveUp.signal);
    } finally {
      stop();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Has the listener called whenever {@link state} changes. */
  on(_event: "state", listener: StateListener): this {
    this.#listeners.add(listener);
    return this;
  }

  off(_event: "state", listener: StateListener): this {
    this.#listeners.delete(listener);
    return this;
  }

  /** Counters since the client was made. */
  override stats(): TCPClientStats {
    const { connects, unsent, overflowed, inDoubt } = this.#keeper;
    return { ...super.stats(), connects, unsent, overflowed, inDoubt };
  }
}

/** {@link TCPClient} with the packets made for you. */
export class SimpleTCPClient extends TCPClient {
  /**
   * Sends a message. The promise need not be awaited; see {@link TCPClient.send}.
   *
   * @param value one argument or an array of arguments, each plain or with its type (`int(1)`, `float(1)`). Default: none
   * @param types the type tag string without its comma. Default: as inferred
   */
  sendMessage(address: string, value: OscArgument = [], types?: string): Promise<void> {
    return this.sendMade(() => new OscMessage(address, value, types));
  }

  /**
   * Sends a bundle. The promise need not be awaited; see {@link TCPClient.send}.
   *
   * @param elements messages and bundles
   * @param timeTag when they take effect. Default: at once
   */
  sendBundle(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag): Promise<void> {
    return this.sendMade(() => new OscBundle(elements, timeTag));
  }
}

/** Options of a {@link TCPDispatchClient}. */
export interface TCPDispatchClientOptions extends TCPClientOptions {
  /** The handlers. Default: a dispatcher of its own, without any. */
  readonly dispatcher?: Dispatcher;
}

/**
 * {@link SimpleTCPClient} with handlers for what is sent back.
 *
 * @example
 * const client = new TCPDispatchClient("127.0.0.1", 9000);
 * client.dispatcher.map("/gain", (address, gain) => console.log(address, gain));
 * await client.sendMessage("/gain/get");
 * await client.handleMessages({ timeout: 500 });
 */
export class TCPDispatchClient extends SimpleTCPClient {
  readonly dispatcher: Dispatcher;

  /**
   * @param where as for {@link TCPClient}
   * @throws as {@link TCPClient}
   */
  constructor(...where: TCPClientArguments<TCPDispatchClientOptions>) {
    super(...where);
    this.dispatcher = readArguments(where).options.dispatcher ?? new Dispatcher();
  }

  /**
   * Calls the handlers of the messages that have arrived and that arrive, one message after another. As `DispatchClient.handleMessages()`.
   *
   * @param options `timeout`: default 30,000; with 0 only what has arrived is handled
   * @returns how many messages were handled
   * @throws (rejects) as {@link messages}
   */
  async handleMessages(options: ReceiveOptions = {}): Promise<number> {
    return dispatchMessages(this.receive({ timeout: 30_000, ...options }), this.dispatcher, {
      answer: (packet, to) => this.answer(packet, to),
      report: (error, from) => this.report(error, from),
    });
  }
}

/** A listener that throws must not break what goes on; what it throws is reported. */
function tell(listener: StateListener, state: ConnectionState, error: OscError | null, report: (fault: OscError) => void): void {
  try {
    listener(state, error);
  } catch (cause) {
    report(new OscDispatchError("OSC_HANDLER_FAILED", `A listener of the state "${state}" failed: ${String(cause)}`, "", { cause }));
  }
}
