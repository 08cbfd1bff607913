import { type OscArgument, OscBundle, OscMessage, type OscPacket, type TimeTag } from "../codec/index.ts";
import { Dispatcher } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import { websocketUrl } from "../url/websocket-url.ts";
import { ConnectionClient } from "./connection-client.ts";
import { type ConnectionOptions, connectTimeoutOf } from "./connection-options.ts";
import { dispatchMessages } from "./dispatch-messages.ts";
import { type ReceiveOptions, wholeNumber } from "./options.ts";
import { type OpenWebSocket, type WebSocketLike, WebSocketLink } from "./websocket-link.ts";

/** Options of a {@link WebSocketClient}. */
export interface WebSocketClientOptions extends ConnectionOptions {
  /** The handlers. Default: a dispatcher of its own, without any. */
  readonly dispatcher?: Dispatcher;
  /** How many packets may wait for the connection. Default 1,000: what a hand on a fader makes in some ten seconds. */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 1 MiB. */
  readonly maxUnsentBytes?: number;
  /** What is lost when there are more: the packet that comes, or the one that has waited longest. Its promise is rejected. Default `"drop-oldest"`. */
  readonly overflow?: "drop-newest" | "drop-oldest";
  /** How many bytes may be given to the WebSocket before the network has taken them; beyond that, sends are rejected. Default 4 MiB. */
  readonly maxBuffered?: number;
  /** The class of the WebSocket, such as one with other settings. Default: `globalThis.WebSocket` in browsers, that of the package `ws` in Node. */
  readonly WebSocket?: {
    /** Begins to connect to a URL. */
    new (url: string): WebSocketLike;
  };
}

const MIB = 1024 * 1024;

/**
 * Sends OSC packets to a WebSocket server, such as `AsyncOSCWebSocketServer` or a bridge, and receives what it sends. In browsers and in Node.
 *
 * It connects when it is first used, or by `connect()`, and again when the connection breaks, after pauses that grow; meanwhile packets wait,
 * within bounds. `on("state", …)` tells how things stand. In Node it keeps the process alive only while something waits, as all clients do.
 *
 * @example
 * const client = new WebSocketClient(`ws://${location.host}/`);
 * client.dispatcher.map("/meter/*", (address, level) => console.log(address, level));
 * void client.handleMessages();
 * const fader = document.querySelector("input")!;
 * fader.oninput = () => void client.sendMessage("/fader/1", float(fader.valueAsNumber));
 */
export class WebSocketClient extends ConnectionClient {
  /** The handlers of what is sent back. */
  readonly dispatcher: Dispatcher;

  /**
   * @param url `ws://host:port/path` or `wss://…`; `http` and `https` are taken for these
   * @param openWebSocket how sockets are opened where that takes more than a class of them. Default: by the option `WebSocket`
   * @throws OscServerError `OSC_OPTION` for a URL or an option that cannot be
   */
  constructor(url: string | URL, options: WebSocketClientOptions = {}, openWebSocket: OpenWebSocket = openBy(options)) {
    const address = websocketUrl(url);
    const { dispatcher = new Dispatcher(), maxUnsent = 1000, maxUnsentBytes = MIB, overflow = "drop-oldest" } = options;
    const spec = {
      url: address,
      connectTimeout: connectTimeoutOf(options),
      maxBuffered: wholeNumber("maxBuffered", options.maxBuffered, 4 * MIB, 1),
      openWebSocket,
    };
    super(address, (events) => new WebSocketLink(spec, events), { ...options, maxUnsent, maxUnsentBytes, overflow });
    this.dispatcher = dispatcher;
  }

  /**
   * Sends a message. The promise need not be awaited; see {@link send}.
   *
   * @param address begins with `/`
   * @param value one argument or an array of arguments, each plain or with its type (`int(1)`, `float(1)`). Default: none
   * @param types the type tag string without its comma. Default: as inferred
   * @throws (rejects) OscEncodeError where the message cannot be one; otherwise as {@link send}
   */
  sendMessage(address: string, value: OscArgument = [], types?: string): Promise<void> {
    return this.sendMade(() => new OscMessage(address, value, types));
  }

  /**
   * Sends a bundle. The promise need not be awaited; see {@link send}.
   *
   * @param elements messages and bundles
   * @param timeTag when they take effect. Default: at once
   * @throws (rejects) OscEncodeError where the bundle cannot be one; otherwise as {@link send}
   */
  sendBundle(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag): Promise<void> {
    return this.sendMade(() => new OscBundle(elements, timeTag));
  }

  /**
   * Calls the handlers of the messages that have arrived and that arrive, one message after another, through all breaks of the connection. As
   * `DispatchClient.handleMessages()`.
   *
   * @param options `timeout`: default `Infinity`, until `close()`; with 0 only what has arrived is handled
   * @returns how many messages were handled
   * @throws (rejects) as {@link messages}
   */
  async handleMessages(options: ReceiveOptions = {}): Promise<number> {
    return dispatchMessages(this.receive(options), this.dispatcher, {
      answer: (packet, to) => this.answer(packet, to),
      report: (error, from) => this.report(error, from),
    });
  }
}

function openBy({ WebSocket }: WebSocketClientOptions): OpenWebSocket {
  return (url) => {
    const Socket = WebSocket ?? (globalThis as { WebSocket?: new (url: string) => WebSocketLike }).WebSocket;
    if (Socket === undefined) throw new OscServerError("OSC_OPTION", "There is no WebSocket here: give a class as the option WebSocket.");
    return { socket: new Socket(url) };
  };
}
