import { bad, integer, oneOf, type OptionCheck, optionError, readOptions } from "../options.ts";
import { websocketUrl } from "../url/osc-url.ts";
import { maskSecrets } from "../url/secrets.ts";
import { ConnectionClient } from "./connection-client.ts";
import { CONNECTION_CHECKS, type Checks, type ConnectionClientSettings, type ConnectionOptions } from "./options.ts";
import { type OpenWebSocket, type WebSocketLike, WebSocketLink } from "./websocket-link.ts";

/** Options of a {@link WebSocketClient}. */
export interface WebSocketClientOptions extends ConnectionOptions {
  /** How many packets may wait for the connection. Default 1,000: what a hand on a fader makes in some ten seconds. */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 1 MiB. */
  readonly maxUnsentBytes?: number;
  /** What is dropped when the queue is full: the new packet, or the one that has waited longest. Its promise is rejected. Default `"drop-oldest"`. */
  readonly overflow?: "drop-newest" | "drop-oldest";
  /** How many bytes the WebSocket may hold that the network hasn't taken yet; beyond that, sends are rejected. Default 4 MiB. */
  readonly maxBuffered?: number;
  /** The WebSocket class, such as one with other settings. Default: `globalThis.WebSocket` in browsers, that of the package `ws` in Node. */
  readonly WebSocket?: {
    /** Begins to connect to a URL. */
    new (url: string): WebSocketLike;
  };
}

const MIB = 1024 * 1024;

interface WebSocketClientSettings extends ConnectionClientSettings {
  readonly maxBuffered: number;
  readonly WebSocket: WebSocketClientOptions["WebSocket"];
}

export const WEBSOCKET_CHECKS: Checks<WebSocketClientSettings> = /* @__PURE__ */ (() => ({
  ...CONNECTION_CHECKS,
  maxUnsent: integer(1, 1000),
  maxUnsentBytes: integer(1, MIB),
  overflow: oneOf(["drop-newest", "drop-oldest"], "drop-oldest"),
  maxBuffered: integer(1, 4 * MIB),
  WebSocket: webSocketClass(),
}))();

/**
 * Sends OSC packets to a WebSocket server, such as `AsyncOSCWebSocketServer` or a bridge, and receives what it sends. In browsers and in Node.
 *
 * It connects at its first use or by `connect()`, and reconnects when the connection breaks, after growing pauses. Packets wait meanwhile,
 * within limits. `on("state", …)` reports changes; `handleMessages()` goes on until `close()` unless it is given a `timeout`. In Node it keeps the process alive only while something waits, as all clients do.
 *
 * @example
 * const client = new WebSocketClient(`ws://${location.host}/`);
 * client.dispatcher.map("/meter/*", (address, level) => console.log(address, level));
 * void client.handleMessages();
 * const fader = document.querySelector("input")!;
 * fader.oninput = () => void client.sendMessage("/fader/1", float(fader.valueAsNumber));
 */
export class WebSocketClient extends ConnectionClient {
  /** Until `close()`. */
  protected override readonly handleTimeout: number = Infinity;

  /**
   * @param url `ws://host:port/path` or `wss://…`; `http` and `https` are taken for these
   * @param openWebSocket opens sockets if that takes more than a class. Default: by the option `WebSocket`
   * @throws OscServerError `OSC_OPTION` for an invalid URL or option
   */
  constructor(url: string | URL, options: WebSocketClientOptions = {}, openWebSocket?: OpenWebSocket) {
    const address = websocketUrl(url);
    const settings = readOptions("WebSocketClient", options, WEBSOCKET_CHECKS);
    const { connectTimeout, maxBuffered, WebSocket } = settings;
    const spec = { url: address, connectTimeout, maxBuffered, openWebSocket: openWebSocket ?? openBy(WebSocket) };
    super(maskSecrets(address), (events) => new WebSocketLink(spec, events), settings);
  }
}

function openBy(given: WebSocketClientOptions["WebSocket"]): OpenWebSocket {
  return (url) => {
    const Socket = given ?? (globalThis as { WebSocket?: new (url: string) => WebSocketLike }).WebSocket;
    if (Socket === undefined) throw optionError("There is no WebSocket here: pass a class as the option WebSocket.");
    return { socket: new Socket(url) };
  };
}

/* @__NO_SIDE_EFFECTS__ */ function webSocketClass(): OptionCheck<WebSocketClientOptions["WebSocket"]> {
  return (value, name) => {
    if (value === undefined || typeof value === "function") return value as WebSocketClientOptions["WebSocket"];
    throw bad(name, "a WebSocket class", value);
  };
}
