import type { IncomingMessage, Server } from "node:http";
import type { DropArgument } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import { encodeMessage } from "../codec/index.ts";
import {
  type Dispatcher,
  type PacketHandling,
  Reporter,
  encodeReply,
  handlePacket,
  isDispatcher,
  reportToConsole,
  tryDecode,
} from "../dispatch/index.ts";
import { type AdvertiseOption, advertiseOption, advertiseServer } from "../discovery/advertise-server.ts";
import type { Advertisement } from "../discovery/index.ts";
import type { ErrorListener } from "../dispatch/index.ts";
import { OscDecodeError, OscDroppedError, OscError, OscRejectedError } from "../errors.ts";
import { Namespace, canRead } from "../namespace/index.ts";
import type { NamespaceChange, NamespaceMethod } from "../namespace/index.ts";
import { type NetAddress, formatHostPort, ipAddress, remoteAddressOf } from "../net-address.ts";
import { type OptionChecks, bad, callback, checkHostAndPort, integer, listOf, oneOf, readOptions, text, unchecked } from "../options.ts";
import { HTTP_LIMITS, closeHttp, refuseUpgrade } from "../transport/http.ts";
import { isHostAllowed, isOriginAllowed } from "../transport/origin.ts";
import { resolveHost } from "../transport/resolve-host.ts";
import { socketError } from "../transport/socket-error.ts";
import { HttpAnswers } from "./answers.ts";
import { formatCommand, messagesOf } from "./commands.ts";
import { Listener, binaryFrame } from "./listener.ts";

/** Options of {@link serveOscQuery}. */
export interface OscQueryServerOptions {
  /** The host to listen on for HTTP and WebSocket. Default `"127.0.0.1"`: only programs on this machine can connect. */
  readonly host?: string | undefined;
  /** The port. Default 0: chosen by the system. */
  readonly port?: number | undefined;
  /** The name that clients show. Default `"Oscine"`. */
  readonly name?: string | undefined;
  /** The OSC server that receives clients' messages. Default: clients send them over the WebSocket. */
  readonly server?:
    | {
        /** The address on which it listens. */
        readonly serverAddress: NetAddress;
      }
    | undefined;
  /** How clients reach `server`. Default `"UDP"`. */
  readonly transport?: "UDP" | "TCP" | undefined;
  /**
   * Additional web origins that may connect, as for {@link AsyncOSCWebSocketServer}. All origins may read over HTTP, as OSCQuery requires.
   * Default: none.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Additional host names for this machine. Requests for other names are rejected, because anybody can point a name here. Default: none.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Maximum number of WebSocket clients. Default 100. */
  readonly maxConnections?: number | undefined;
  /** Maximum number of methods that one client may listen to. Default 20,000. */
  readonly maxListeners?: number | undefined;
  /** Maximum size of a client's WebSocket message, in bytes. Default 64 KiB. */
  readonly maxPacketSize?: number | undefined;
  /**
   * Maximum number of bytes buffered for a slow client; beyond this it gets only the latest value of each method once it catches up.
   * Default 1 MiB.
   */
  readonly maxBuffered?: number | undefined;
  /**
   * Maximum total size of buffered HTTP responses, in bytes; beyond this the client with the most unread bytes is disconnected. Default 64
   * MiB.
   */
  readonly maxMemory?: number | undefined;
  /**
   * Advertises the server with DNS-SD over multicast DNS: `true`, or an object with the display name, by default `name`. Its `server` is
   * advertised too. Needs the package `multicast-dns`, and delays the start by some seconds. Default false.
   */
  readonly advertise?: AdvertiseOption | undefined;
  /** Called with errors of clients, at most 20 times per second for each kind. Default: prints to stderr. */
  readonly onError?: ErrorListener | undefined;
}

const CHECKS = {
  host: text("127.0.0.1"),
  port: integer(0, 0, 65_535),
  name: text("Oscine"),
  server: unchecked<{ readonly serverAddress: NetAddress }>(),
  transport: oneOf(["UDP", "TCP"], "UDP"),
  origins: listOf(text(undefined)),
  hosts: listOf(text(undefined)),
  maxConnections: integer(1, 100),
  maxListeners: integer(1, 20_000),
  maxPacketSize: integer(16, 64 * 1024),
  maxBuffered: integer(1, 1024 * 1024),
  maxMemory: integer(1, 64 * 1024 * 1024),
  advertise: advertiseOption,
  onError: callback<ErrorListener>(),
} satisfies OptionChecks<OscQueryServerOptions>;

type Settings = ReturnType<typeof readOptions<typeof CHECKS>>;

/** Maximum number of HTTP connections, in addition to those of WebSocket clients. */
const HTTP_CONNECTIONS = 64;
/** Maximum number of fragments of a WebSocket message: each may retain a whole read buffer. */
const MAX_FRAGMENTS = 16;
const MAX_REPORTS = 20;
/** How the packets of clients are handled. */
const HANDLING: PacketHandling = { mode: "async", shutdown: () => undefined };

/** Counters of an OSCQuery server. */
export interface OscQueryStats {
  /** HTTP requests answered. */
  readonly requests: number;
  /** Connected WebSocket clients. */
  readonly connections: number;
  /** Refused connections. */
  readonly connectionsRefused: number;
  /** HTTP clients disconnected because they read too slowly. */
  readonly evicted: number;
  /** Number of subscriptions of all clients to methods. */
  readonly listeners: number;
  /** Values sent to clients. */
  readonly sent: number;
  /** Values not sent to a slow client because a newer one replaced them. */
  readonly replaced: number;
  /** Replies of handlers not sent to a slow client. */
  readonly dropped: number;
}

/** A running OSCQuery server. */
export interface OscQueryServer extends AsyncDisposable {
  /** The address on which it listens. */
  readonly address: NetAddress;
  /** `http://` and its address. */
  readonly url: string;
  /** Its counters. */
  stats(): OscQueryStats;
  /** Closes all connections and stops listening. */
  close(): Promise<void>;
}

/**
 * Serves a namespace over OSCQuery (HTTP and WebSocket on one port), so that other programs can discover its methods, with their types,
 * ranges and values, and follow them.
 *
 * @param source a dispatcher, whose handlers also get the messages that clients send over the WebSocket; or just a namespace, whose values
 *   they set
 * @throws (rejects) OscServerError `OSC_OPTION` for a bad argument, OscSocketError if it can't listen on the port
 *
 * @example
 * const server = new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher);
 * await server.createServeEndpoint();
 * const query = await serveOscQuery(dispatcher, { name: "Mixer", server });
 * console.log(query.url); // http://127.0.0.1:54321
 * await query.close();
 */
export async function serveOscQuery(source: Dispatcher | Namespace, options: OscQueryServerOptions = {}): Promise<OscQueryServer> {
  if (!(source instanceof Namespace) && !isDispatcher(source))
    throw bad("The first argument of serveOscQuery", "a Dispatcher or a Namespace", source);
  const settings = readOptions("serveOscQuery", options, CHECKS);
  if (
    settings.server !== undefined &&
    typeof (settings.server as Partial<typeof settings.server> | null)?.serverAddress?.port !== "number"
  ) {
    throw bad("server", "an Oscine server, or an object with its serverAddress", settings.server);
  }
  const { host, port } = checkHostAndPort(settings.host, settings.port);
  // Loaded lazily, because otherwise every program that imports the package would load them.
  const [{ createServer }, { WebSocketServer: Accepter }] = await Promise.all([import("node:http"), import("ws")]);
  // The typings don't know maxFragments.
  const limits = { maxPayload: settings.maxPacketSize, maxFragments: MAX_FRAGMENTS };
  const accepter = new Accepter({ noServer: true, perMessageDeflate: false, ...limits });
  const server = new QueryServer(source, settings, createServer(HTTP_LIMITS), accepter);
  await server.listen(await resolveHost(host), port);
  await server.advertise();
  return server;
}

class QueryServer implements OscQueryServer {
  readonly #namespace: Namespace;
  readonly #dispatcher: Dispatcher | null;
  readonly #settings: Settings;
  readonly #http: Server;
  readonly #accepter: WebSocketServer;
  readonly #listeners = new Set<Listener>();
  /** The listeners of each method. */
  readonly #listening = new Map<string, Set<Listener>>();
  readonly #reporter: Reporter;
  readonly #answers: HttpAnswers;
  readonly #unsubscribe: () => void;
  readonly #counts = { connectionsRefused: 0, sent: 0, replaced: 0, dropped: 0 };
  readonly #advertisements: Advertisement[] = [];
  #address: NetAddress = { address: "", port: 0, family: "IPv4" };

  constructor(source: Dispatcher | Namespace, settings: Settings, http: Server, accepter: WebSocketServer) {
    this.#dispatcher = source instanceof Namespace ? null : source;
    this.#namespace = source instanceof Namespace ? source : source.namespace;
    this.#settings = settings;
    this.#reporter = new Reporter(settings.onError ?? reportToConsole, MAX_REPORTS);
    this.#answers = new HttpAnswers(this.#namespace, settings);
    this.#accepter = accepter;
    this.#http = http;
    this.#http.on("request", (request, response) => this.#answers.answer(request, response));
    this.#http.maxConnections = settings.maxConnections + HTTP_CONNECTIONS;
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on("drop", (dropped: DropArgument | undefined) => this.#dropped(dropped));
    this.#unsubscribe = this.#namespace.subscribe((change) => this.#tell(change));
  }

  get address(): NetAddress {
    return this.#address;
  }

  get url(): string {
    const { address, port } = this.#address;
    return `http://${formatHostPort(address, port)}`;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once("error", (error) => {
        this.#unsubscribe();
        reject(socketError(error, "listen on", `${host}:${port}`));
      });
      this.#http.listen(port, host, () => {
        const bound = this.#http.address();
        if (bound !== null && typeof bound !== "string") this.#address = ipAddress(bound.address, bound.port);
        this.#http.removeAllListeners("error").on("error", (error) => this.#reporter.report(socketError(error, "listen on", this.url)));
        resolve();
      });
    });
  }

  /** @throws like {@link advertiseServer}, after closing the server */
  async advertise(): Promise<void> {
    const { advertise, name, server, transport } = this.#settings;
    if (advertise === false) return;
    const as = { ...advertise, name: advertise.name ?? name.slice(0, 58) };
    const onError = this.#settings.onError ?? reportToConsole;
    try {
      this.#advertisements.push(await advertiseServer(as, { type: "oscquery", port: this.#address.port, onError }));
      if (server === undefined) return;
      const type = transport === "TCP" ? "osc.tcp" : "osc.udp";
      this.#advertisements.push(await advertiseServer({ name: as.name }, { type, port: server.serverAddress.port, onError }));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  stats(): OscQueryStats {
    let listeners = 0;
    for (const listener of this.#listeners) listeners += listener.size;
    const { requests, evicted } = this.#answers;
    return { ...this.#counts, requests, evicted, connections: this.#listeners.size, listeners };
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all(this.#advertisements.splice(0).map((advertisement) => advertisement.close()));
    for (const listener of this.#listeners) listener.end();
    await closeHttp(this.#http);
    this.#reporter.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #dropped(client: DropArgument = {}): void {
    this.#counts.connectionsRefused += 1;
    const message = "A connection to the OSCQuery server was refused because too many are open. Raise maxConnections.";
    this.#reporter.report(new OscDroppedError("maxConnections", message), remoteAddressOf(client));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { origins = [], hosts = [], maxConnections } = this.#settings;
    const { headers } = request;
    const page = { origin: headers.origin, host: headers.host, localAddress: request.socket.localAddress ?? "" };
    const status = !isOriginAllowed(page, origins)
      ? "403 Forbidden"
      : !isHostAllowed(headers.host, hosts)
        ? "421 Misdirected Request"
        : null;
    const refusal = status ?? (this.#listeners.size >= maxConnections ? "503 Service Unavailable" : null);
    if (refusal !== null) {
      this.#counts.connectionsRefused += 1;
      const message = `An OSCQuery client was refused: ${refusal}.${advice(refusal)}`;
      this.#reporter.report(new OscRejectedError("sender", message), remoteAddressOf(request.socket));
      return refuseUpgrade(socket, refusal);
    }
    socket.on("error", () => undefined);
    this.#accepter.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, request));
  }

  #accept(webSocket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const client = remoteAddressOf(request.socket);
    const listener: Listener = new Listener(webSocket, stream, {
      limits: this.#settings,
      client,
      find: (address) => this.#namespace.get(address)?.address ?? null,
      valueOf: (address) => frameOf(this.#namespace.get(address)),
      onListening: (address, isListening) => this.#setListening(listener, address, isListening),
      onPacket: (data) => this.#receive(data, listener),
      onClose: () => this.#listeners.delete(listener),
      onError: (error) => this.#reporter.report(error, client),
      onSent: () => (this.#counts.sent += 1),
      onReplaced: () => (this.#counts.replaced += 1),
      onDropped: () => (this.#counts.dropped += 1),
    });
    this.#listeners.add(listener);
  }

  #setListening(listener: Listener, address: string, isListening: boolean): void {
    let listeners = this.#listening.get(address);
    if (listeners === undefined) this.#listening.set(address, (listeners = new Set()));
    if (isListening) listeners.add(listener);
    else if (listeners.delete(listener) && listeners.size === 0) this.#listening.delete(address);
  }

  /** @returns a promise while handlers await something */
  #receive(data: Uint8Array, listener: Listener): Promise<void> | undefined {
    const { client } = listener;
    const error = (problem: OscError): void => this.#reporter.report(problem, client);
    if (this.#dispatcher === null) {
      this.#setValues(data, client, error);
      return undefined;
    }
    const result = handlePacket(this.#dispatcher, data, {
      handling: HANDLING,
      clientAddress: client,
      asOf: Infinity,
      reply: (reply) => listener.reply(encodeReply(reply)),
      error,
    });
    const finish = (settled: Awaited<typeof result>): void => {
      if (settled.kind === "rejected") error(settled.explain());
    };
    if (result instanceof Promise) return result.then(finish);
    finish(result);
    return undefined;
  }

  /** Without a dispatcher, messages only set the values of methods. */
  #setValues(data: Uint8Array, client: NetAddress, onError: (error: OscError) => void): void {
    const packet = tryDecode(data);
    if (packet instanceof OscDecodeError) return onError(packet);
    for (const message of messagesOf(packet)) {
      try {
        this.#namespace.receive(message.address, message, client);
      } catch (error) {
        if (!(error instanceof OscError)) throw error;
        onError(error);
      }
    }
  }

  #tell(change: NamespaceChange): void {
    if (change.kind !== "value") {
      if (this.#listeners.size === 0) return;
      const command = { added: "PATH_ADDED", removed: "PATH_REMOVED", described: "PATH_CHANGED", renamed: "PATH_RENAMED" }[change.kind];
      const data = change.kind === "renamed" ? { OLD: change.from, NEW: change.address } : change.address;
      const line = formatCommand(command, data);
      for (const listener of this.#listeners) listener.tell(line);
      return;
    }
    const { method, origin } = change;
    const listeners = this.#listening.get(method.address);
    if (listeners === undefined) return;
    const frame = frameOf(method);
    if (frame === null) return;
    for (const listener of listeners) if (listener.client !== origin) listener.changed(method.address, frame);
  }
}

/** The value of a method as a WebSocket message; null if it has none, or isn't readable. */
function frameOf(method: NamespaceMethod | undefined): Buffer | null {
  if (method === undefined || method.value === null || !canRead(method.description)) return null;
  return binaryFrame(encodeMessage(method.address, method.value, method.types));
}

function advice(refusal: string): string {
  if (refusal.startsWith("403")) return " To allow pages of other sites, list them in the option origins.";
  return refusal.startsWith("421") ? " List the names of this machine in the option hosts." : " Raise maxConnections.";
}
