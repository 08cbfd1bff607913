import type { Server } from "node:http";
import type { OscPacket } from "../codec/index.ts";
import type { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, hostAndPort } from "../options.ts";
import { type WebSocketOptions, type WebSocketSpec, checkPath, websocketOptionsOf } from "../transport/websocket.ts";
import { checkArguments } from "./check-arguments.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { type AddressLike, type ServerOptions, limitsOf } from "./options.ts";
import { packetBytes } from "./outgoing.ts";

/** Where a WebSocket server listens: a host and a port, or an HTTP or HTTPS server that is already listening, and the path on it. */
export type WebSocketAddress =
  | AddressLike
  | {
      /** An HTTP or HTTPS server that is already listening. It keeps running when the WebSocket server is closed. */
      readonly server: Server;
      /** The path that clients must request, beginning with `/`. Default: any. */
      readonly path?: string;
    };

/** Options of {@link AsyncOSCWebSocketServer}. */
export interface AsyncWebSocketServerOptions extends AsyncServerOptions, WebSocketOptions {}

/** A client of a WebSocket server. */
export interface WebSocketClientHandle {
  /** The client's address. */
  readonly address: NetAddress;
  /** Resolves when the client has disconnected. */
  readonly closed?: Promise<void>;
  /** Sends the bytes of one packet to the client. Never throws: failures are reported. */
  send(packet: Uint8Array): void;
}

/**
 * Receives OSC over WebSocket, from browsers and other programs, and handles it in the event loop. One binary message is one packet.
 * `WebSocketClient` is its client.
 *
 * - Text messages are counted (`ignored`), and the first one of each client is reported.
 * - While too many packets of a client are in flight, the server stops reading from it. It pings silent clients.
 * - A client that reads too slowly loses packets (`slowClients`).
 * - Pages of other sites are refused (`origins`).
 *
 * ```ts
 * const server = new AsyncOSCWebSocketServer(["127.0.0.1", 8080], dispatcher);
 * const [transport] = await server.createServeEndpoint();
 * server.broadcast(new OscMessage("/hello", "everyone"));
 * await transport.close();
 * ```
 */
export class AsyncOSCWebSocketServer extends AsyncServer {
  readonly #clients: ReadonlySet<WebSocketClientHandle>;

  /**
   * @param address where to listen, as `[host, port]`, where port 0 lets the system choose; or `{ server, path }` for an HTTP or HTTPS
   * server that is already listening. That server keeps running when this one is closed
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value
   */
  constructor(address: WebSocketAddress, dispatcher: Dispatcher, options: AsyncWebSocketServerOptions = {}) {
    checkArguments("Async", "WebSocket", address, dispatcher, options);
    const spec = websocketSpec(address, options);
    super(spec, dispatcher, options);
    this.#clients = spec.clients;
  }

  /** The connected clients. The set changes as clients connect and disconnect. */
  get clients(): ReadonlySet<WebSocketClientHandle> {
    return this.#clients;
  }

  /**
   * Sends a packet to every connected client.
   *
   * @param packet a message or bundle, or its bytes, which must not change afterwards
   * @returns the number of clients
   * @throws OscEncodeError if it isn't a packet
   */
  broadcast(packet: OscPacket | Uint8Array): number {
    const bytes = packetBytes(packet);
    for (const client of this.#clients) client.send(bytes);
    return this.#clients.size;
  }
}

/**
 * @param originsOption name of the option or command-line flag with the allowed origins, for error messages
 * @throws OscServerError `OSC_OPTION` if the address or an option has a bad value
 */
export function websocketSpec(
  address: WebSocketAddress,
  options: ServerOptions & WebSocketOptions,
  originsOption: string = "the option origins",
): WebSocketSpec {
  const { maxPacketSize, maxQueue, maxQueueBytes } = limitsOf(options);
  const { origins, verifyClient, path, maxConnections, ipv6Only, backlog, ...limits } = websocketOptionsOf(options);
  return {
    transport: "websocket",
    ...place(address, path),
    origins,
    originsOption,
    verifyClient,
    maxConnections,
    limits: { ...limits, maxPacketSize },
    listen: { ipv6Only, backlog },
    maxPackets: maxQueue,
    maxBytes: maxQueueBytes,
    clients: new Set(),
  };
}

function place(address: WebSocketAddress, optionPath: string | null): Pick<WebSocketSpec, "server" | "host" | "port" | "path"> {
  if (typeof address !== "object" || address === null || !("server" in address)) {
    return { server: null, ...hostAndPort(address), path: optionPath };
  }
  const { server } = address;
  if (typeof (server as Partial<Server> | null)?.on !== "function") throw bad("server", "an HTTP or HTTPS server of Node", server);
  return { server, host: "", port: 0, path: checkPath(address.path, "path") ?? optionPath };
}
