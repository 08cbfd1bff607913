import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { DropArgument, Socket } from "node:net";
import type { WebSocket, WebSocketServer } from "ws";
import { OscDroppedError, type OscError, OscRejectedError, OscServerError } from "../errors.ts";
import { type NetAddress, formatHostPort, ipAddress, remoteAddressOf } from "../net-address.ts";
import { type SharedLimits, addConnection, sharedLimits, tooManyClients } from "./flow-control.ts";
import { MAX_TIMER_MS, type OptionChecks, bad, boolean, callback, checkOptionValues, integer, listOf, oneOf, orNull } from "../options.ts";
import { HTTP_LIMITS, closeHttp, refuseUpgrade } from "./http.ts";
import { isOriginAllowed } from "./origin.ts";
import { resolveHost } from "./resolve-host.ts";
import { closedWhileOpening, socketError } from "./socket-error.ts";
import { type Peer, type Transport, type TransportEvents, peerAmong } from "./transport.ts";
import { GOING_AWAY, type SlowClientPolicy, WebSocketConnection, type WebSocketLimits } from "./websocket-connection.ts";

/** How many connections, besides those of clients, may be in their handshake. */
const HANDSHAKES = 64;

/** The status texts of refused clients. */
const REASONS = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" } as const;

/** Options of the sockets of a WebSocket server. */
export interface WebSocketOptions {
  /**
   * Further pages that may connect, as origins such as `"https://stage.example.org"`; `"null"` for pages opened from a file, `"*"` for all.
   * Without being listed, a page may connect over loopback if it comes from loopback (`localhost`, `127.0.0.1`, `[::1]`, `*.localhost`,
   * whatever the port), and a page may connect to the host and port that serve it. That host must be an IP address, a name without dots, a
   * name that ends in `.local`, or this machine's name; list other names, because strangers may point theirs at this machine. Programs other
   * than browsers send no origin and may always connect. Default: none.
   */
  readonly origins?: readonly string[];
  /**
   * Called with the HTTP request of each client that `origins` allows; false refuses the client with status 401. Check tokens in
   * `request.url` here. It must be synchronous. Default: all may connect.
   */
  readonly verifyClient?: (request: IncomingMessage) => boolean;
  /** The path that clients have to ask for, such as `"/osc"`; others are refused with status 404. Default: any path. */
  readonly path?: string;
  /** How many clients may be connected at once; further ones are refused with status 503. Default 1,024. */
  readonly maxConnections?: number;
  /** How many packets of one client may be in flight. While they are, the server doesn't read on from it. Default 64. */
  readonly maxPending?: number;
  /** How many bytes may wait for a client that reads too slowly. One packet may always wait. Default 1 MiB. */
  readonly maxBuffered?: number;
  /**
   * What happens beyond `maxBuffered`: `"drop-oldest"` drops the packets that have waited longest, so that a client that catches up gets the
   * latest; `"drop-newest"` drops those that come; `"disconnect"` ends the connection. Dropped packets are counted as `unsent`.
   * Default `"drop-oldest"`.
   */
  readonly slowClients?: SlowClientPolicy;
  /** Ping a client after this many milliseconds of silence; `null`: never. Default 15,000. */
  readonly pingInterval?: number | null;
  /** How many milliseconds a client has to answer a ping, before its connection is ended. Default 10,000. */
  readonly pingTimeout?: number;
  /** Bind an IPv6 address for IPv6 only. Default false: `::` accepts IPv4 too (dual stack). Not used with an existing HTTP server. */
  readonly ipv6Only?: boolean;
  /** How many connections the system keeps until the server accepts them. Default 511. Not used with an existing HTTP server. */
  readonly backlog?: number;
}

/** The checks and defaults of {@link WebSocketOptions}. */
const CHECKS = {
  origins: listOf(checkOrigin),
  verifyClient: callback<NonNullable<WebSocketOptions["verifyClient"]>>(),
  path: checkPath,
  maxConnections: integer(1, 1024),
  maxPending: integer(1, 64),
  maxBuffered: integer(1, 1024 * 1024),
  slowClients: oneOf(["drop-oldest", "drop-newest", "disconnect"], "drop-oldest"),
  pingInterval: orNull(integer(1, 15_000, MAX_TIMER_MS)),
  pingTimeout: integer(1, 10_000, MAX_TIMER_MS),
  ipv6Only: boolean(false),
  backlog: integer(1, 511),
} satisfies OptionChecks<WebSocketOptions>;

/** The names of {@link WebSocketOptions}. */
export const WEBSOCKET_OPTIONS: readonly string[] = Object.keys(CHECKS);

/** Those of {@link WebSocketOptions} that may be left out altogether. */
type Optional = Pick<WebSocketOptions, "verifyClient" | "path">;
type CheckedOptions = Required<Omit<WebSocketOptions, keyof Optional>> & {
  readonly [Name in keyof Optional]-?: NonNullable<Optional[Name]> | null;
};

/**
 * Only the options of WebSocket servers, with their defaults.
 *
 * @throws OscServerError `OSC_OPTION` if an option has a bad value
 */
export function websocketOptionsOf(options: WebSocketOptions): CheckedOptions {
  const { origins = [], verifyClient = null, path = null, ...others } = checkOptionValues(options, CHECKS);
  return { origins, verifyClient, path, ...others };
}

/** The path at which clients connect. */
export function checkPath(value: unknown, name: string): string | undefined {
  if (value === undefined || (typeof value === "string" && value.startsWith("/"))) return value;
  throw bad(name, 'a path that begins with "/", such as "/osc"', value);
}

/** An origin as browsers write it: without a path, in lower case. */
function checkOrigin(value: unknown, name: string): string {
  if (value === "*" || value === "null") return value;
  if (typeof value === "string" && URL.canParse(value) && new URL(value).origin === value.toLowerCase()) return value.toLowerCase();
  throw bad(name, 'an origin without a path, such as "https://example.org:8080", or "*" or "null"', value);
}

/** Where to listen, and how. It may contain an HTTP server, so it can't be sent to another thread. */
export interface WebSocketSpec {
  readonly transport: "websocket";
  /** An HTTP or HTTPS server that is already listening, or null to create one. */
  readonly server: Server | null;
  readonly host: string;
  readonly port: number;
  readonly path: string | null;
  readonly origins: readonly string[];
  /** What holds the allowed origins, for error messages: the option or the flag of whoever made the server. */
  readonly originsOption: string;
  readonly verifyClient: ((request: IncomingMessage) => boolean) | null;
  readonly maxConnections: number;
  readonly limits: WebSocketLimits;
  readonly listen: { readonly ipv6Only: boolean; readonly backlog: number };
  /** How many packets of all clients may be in flight, and how many bytes they may have together. */
  readonly maxPackets: number;
  readonly maxBytes: number;
  /** The connected clients. The transport updates it. */
  readonly clients: Set<WebSocketConnection>;
}

/** Why a client is refused: the HTTP status, and the error to report. */
interface Refusal {
  readonly status: keyof typeof REASONS;
  readonly error: OscError;
}

/** A WebSocket server and its clients. One binary message is one packet. RFC 6455. */
export class WebSocketTransport implements Transport {
  readonly #spec: WebSocketSpec;
  readonly #events: TransportEvents;
  readonly #shared: SharedLimits;
  #http: Server | null = null;
  #accepter: WebSocketServer | null = null;
  #draining = false;
  #closed: Promise<void> | null = null;

  constructor(spec: WebSocketSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#shared = sharedLimits(spec, events);
  }

  async open(): Promise<NetAddress> {
    const { server, limits } = this.#spec;
    // Lazy: only WebSocket servers need the package.
    const ws = await import("ws");
    this.#accepter = new ws.WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxPacketSize,
    });
    if (this.#closed !== null) throw closedWhileOpening();
    this.#accepter.on("wsClientError", (cause, socket, request) => {
      const error = new OscRejectedError("malformed", `A client was refused because its handshake is wrong: ${cause.message}`, { cause });
      this.#refuse(socket, request.socket, { status: 400, error });
    });
    const http = server ?? (await this.#listen());
    const bound = http.address();
    if (bound === null || typeof bound === "string") {
      throw new OscServerError("OSC_WRONG_STATE", "The HTTP server isn't listening on a port yet: call listen() and wait for it first.");
    }
    http.on("upgrade", this.#upgrade);
    http.on("drop", this.#dropped);
    this.#http = http;
    return ipAddress(bound.address, bound.port);
  }

  peerAt(address: NetAddress): Peer | null {
    return peerAmong(this.#spec.clients, address);
  }

  // oxlint-disable-next-line typescript/require-await -- stopping to read takes no time here
  async drain(): Promise<void> {
    this.#draining = true;
    for (const client of this.#spec.clients) client.stopReading();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const http = this.#http;
    if (http === null) return;
    http.off("upgrade", this.#upgrade);
    http.off("drop", this.#dropped);
    const clients = [...this.#spec.clients];
    for (const client of clients) client.end(GOING_AWAY, "the server is closing");
    const down = this.#spec.server === null ? closeHttp(http) : null;
    await Promise.all([down, ...clients.map(({ closed }) => closed)]);
  }

  async #listen(): Promise<Server> {
    const { host, port, listen, maxConnections } = this.#spec;
    const place = formatHostPort(host, port);
    const ip = await resolveHost(host);
    const { createServer } = await import("node:http");
    if (this.#closed !== null) throw closedWhileOpening();
    const http = createServer(HTTP_LIMITS, (_request, response) => {
      response.writeHead(426, { "Content-Type": "text/plain", Upgrade: "websocket" }).end("This is a WebSocket server for OSC packets.\n");
    });
    http.maxConnections = maxConnections + HANDSHAKES;
    http.on("clientError", (cause: NodeJS.ErrnoException, socket) => {
      // A client that disconnects within a request isn't refused.
      if (cause.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
      const error = new OscRejectedError("malformed", `A client was refused because it doesn't speak HTTP: ${cause.message}`, { cause });
      this.#refuse(socket, socket as Socket, { status: 400, error });
    });
    await new Promise<void>((resolve, reject) => {
      http.once("error", (error) => reject(socketError(error, "listen on", place)));
      http.listen({ host: ip, port, ...listen }, resolve);
    });
    http.on("error", (error) => this.#events.onError(socketError(error, "accept connections on", place)));
    return http;
  }

  /** The HTTP server has too many connections. */
  readonly #dropped = (client: DropArgument = {}): void => {
    const { server, maxConnections } = this.#spec;
    const message = "A connection was refused because the HTTP server has too many: raise its maxConnections.";
    const error = server === null ? tooManyClients(maxConnections) : new OscDroppedError("maxConnections", message);
    this.#events.onConnection("refused");
    this.#events.onError(error, remoteAddressOf(client));
  };

  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { path, server } = this.#spec;
    if (path !== null && pathOf(request) !== path) {
      // Another listener of an existing server may serve that path.
      if (server !== null && server.listenerCount("upgrade") > 1) return;
      return this.#refuse(socket, request.socket, {
        status: 404,
        error: new OscRejectedError("unverified", `A client was refused because it asked for another path than ${path} (path).`),
      });
    }
    const refusal = this.#refusal(request);
    if (refusal !== null) return this.#refuse(socket, request.socket, refusal);
    // A client that disconnects during its handshake isn't a fault.
    const ignore = (): void => undefined;
    socket.on("error", ignore);
    this.#accepter?.handleUpgrade(request, socket, head, (client) => {
      socket.off("error", ignore);
      this.#accept(client, socket, request);
    });
  };

  #refusal(request: IncomingMessage): Refusal | null {
    const { origins, verifyClient, maxConnections, clients } = this.#spec;
    const { origin, host } = request.headers;
    const { localAddress = "" } = request.socket;
    const sender = this.#events.refusal(remoteAddressOf(request.socket));
    if (sender !== null) return { status: 403, error: sender };
    if (!isOriginAllowed({ origin, host, localAddress }, origins)) {
      const message = `A page was refused because its origin ${JSON.stringify(origin)} isn't allowed: add it to ${this.#spec.originsOption}.`;
      return { status: 403, error: new OscRejectedError("sender", message) };
    }
    const unverified = verifyClient === null ? null : verificationError(verifyClient, request);
    if (unverified !== null) return { status: 401, error: unverified };
    return clients.size < maxConnections ? null : { status: 503, error: tooManyClients(maxConnections) };
  }

  #refuse(socket: Duplex, client: Socket, { status, error }: Refusal): void {
    const address = remoteAddressOf(client);
    this.#events.onConnection("refused");
    this.#events.onError(error, address);
    refuseUpgrade(socket, `${status} ${REASONS[status]}`);
  }

  #accept(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const { clients, limits } = this.#spec;
    const client = new WebSocketConnection(socket, stream, remoteAddressOf(request.socket), limits, this.#shared, this.#events);
    if (this.#draining) client.stopReading();
    addConnection(clients, client, this.#events);
    if (this.#closed !== null) client.end(GOING_AWAY, "the server is closing");
  }
}

/** Why the program's function refuses the client, or null if it lets it in. An exception or a promise must not let anyone in. */
function verificationError(verifyClient: (request: IncomingMessage) => unknown, request: IncomingMessage): OscRejectedError | null {
  try {
    const verdict = verifyClient(request);
    if (verdict instanceof Promise) {
      verdict.catch(() => undefined);
      return new OscRejectedError("unverified", "A client was refused because verifyClient returned a promise: return true or false.");
    }
    return verdict ? null : new OscRejectedError("unverified", "A client was refused by verifyClient.");
  } catch (cause) {
    return new OscRejectedError("unverified", `A client was refused because verifyClient threw: ${String(cause)}`, { cause });
  }
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.replace(/\?.*$/s, "");
}
