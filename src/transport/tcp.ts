import { stat, unlink } from "node:fs/promises";
import { type Server, type Socket, connect, createServer } from "node:net";
import { OscServerError } from "../errors.ts";
import type { Framing } from "../framing/index.ts";
import { type NetAddress, formatHostPort, ipAddress, remoteAddressOf } from "../net-address.ts";
import { type SharedLimits, addConnection, sharedLimits, tooManyClients } from "./flow-control.ts";
import { MAX_TIMER_MS, type OptionChecks, boolean, checkOptionValues, integer, orNull } from "../options.ts";
import { resolveHost } from "./resolve-host.ts";
import { closedWhileOpening, socketError } from "./socket-error.ts";
import { CONNECTION_CHECKS, type ConnectionLimits, TcpConnection } from "./tcp-connection.ts";
import { type Peer, type Transport, type TransportEvents, peerAmong } from "./transport.ts";

const MAX_PORT = 65_535;
/** After this much silence the system asks whether the client is still there. */
const KEEP_ALIVE_MS = 60_000;

/** Options of stream sockets: TCP, and Unix domain sockets. */
export interface TcpOptions {
  /**
   * How packets lie in the stream: `"1.0"` each after its size, `"1.1"` SLIP, `"auto"` one of these as the first bytes of each connection show;
   * `"none"`: what is read at once is taken for one packet, a guess for devices that mark no ends. Replies use the framing of the client. Default
   * `"auto"`.
   */
  readonly framing?: Framing | "auto";
  /** How many clients may be connected at once. Default 1,024. */
  readonly maxConnections?: number;
  /** How many packets of one connection may be in flight. While they are, the server doesn't read on from it. Default 64. */
  readonly maxPending?: number;
  /**
   * How many bytes of replies may wait for one client. From 64 kB on the server reads nothing more from it; if the packets that are in flight
   * bring it above this limit, its connection is ended. Default 16 MiB.
   */
  readonly maxBuffered?: number;
  /** End a connection after this many milliseconds without a byte; `null`: never. Default `null`. */
  readonly maxIdle?: number | null;
  /** Send small replies at once (TCP_NODELAY) instead of waiting until earlier ones have arrived. Default true. */
  readonly noDelay?: boolean;
  /** Have the system ask clients that are silent for a minute whether they are still there, and end the connections of those that aren't. Default true. */
  readonly keepAlive?: boolean;
  /** Bind an IPv6 address for IPv6 only. Default false: `::` accepts IPv4 too (dual stack). */
  readonly ipv6Only?: boolean;
  /** How many connections the system keeps until the server accepts them. Default 511. */
  readonly backlog?: number;
}

/** The checks and defaults of {@link TcpOptions}. */
const CHECKS = {
  ...CONNECTION_CHECKS,
  maxConnections: integer(1, 1024),
  maxIdle: (value: unknown, name: string): number | null => orNull(integer(1, undefined, MAX_TIMER_MS))(value, name) ?? null,
  noDelay: boolean(true),
  keepAlive: boolean(true),
  ipv6Only: boolean(false),
  backlog: integer(1, 511),
} satisfies OptionChecks<TcpOptions>;

/** The names of {@link TcpOptions}. */
export const TCP_OPTIONS: readonly string[] = Object.keys(CHECKS);

/**
 * Only the options of stream sockets, with their defaults.
 *
 * @throws OscServerError `OSC_OPTION` if an option has a bad value
 */
export function tcpOptionsOf(options: TcpOptions): Required<TcpOptions> {
  return checkOptionValues(options, CHECKS);
}

/** Where to listen, and how: plain data, so that it can be sent to another thread. */
export interface TcpSpec {
  readonly transport: "tcp";
  /** The path of a Unix domain socket (on Windows, of a named pipe), or null for TCP. */
  readonly path: string | null;
  readonly host: string;
  readonly port: number;
  readonly options: Required<TcpOptions>;
  /** The most bytes of one packet. */
  readonly maxPacketSize: number;
  /** How many packets of all connections may be in flight, and how many bytes they may have together. */
  readonly maxPackets: number;
  readonly maxBytes: number;
}

/** A listening stream socket and its connections. */
export class TcpTransport implements Transport {
  readonly #spec: TcpSpec;
  /** The address for error messages. */
  readonly #place: string;
  readonly #limits: ConnectionLimits;
  readonly #events: TransportEvents;
  readonly #shared: SharedLimits;
  readonly #connections = new Set<TcpConnection>();
  #server: Server | null = null;
  /** The number that the last client of a Unix domain socket was given as its port. */
  #lastNumber = 0;
  /** Resolves when the server has stopped listening and all connections are over; null while it accepts clients. */
  #down: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  constructor(spec: TcpSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#place = spec.path ?? formatHostPort(spec.host, spec.port);
    this.#limits = { ...spec.options, maxPacketSize: spec.maxPacketSize };
    this.#events = events;
    this.#shared = sharedLimits(spec, events);
  }

  async open(): Promise<NetAddress> {
    const { noDelay, keepAlive, maxConnections } = this.#spec.options;
    const server = createServer({
      // A client may end its side and still wait for replies.
      allowHalfOpen: true,
      noDelay,
      keepAlive,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    server.maxConnections = maxConnections;
    server.on("connection", (socket) => this.#accept(socket));
    server.on("drop", (dropped) => {
      this.#events.onConnection("refused");
      this.#events.onError(tooManyClients(maxConnections), addressOf(this.#spec, dropped?.remoteAddress, dropped?.remotePort));
    });
    this.#server = server;
    try {
      await this.#listen(server);
    } catch (error) {
      this.#server = null;
      throw error instanceof OscServerError ? error : socketError(error, "listen on", this.#place);
    }
    server.on("error", (error) => this.#events.onError(socketError(error, "accept connections on", this.#place)));
    const bound = server.address();
    return typeof bound === "object" ? addressOf(this.#spec, bound?.address, bound?.port) : addressOf(this.#spec, bound);
  }

  peerAt(address: NetAddress): Peer | null {
    return peerAmong(this.#connections, address);
  }

  // oxlint-disable-next-line typescript/require-await -- stopping to read takes no time here
  async drain(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#down ??= new Promise((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) connection.stopReading();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.drain();
    const connections = [...this.#connections];
    for (const connection of connections) connection.end();
    await Promise.all([this.#down, ...connections.map(({ closed }) => closed)]);
  }

  #accept(socket: Socket): void {
    const address = this.#spec.path === null ? remoteAddressOf(socket) : this.#numberedAddress();
    const refusal = this.#events.refusal(address);
    if (refusal !== null) {
      this.#events.onConnection("refused");
      this.#events.onError(refusal, address);
      socket.destroy();
      return;
    }
    const connection = new TcpConnection(socket, address, this.#limits, this.#shared, this.#events);
    if (this.#down !== null) connection.stopReading();
    addConnection(this.#connections, connection, this.#events);
  }

  async #listen(server: Server): Promise<void> {
    const { path, host } = this.#spec;
    const ip = path === null ? await resolveHost(host) : "";
    if (this.#closed !== null) throw closedWhileOpening();
    try {
      await this.#listenOnce(server, ip);
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (path === null || !isTaken || !(await isLeftBehind(path))) throw error;
      await unlink(path);
      await this.#listenOnce(server, ip);
    }
  }

  #listenOnce(server: Server, ip: string): Promise<void> {
    const { port, path, options } = this.#spec;
    const { backlog, ipv6Only } = options;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(path === null ? { host: ip, port, backlog, ipv6Only } : { path, backlog }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  }

  /** Clients of a Unix domain socket have no address, so they are told apart by numbers. */
  #numberedAddress(): NetAddress {
    this.#lastNumber = (this.#lastNumber % MAX_PORT) + 1;
    return addressOf(this.#spec, "", this.#lastNumber);
  }
}

/** An address in the family of the listening socket. */
function addressOf({ path }: TcpSpec, address: string = "", port: number = 0): NetAddress {
  if (path !== null) return { address, port, family: "unix" };
  return ipAddress(address, port);
}

/** Whether a program that has ended left the socket file behind: nobody answers there. */
async function isLeftBehind(path: string): Promise<boolean> {
  if (!(await stat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}
