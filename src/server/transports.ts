import { isIPv6 } from "node:net";
import { OscServerError } from "../errors.ts";
import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import type { Framing } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import type { TcpOptions, TcpSpec } from "../transport/tcp.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { loadLibc } from "../transport/native/libc.ts";
import { BATCH_SIZE } from "../transport/native/message-batch.ts";
import { nativeSockets } from "../transport/native/self-test.ts";
import { NativeUdpTransport } from "../transport/native/udp-transport.ts";
import { MAX_DATAGRAM } from "../transport/datagram.ts";
import { type UdpOptions, type UdpSpec, UdpTransport, udpOptionsOf } from "../transport/udp.ts";
import type { WebSocketSpec } from "../transport/websocket.ts";
import type { Backend } from "./stats.ts";
import { LateTransport } from "./late-transport.ts";
import { type ModuleSpec, loadModuleTransport } from "./module-transport.ts";
import { type AddressLike, type ServerOptions, hostAndPort, limitsOf, positive } from "./options.ts";

/** What to listen on, as plain data, so that it can go to another thread. */
export type TransportSpec = UdpSpec | TcpSpec | ModuleSpec;

/** What to listen on in this thread. */
export type LocalTransportSpec = TransportSpec | WebSocketSpec | CustomSpec;

/** A transport that this folder knows nothing of, in this thread. */
interface CustomSpec {
  readonly transport: "custom";
  /** As the server's, until the transport has opened. */
  readonly address: NetAddress;
  create(events: TransportEvents): Transport;
}

/** Where a stream server listens: a host and a port, or the path of a Unix domain socket (on Windows, of a named pipe). */
export type StreamAddress =
  | AddressLike
  | {
      /** At most 103 bytes, but on Windows. A socket file that a program left behind is taken over. */
      readonly path: string;
    };

/** Options of the TCP servers besides those of their kind. */
export interface TcpServerOptions extends TcpOptions {
  /** Another name of `framing`, as python-osc has it. Default: as that. */
  readonly mode?: Framing;
}

const MIB = 1024 * 1024;
/** What every system has room for; beyond its own bound a system may use the beginning of a path as if it were the path. */
const MAX_PATH_BYTES = 103;
/** The longest delay that a timer takes, about 24 days. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** Whether the system's own calls are used for sockets. */
export interface NativeOption {
  /**
   * `"auto"` (default): packets are received in batches and sent by the system's own calls where that works: on Linux, with the optional
   * package `koffi` installed, once a test at the first use has passed; not in threads of the program, nor in the processes of a cluster. It
   * takes less processor time and loses less; all else is the same. `false`: by Node's modules, as everywhere else. `stats().backend` says which.
   */
  readonly native?: "auto" | false;
}

/** By what the sockets of a server in this thread are to be used. Where native ones are wished, they are tested now. */
export function backendOf(spec: LocalTransportSpec): Backend {
  const isNative = spec.transport === "udp" && spec.native === "auto" && !(nativeSockets() instanceof Error);
  return isNative ? "native" : "portable";
}

/** The transport that a spec describes. What is not in every program is loaded when it opens. */
export function createTransport(spec: LocalTransportSpec, events: TransportEvents, backend: Backend = "portable"): Transport {
  switch (spec.transport) {
    case "udp":
      return backend === "native" ? new NativeUdpTransport(loadLibc(), spec, events) : new UdpTransport(spec, events);
    case "tcp":
      return new LateTransport(async () => {
        const { TcpTransport } = await import("../transport/tcp.ts");
        return new TcpTransport(spec, events);
      });
    case "websocket":
      return new LateTransport(async () => {
        const { WebSocketTransport } = await import("../transport/websocket.ts");
        return new WebSocketTransport(spec, events);
      });
    case "module":
      return new LateTransport(() => loadModuleTransport(spec, events));
    case "custom":
      return spec.create(events);
  }
}

/** The address that was asked for. */
export function requestedAddress(spec: LocalTransportSpec): NetAddress {
  if (spec.transport === "module" || spec.transport === "custom") return spec.address;
  if (spec.transport === "tcp" && spec.path !== null) return { address: spec.path, port: 0, family: "unix" };
  return { address: spec.host, port: spec.port, family: isIPv6(spec.host) ? "IPv6" : "IPv4" };
}

/** @throws OscServerError `OSC_OPTION` where the address cannot be one, or an option has no such value */
export function udpSpec(address: AddressLike, options: ServerOptions & UdpOptions & NativeOption): UdpSpec {
  const native: unknown = options.native ?? "auto";
  if (native !== "auto" && native !== false) throw new OscServerError("OSC_OPTION", `native is "auto" or false; got ${show(native)}.`);
  const { maxQueue, maxQueueBytes } = limitsOf(options);
  const atOnce = Math.min(BATCH_SIZE, maxQueue, Math.max(1, Math.floor(maxQueueBytes / MAX_DATAGRAM)));
  return { transport: "udp", ...hostAndPort(address), options: udpOptionsOf(options), native, atOnce };
}

/** @throws OscServerError `OSC_OPTION` where the address cannot be one, or an option has no such value */
export function tcpSpec(address: StreamAddress, options: ServerOptions & TcpServerOptions): TcpSpec {
  const { maxPacketSize, maxQueue, maxQueueBytes } = limitsOf(options);
  return {
    transport: "tcp",
    ...streamPlace(address),
    options: {
      framing: framingOf(options),
      maxConnections: positive("maxConnections", options.maxConnections, 1024),
      maxPending: positive("maxPending", options.maxPending, 64),
      maxBuffered: positive("maxBuffered", options.maxBuffered, 16 * MIB),
      maxIdle: durationOf("maxIdle", options.maxIdle ?? null),
      noDelay: options.noDelay ?? true,
      keepAlive: options.keepAlive ?? true,
      ipv6Only: options.ipv6Only ?? false,
      backlog: positive("backlog", options.backlog, 511),
    },
    maxPacketSize: checkMaxPacketSize(maxPacketSize),
    maxPackets: maxQueue,
    maxBytes: maxQueueBytes,
  };
}

function streamPlace(address: StreamAddress): Pick<TcpSpec, "path" | "host" | "port"> {
  const path = pathOf(address);
  if (path === undefined) return { path: null, ...hostAndPort(address as AddressLike) };
  if (typeof path !== "string" || path === "") {
    throw new OscServerError(
      "OSC_OPTION",
      `path is the path of a Unix domain socket, such as "/run/osc.sock"; got ${JSON.stringify(path)}.`,
    );
  }
  const size = Buffer.byteLength(path);
  if (size > MAX_PATH_BYTES && process.platform !== "win32") {
    throw new OscServerError(
      "OSC_OPTION",
      `The path of a Unix domain socket has at most ${MAX_PATH_BYTES} bytes; ${show(path)} has ${size}.`,
    );
  }
  return { path, host: "", port: 0 };
}

/** The `serverAddress` of a server with a Unix domain socket has its path as `address`. */
function pathOf(address: StreamAddress): string | undefined {
  if ("path" in address) return address.path;
  return "family" in address && address.family === "unix" && "address" in address ? address.address : undefined;
}

function framingOf({ framing, mode }: TcpServerOptions): Framing | "auto" {
  if (framing !== undefined && mode !== undefined && framing !== mode) {
    throw new OscServerError("OSC_OPTION", `mode is another name of framing: give one of them, not ${show(mode)} and ${show(framing)}.`);
  }
  const value: unknown = framing ?? mode ?? "auto";
  if (value === "1.0" || value === "1.1" || value === "auto") return value;
  throw new OscServerError("OSC_OPTION", `framing is "1.0", "1.1" or "auto"; got ${show(value)}.`);
}

/** @throws OscServerError `OSC_OPTION` where it is neither null nor milliseconds that a timer takes */
export function durationOf(name: string, value: number | null): number | null {
  if (value === null || (Number.isSafeInteger(value) && value >= 1 && value <= MAX_TIMER_MS)) return value;
  throw new OscServerError(
    "OSC_OPTION",
    `${name} is a whole number of milliseconds from 1 to ${MAX_TIMER_MS}, or null; got ${show(value)}.`,
  );
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
