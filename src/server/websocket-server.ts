import type { Server } from "node:http";
import { type OscPacket, encode } from "../codec/index.ts";
import type { Dispatcher } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import type { NetAddress } from "../net-address.ts";
import type { WebSocketOptions, WebSocketSpec } from "../transport/websocket.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { type AddressLike, type ServerOptions, hostAndPort, limitsOf, positive } from "./options.ts";
import { durationOf } from "./transports.ts";

/** Where a WebSocket server listens: a host and a port; or an HTTP or HTTPS server that listens already, and the path on it. */
export type WebSocketAddress =
  | AddressLike
  | {
      /** An HTTP or HTTPS server that listens already. It goes on when the WebSocket server is closed. */
      readonly server: Server;
      /** The path at which clients connect, beginning with `/`. Default: any. */
      readonly path?: string;
    };

/** Options of {@link AsyncOSCWebSocketServer}. */
export interface AsyncWebSocketServerOptions extends AsyncServerOptions, WebSocketOptions {}

/** A client of a WebSocket server. */
export interface WebSocketClientHandle {
  /** Where it is. */
  readonly address: NetAddress;
  /** Resolves when it has gone. */
  readonly closed?: Promise<void>;
  /** Sends it the bytes of one packet. Never throws: what fails is reported. */
  send(packet: Uint8Array): void;
}

const MIB = 1024 * 1024;

/**
 * Receives OSC over WebSocket, from browsers and other programs, and handles it in the event loop: one binary message is one packet. It is what
 * `WebSocketClient` speaks to.
 *
 * Text messages are counted (`ignored`), and the first of each client is reported. A client is held up while too many of its packets are being
 * handled, and pinged when it is silent; one that reads too slowly loses packets (`slowClients`). Pages of foreign sites are refused (`origins`).
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
   * @param address where to listen, as `[host, port]`, where port 0 lets the system choose; or `{ server, path }` for an HTTP or HTTPS server that
   * listens already. That server goes on when this one is closed
   * @throws OscServerError `OSC_OPTION` where an option has no such value
   */
  constructor(address: WebSocketAddress, dispatcher: Dispatcher, options: AsyncWebSocketServerOptions = {}) {
    const spec = websocketSpec(address, options);
    super(spec, dispatcher, options);
    this.#clients = spec.clients;
  }

  /** The clients that are connected now. The set changes as they come and go. */
  get clients(): ReadonlySet<WebSocketClientHandle> {
    return this.#clients;
  }

  /**
   * Sends a packet to every client that is connected.
   *
   * @param packet a message, a bundle, or the bytes of one, which must not change afterwards
   * @returns how many clients there are
   * @throws OscEncodeError for what is no packet
   */
  broadcast(packet: OscPacket | Uint8Array): number {
    const bytes = packet instanceof Uint8Array ? packet : encode(packet);
    for (const client of this.#clients) client.send(bytes);
    return this.#clients.size;
  }
}

/** @throws OscServerError `OSC_OPTION` where the address cannot be one, or an option has no such value */
export function websocketSpec(address: WebSocketAddress, options: ServerOptions & WebSocketOptions): WebSocketSpec {
  const { maxPacketSize, maxQueue, maxQueueBytes } = limitsOf(options);
  const { slowClients = "drop-oldest", origins = [], verifyClient = null } = options;
  if (!["drop-oldest", "drop-newest", "disconnect"].includes(slowClients)) {
    throw new OscServerError(
      "OSC_OPTION",
      `slowClients is "drop-oldest", "drop-newest" or "disconnect"; got ${JSON.stringify(slowClients)}.`,
    );
  }
  return {
    transport: "websocket",
    ...place(address, options.path),
    origins: origins.map(checkedOrigin),
    verifyClient,
    maxConnections: positive("maxConnections", options.maxConnections, 1024),
    limits: {
      maxPacketSize: checkMaxPacketSize(maxPacketSize),
      maxPending: positive("maxPending", options.maxPending, 64),
      maxBuffered: positive("maxBuffered", options.maxBuffered, MIB),
      slowClients,
      pingInterval: durationOf("pingInterval", options.pingInterval === undefined ? 15_000 : options.pingInterval),
      pingTimeout: durationOf("pingTimeout", options.pingTimeout ?? 10_000) ?? 10_000,
    },
    listen: { ipv6Only: options.ipv6Only ?? false, backlog: positive("backlog", options.backlog, 511) },
    maxPackets: maxQueue,
    maxBytes: maxQueueBytes,
    clients: new Set(),
  };
}

function place(address: WebSocketAddress, path: string | undefined): Pick<WebSocketSpec, "server" | "host" | "port" | "path"> {
  const isServer = "server" in address;
  const wanted = (isServer ? address.path : undefined) ?? path ?? null;
  if (wanted !== null && !wanted.startsWith("/")) {
    throw new OscServerError("OSC_OPTION", `path begins with "/", as in "/osc"; got ${JSON.stringify(wanted)}.`);
  }
  if (isServer) return { server: address.server, host: "", port: 0, path: wanted };
  return { server: null, ...hostAndPort(address), path: wanted };
}

/** An origin as browsers write it: without a path, in small letters. */
function checkedOrigin(origin: string): string {
  if (origin === "*" || origin === "null") return origin;
  if (URL.canParse(origin) && new URL(origin).origin === origin.toLowerCase()) return origin.toLowerCase();
  throw new OscServerError(
    "OSC_OPTION",
    `origins holds "*", "null" and origins such as "https://example.org:8080", without a path; got ${JSON.stringify(origin)}.`,
  );
}
