import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { NetAddress } from "../net-address.ts";
import { wholeNumber } from "./options.ts";
import { WebSocketClient as PortableWebSocketClient, type WebSocketClientOptions } from "./websocket-client.ts";
import type { OpenWebSocket, OpenedWebSocket } from "./websocket-link.ts";

/** Options of a {@link WebSocketClient} in Node. */
export interface NodeWebSocketClientOptions extends WebSocketClientOptions {
  /** HTTP headers of the request that opens the connection, such as `authorization` or `origin`. Default: none of these. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * {@link PortableWebSocketClient} on the sockets of the package `ws`, which is loaded when it is first used.
 *
 * @example
 * await using client = new WebSocketClient("ws://127.0.0.1:8080/", { headers: { authorization: "Bearer 1234" } });
 * await client.sendMessage("/fader/1", 0.5);
 */
export class WebSocketClient extends PortableWebSocketClient {
  /**
   * @param url `ws://host:port/path` or `wss://…`
   * @throws OscServerError `OSC_OPTION` for a URL or an option that cannot be
   */
  constructor(url: string | URL, options: NodeWebSocketClientOptions = {}) {
    const maxPayload = wholeNumber("maxPacketSize", options.maxPacketSize, 16 * 1024 * 1024, 1);
    if (options.WebSocket === undefined) super(url, options, openOnWs({ maxPayload, headers: { ...options.headers } }));
    else super(url, options);
  }
}

/** How a socket of `ws` is opened. */
interface WsOptions {
  /** The most bytes of one packet that arrives. */
  readonly maxPayload: number;
  readonly headers: Record<string, string>;
}

/** Opens WebSockets of the package `ws`. */
export function openOnWs(options: WsOptions): OpenWebSocket {
  return async (url) => {
    const ws = await import("ws");
    return handleOf(new ws.WebSocket(url, { ...options, perMessageDeflate: false }));
  };
}

function handleOf(socket: WebSocket): OpenedWebSocket {
  let stream: Socket | null = null;
  socket.on("upgrade", (response) => {
    stream = response.socket;
  });
  return {
    socket,
    keepAlive: (how) => {
      if (how === "on") stream?.ref();
      else stream?.unref();
    },
    localAddress: () => addressOf(stream),
  };
}

function addressOf(stream: Socket | null): NetAddress | null {
  const { localAddress: address, localPort: port } = stream ?? {};
  if (address === undefined || port === undefined) return null;
  return { address, port, family: address.includes(":") ? "IPv6" : "IPv4" };
}
