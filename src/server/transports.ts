import { isIPv6 } from "node:net";
import type { AdvertisedAs } from "../discovery/advertise-server.ts";
import type { ServiceType } from "../discovery/index.ts";
import { OscServerError } from "../errors.ts";
import type { Framing } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import { bad, describe, hostAndPort, oneOf, optionError } from "../options.ts";
import { closedWhileOpening } from "../transport/socket-error.ts";
import { type TcpOptions, type TcpSpec, TcpTransport, tcpOptionsOf } from "../transport/tcp.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { loadLibc } from "../transport/native/libc.ts";
import { BATCH_SIZE } from "../transport/native/batch.ts";
import { nativeSockets } from "../transport/native/self-test.ts";
import { NativeUdpTransport } from "../transport/native/udp.ts";
import { MAX_DATAGRAM, type UdpOptions, type UdpSpec, UdpTransport, udpOptionsOf } from "../transport/udp.ts";
import { type WebSocketSpec, WebSocketTransport } from "../transport/websocket.ts";
import type { Backend } from "./stats.ts";
import { type AddressLike, type ServerOptions, limitsOf } from "./options.ts";

/** What to listen on: plain data, so that it can be sent to another thread. */
export type TransportSpec = UdpSpec | TcpSpec | ModuleSpec;

/** What to listen on in this thread. */
export type LocalTransportSpec = TransportSpec | WebSocketSpec | CustomSpec;

/** A transport from outside this folder, in this thread. */
interface CustomSpec {
  readonly transport: "custom";
  /** The server's address until the transport has opened. */
  readonly address: NetAddress;
  create(events: TransportEvents): Transport;
}

/** Where a stream server listens: a host and a port, or the path of a Unix domain socket (on Windows, of a named pipe). */
export type StreamAddress =
  | AddressLike
  | {
      /** At most 103 bytes, except on Windows. A stale socket file is replaced. */
      readonly path: string;
    };

/** Options of TCP servers, in addition to those of their kind. */
export interface TcpServerOptions extends TcpOptions {
  /** Another name for `framing`, as in python-osc. Default: the value of `framing`. */
  readonly mode?: Framing;
}

/** The length that every system accepts. Some truncate longer paths silently. */
const MAX_PATH_BYTES = 103;

/** Whether native sockets are used. */
export interface NativeOption {
  /**
   * `"auto"` (default): receive in batches and send by system calls if possible, which takes less CPU time and loses fewer packets.
   * Possible on Linux with the optional package `koffi`, if a test at first use passes; not in the program's worker threads or in a
   * cluster.
   * `false`: use Node's sockets. `stats().backend` tells which are used.
   */
  readonly native?: "auto" | false;
}

/** Decides which sockets a server uses. Tests native ones if the spec asks for them. */
export function backendOf(spec: LocalTransportSpec): Backend {
  const isNative = spec.transport === "udp" && spec.native === "auto" && !(nativeSockets() instanceof Error);
  return isNative ? "native" : "portable";
}

/** Creates the transport that a spec describes. */
export function createTransport(spec: LocalTransportSpec, events: TransportEvents, backend: Backend = "portable"): Transport {
  switch (spec.transport) {
    case "udp":
      return backend === "native" ? new NativeUdpTransport(loadLibc(), spec, events) : new UdpTransport(spec, events);
    case "tcp":
      return new TcpTransport(spec, events);
    case "websocket":
      return new WebSocketTransport(spec, events);
    case "module":
      return new ModuleTransport(spec, events);
    case "custom":
      return spec.create(events);
  }
}

/** The address passed to the server's constructor. */
export function requestedAddress(spec: LocalTransportSpec): NetAddress {
  if (spec.transport === "module" || spec.transport === "custom") return spec.address;
  if (spec.transport === "tcp" && spec.path !== null) return { address: spec.path, port: 0, family: "unix" };
  return { address: spec.host, port: spec.port, family: isIPv6(spec.host) ? "IPv6" : "IPv4" };
}

/** @throws OscServerError `OSC_OPTION` if the address or an option has a bad value */
export function udpSpec(address: AddressLike, options: ServerOptions & UdpOptions & NativeOption): UdpSpec {
  const native = oneOf(["auto", false], "auto")(options.native, "native");
  const { maxQueue, maxQueueBytes } = limitsOf(options);
  const atOnce = Math.min(BATCH_SIZE, maxQueue, Math.max(1, Math.floor(maxQueueBytes / MAX_DATAGRAM)));
  return { transport: "udp", ...hostAndPort(address), options: udpOptionsOf(options), native, atOnce };
}

/** @throws OscServerError `OSC_OPTION` if the address or an option has a bad value */
export function tcpSpec(address: StreamAddress, options: ServerOptions & TcpServerOptions): TcpSpec {
  const { maxPacketSize, maxQueue, maxQueueBytes } = limitsOf(options);
  const { framing } = options;
  const mode = oneOf(["1.0", "1.1", "none"], undefined)(options.mode, "mode");
  if (framing !== undefined && mode !== undefined && framing !== mode) {
    throw optionError(`mode is another name for framing: give one of them; got ${describe(mode)} and ${describe(framing)}.`);
  }
  const given = framing ?? mode;
  return {
    transport: "tcp",
    ...streamPlace(address),
    options: tcpOptionsOf({ ...options, ...(given === undefined ? {} : { framing: given }) }),
    maxPacketSize,
    maxPackets: maxQueue,
    maxBytes: maxQueueBytes,
  };
}

function streamPlace(address: StreamAddress): Pick<TcpSpec, "path" | "host" | "port"> {
  const path = pathOf(address);
  if (path === undefined) return { path: null, ...hostAndPort(address) };
  if (typeof path !== "string" || path === "") throw bad("path", 'the path of a Unix domain socket, such as "/run/osc.sock"', path);
  const size = Buffer.byteLength(path);
  if (size > MAX_PATH_BYTES && process.platform !== "win32") {
    throw optionError(`The path of a Unix domain socket must have at most ${MAX_PATH_BYTES} bytes; ${describe(path)} has ${size}.`);
  }
  return { path, host: "", port: 0 };
}

/** The socket path in an address. The `serverAddress` of a server on a Unix domain socket has it as `address`. */
function pathOf(address: unknown): unknown {
  if (typeof address !== "object" || address === null) return undefined;
  if ("path" in address) return address.path;
  return "family" in address && address.family === "unix" && "address" in address ? address.address : undefined;
}

/** A transport from outside this folder, as plain data, so that it can be sent to another thread. */
export interface ModuleSpec {
  readonly transport: "module";
  /** The server's address until the transport has opened. */
  readonly address: NetAddress;
  /** The URL of a module that exports `createTransport(options, events)`. */
  readonly url: string;
  readonly options: unknown;
}

interface TransportModule {
  readonly createTransport?: (options: unknown, events: TransportEvents) => Transport;
}

/** The transport that a module exports. The module is loaded when it opens: it isn't part of the main entry (NATS, for example). */
class ModuleTransport implements Transport {
  readonly #spec: ModuleSpec;
  readonly #events: TransportEvents;
  #inner: Transport | null = null;
  #isClosed = false;

  constructor(spec: ModuleSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const { url, options } = this.#spec;
    const { createTransport } = (await import(url)) as TransportModule;
    if (createTransport === undefined) throw new OscServerError("OSC_OPTION", `The module ${url} exports no function createTransport.`);
    if (this.#isClosed) throw closedWhileOpening();
    this.#inner = createTransport(options, this.#events);
    return this.#inner.open();
  }

  async drain(): Promise<void> {
    await this.#inner?.drain?.();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inner?.close();
  }
}

/** The service that a server advertises once it has a port. Plain data, so that it can be sent to another thread. */
export interface AdvertisedService extends AdvertisedAs {
  readonly type: ServiceType;
}

/**
 * The service that a server advertises; null if it doesn't.
 *
 * @throws OscServerError `OSC_OPTION` if there is no service type for its transport
 */
export function advertisedService(as: AdvertisedAs | false, spec: LocalTransportSpec): AdvertisedService | null {
  if (as === false) return null;
  if (spec.transport === "udp") return { ...as, type: "osc.udp" };
  if (spec.transport === "tcp" && spec.path === null) return { ...as, type: "osc.tcp" };
  const what = spec.transport === "tcp" ? "a Unix domain socket" : spec.transport;
  throw optionError(`Only UDP and TCP servers can be advertised: ${what} has no service type. Leave out the option advertise.`);
}
