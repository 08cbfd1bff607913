import { type OscArgument, OscBundle, OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { Dispatcher } from "../dispatch/index.ts";
import { ConnectionClient } from "./connection-client.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import { type ReceiveOptions, settingsOf } from "./options.ts";
import { TcpLink } from "./tcp-link.ts";
import { type TCPClientArguments, type TCPClientOptions, readArguments, tcpLinkSpec } from "./tcp-options.ts";

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
export class TCPClient extends ConnectionClient {
  /**
   * @param where a host, as a name or an IP address, and a port from 1 to 65535; or `{ path }` of a Unix domain socket; then the options
   * @throws OscServerError `OSC_OPTION` for a host, a port, a path or an option that cannot be
   */
  constructor(...where: TCPClientArguments<TCPClientOptions>) {
    const { place, options } = readArguments(where);
    const spec = tcpLinkSpec(place, options, settingsOf(options));
    super(spec.target, (events) => new TcpLink(spec, events), options);
  }
}

/**
 * {@link TCPClient} with the packets made for you.
 *
 * @example
 * await using client = new SimpleTCPClient("127.0.0.1", 9000, { framing: "1.0" });
 * await client.sendMessage("/mixer/gain", [1, 0.5]);
 */
export class SimpleTCPClient extends TCPClient {
  /**
   * Sends a message. The promise need not be awaited; see {@link TCPClient.send}.
   *
   * @param address begins with `/`
   * @param value one argument or an array of arguments, each plain or with its type (`int(1)`, `float(1)`). Default: none
   * @param types the type tag string without its comma. Default: as inferred
   * @throws (rejects) OscEncodeError where the message cannot be one; otherwise as {@link TCPClient.send}
   */
  sendMessage(address: string, value: OscArgument = [], types?: string): Promise<void> {
    return this.sendMade(() => new OscMessage(address, value, types));
  }

  /**
   * Sends a bundle. The promise need not be awaited; see {@link TCPClient.send}.
   *
   * @param elements messages and bundles
   * @param timeTag when they take effect. Default: at once
   * @throws (rejects) OscEncodeError where the bundle cannot be one; otherwise as {@link TCPClient.send}
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
  /** The handlers of what is sent back. */
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
