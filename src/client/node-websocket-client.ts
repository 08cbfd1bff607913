import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { ipAddress } from "../net-address.ts";
import { bad, type OptionCheck, readOptions } from "../options.ts";
import { lookupIPv4First } from "../transport/resolve-host.ts";
import { WEBSOCKET_CHECKS, WebSocketClient as PortableWebSocketClient, type WebSocketClientOptions } from "./websocket-client.ts";
import type { OpenWebSocket, OpenedWebSocket } from "./websocket-link.ts";

/** Options of a {@link WebSocketClient} in Node. */
export interface NodeWebSocketClientOptions extends WebSocketClientOptions {
  /** HTTP headers of the request that opens the connection, such as `authorization` or `origin`. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * {@link PortableWebSocketClient} on sockets of the package `ws`, which is loaded at the first use.
 *
 * @example
 * await using client = new WebSocketClient("ws://127.0.0.1:8080/", { headers: { authorization: "Bearer 1234" } });
 * await client.sendMessage("/fader/1", 0.5);
 */
export class WebSocketClient extends PortableWebSocketClient {
  /**
   * @param url `ws://host:port/path` or `wss://…`
   * @throws OscServerError `OSC_OPTION` for an invalid URL or option
   */
  constructor(url: string | URL, options: NodeWebSocketClientOptions = {}) {
    const { WebSocket, maxPacketSize, headers } = readOptions("WebSocketClient", options, { ...WEBSOCKET_CHECKS, headers: httpHeaders() });
    const { headers: _headers, ...portable } = options;
    super(url, portable, WebSocket === undefined ? openOnWs({ maxPayload: maxPacketSize, headers }) : undefined);
  }
}

function httpHeaders(): OptionCheck<Readonly<Record<string, string>>> {
  return (value, name) => {
    if (value === undefined) return {};
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value) && !(Symbol.iterator in value);
    if (isObject && Object.values(value).every((header) => typeof header === "string")) return value as Readonly<Record<string, string>>;
    throw bad(name, 'an object of strings, such as { authorization: "Bearer …" }', value);
  };
}

/** How to open a socket of `ws`. */
interface WsOptions {
  /** The largest packet that may arrive, in bytes. */
  readonly maxPayload: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Opens WebSockets of the package `ws`. */
export function openOnWs(options: WsOptions): OpenWebSocket {
  return async (url) => {
    const ws = await import("ws");
    return handleOf(
      new ws.WebSocket(url, {
        maxPayload: options.maxPayload,
        headers: { ...options.headers },
        perMessageDeflate: false,
        lookup: lookupIPv4First,
      }),
    );
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
    localAddress: () => {
      const { localAddress: address, localPort: port } = stream ?? {};
      return address === undefined || port === undefined ? null : ipAddress(address, port);
    },
  };
}
