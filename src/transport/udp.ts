import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from "node:dgram";
import { lookup } from "node:dns";
import { isIP } from "node:net";
import { OscServerError } from "../errors.ts";
import { type NetAddress, formatAddress, formatHostPort, ipAddress, isMulticast } from "../net-address.ts";
import { type OptionChecks, bad, boolean, checkOptionValues, integer, listOf, text } from "../options.ts";
import { resolveHost } from "./resolve-host.ts";
import { closedWhileOpening, socketError } from "./socket-error.ts";
import type { Peer, Transport, TransportEvents } from "./transport.ts";

/** A burst has to fit into the kernel's buffer while handlers run. The kernel's own default holds only about 256 small packets. */
export const SOCKET_BUFFER_SIZE: number = 4 * 1024 * 1024;

/** Options of a UDP socket. They take effect when the socket opens. */
export interface UdpOptions {
  /** Bind an IPv6 address for IPv6 only. Default false: `::` receives IPv4 too (dual stack). */
  readonly ipv6Only?: boolean;
  /** Let another socket bind the same address and port (SO_REUSEADDR); for multicast, several programs then all receive. Default false. */
  readonly reuseAddress?: boolean;
  /** Let the kernel spread datagrams over several sockets on one port (SO_REUSEPORT). Needs Node 23.1 or newer, or native sockets. Default false. */
  readonly reusePort?: boolean;
  /** Allow sending to broadcast addresses. Default false. */
  readonly broadcast?: boolean;
  /** Multicast groups to join, as IP addresses. Default none. */
  readonly multicastGroups?: readonly string[];
  /** The address of the network interface for multicast; for IPv6 also `::%eth0`. Default: the system's choice. */
  readonly multicastInterface?: string;
  /** How many routers a multicast packet may pass, 0 to 255. Default: the system's, usually 1. */
  readonly multicastTtl?: number;
  /** Whether multicast packets sent here are also received here. Default: the system's, true. */
  readonly multicastLoopback?: boolean;
  /** How many routers a packet may pass, 1 to 255. Default: the system's, usually 64. */
  readonly ttl?: number;
  /** How many bytes the kernel keeps until the server reads them. Default 4 MiB; the system may give less. */
  readonly receiveBufferSize?: number;
  /** How many bytes the kernel keeps until they are sent. Default 4 MiB; the system may give less. */
  readonly sendBufferSize?: number;
}

/**
 * Only the options of the socket, as plain data. The options of a server may contain functions.
 *
 * @throws OscServerError `OSC_OPTION` if an option has a bad value
 */
export function udpOptionsOf(options: UdpOptions): UdpOptions {
  const checked = checkOptionValues(options, UDP_CHECKS);
  return Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined));
}

/** The system refuses larger socket buffers, and Node throws that error where nobody can catch it. */
const MAX_SOCKET_BUFFER = 0x7fff_ffff;

/** The checks of {@link UdpOptions}; what isn't given is left to the system. */
export const UDP_CHECKS: OptionChecks<UdpOptions> = {
  ipv6Only: boolean(undefined),
  reuseAddress: boolean(undefined),
  reusePort: boolean(undefined),
  broadcast: boolean(undefined),
  multicastGroups: listOf((value, name) => {
    if (typeof value === "string" && isMulticast(value) && isIP(value.replace(/%.*$/, "")) !== 0) return value;
    throw bad(name, 'the IP address of a multicast group, such as "239.0.0.1"', value);
  }),
  multicastInterface: text(undefined, "192.168.0.5"),
  multicastTtl: integer(0, undefined, 255),
  multicastLoopback: boolean(undefined),
  ttl: integer(1, undefined, 255),
  receiveBufferSize: integer(1, undefined, MAX_SOCKET_BUFFER),
  sendBufferSize: integer(1, undefined, MAX_SOCKET_BUFFER),
};

/** {@link UdpOptions}, checked: what isn't given may also be undefined. */
export type UdpSettings = { readonly [Name in keyof UdpOptions]: UdpOptions[Name] | undefined };

/** The names of {@link UdpOptions}. */
export const UDP_OPTIONS: readonly string[] = Object.keys(UDP_CHECKS);

/** Where to bind, and how. Plain data, so that it can go to another thread. */
export interface UdpSpec {
  readonly transport: "udp";
  readonly host: string;
  readonly port: number;
  readonly options: UdpOptions;
  /** Whether native sockets are used if they work here. */
  readonly native: "auto" | false;
  /** How many datagrams to receive at once, so that they fit into the queue. */
  readonly atOnce: number;
}

/** The most bytes that a UDP datagram can carry over IPv4: 65,535 less the IP and UDP headers. */
export const MAX_DATAGRAM = 65_507;

/** The error for a packet that is too large for a datagram: the system itself is never asked to send it. */
export function tooLarge(size: number): NodeJS.ErrnoException {
  return Object.assign(
    new Error(`the packet has ${size} bytes, and a datagram carries ${MAX_DATAGRAM} at most: send less at once, or use TCP`),
    {
      code: "OSC_PACKET_TOO_LARGE",
    },
  );
}

/** One UDP socket of Node. It receives datagrams, and sends replies from the same port. */
export class UdpTransport implements Transport {
  readonly #spec: UdpSpec;
  readonly #events: TransportEvents;
  #socket: Socket | null = null;
  #peers: PeersByPort | null = null;
  #isClosed = false;

  constructor(spec: UdpSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const { host, port, options } = this.#spec;
    const ip = await resolveHost(host);
    if (this.#isClosed) throw closedWhileOpening();
    const socket = createUdpSocket(ip, options);
    this.#socket = socket;
    try {
      await bind(socket, ip, port);
      applyOptions(socket, options);
    } catch (error) {
      await this.close();
      throw socketError(error, "listen on", formatHostPort(host, port));
    }
    socket.on("error", (error) => this.#events.onError(socketError(error, "use", formatHostPort(host, port))));
    const peers = new PeersByPort((address) => new UdpPeer(socket, address, this.#events));
    this.#peers = peers;
    socket.on("message", (data: Uint8Array, { address, port: from }: RemoteInfo) => this.#events.onPacket(data, peers.of(address, from)));
    return socketAddress(socket);
  }

  peerAt({ address, port }: NetAddress): Peer | null {
    return this.#peers?.of(address, port) ?? null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) await closeSocket(socket);
  }
}

/** A sender of datagrams to a socket of Node. */
class UdpPeer implements Peer {
  readonly address: NetAddress;
  readonly paced = false;
  readonly #socket: Socket;
  readonly #events: TransportEvents;

  constructor(socket: Socket, address: NetAddress, events: TransportEvents) {
    this.address = address;
    this.#socket = socket;
    this.#events = events;
  }

  get key(): string {
    return `${this.address.address} ${this.address.port}`;
  }

  send(packet: Uint8Array): void {
    const { address, port } = this.address;
    if (packet.length > MAX_DATAGRAM) return this.#failed(tooLarge(packet.length));
    try {
      this.#socket.send(packet, port, address, (error) => {
        if (error !== null) this.#failed(error);
      });
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #failed(error: Error): void {
    this.#events.onError(socketError(error, "send to", formatAddress(this.address)), this.address);
  }
}

/** How many senders are remembered. A power of 2. */
const REMEMBERED = 256;

/** A sender, with its IP address as the socket gives it: `::ffff:10.0.0.5` for an IPv4 sender of a dual-stack socket. */
interface KnownSender {
  readonly ip: string;
  readonly port: number;
  readonly peer: Peer;
}

/** The latest senders of datagrams, so that not every packet needs a new peer object. */
export class PeersByPort {
  readonly #make: (address: NetAddress, ip: string) => Peer;
  readonly #known: (KnownSender | undefined)[] = Array.from({ length: REMEMBERED });

  /** @param make makes the peer of an address; `ip` is that address as the socket gives it */
  constructor(make: (address: NetAddress, ip: string) => Peer) {
    this.#make = make;
  }

  of(ip: string, port: number): Peer {
    const slot = port & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && known.port === port && known.ip === ip) return known.peer;
    const peer = this.#make(ipAddress(ip, port), ip);
    this.#known[slot] = { ip, port, peer };
    return peer;
  }
}

/** Makes a socket of the IP version of the address that it will be bound to or send to. */
export function createUdpSocket(ip: string, options: UdpSettings): Socket {
  const socketOptions: SocketOptions & { reusePort?: boolean } = {
    type: isIP(ip) === 6 ? "udp6" : "udp4",
    ipv6Only: options.ipv6Only ?? false,
    reuseAddr: options.reuseAddress ?? false,
    recvBufferSize: options.receiveBufferSize ?? SOCKET_BUFFER_SIZE,
    sendBufferSize: options.sendBufferSize ?? SOCKET_BUFFER_SIZE,
    lookup: lookupLiteralFirst as NonNullable<SocketOptions["lookup"]>,
  };
  if (options.reusePort === true) {
    if (!supportsReusePort()) {
      throw new OscServerError(
        "OSC_OPTION",
        `reusePort needs Node 23.1 or newer, and this is ${process.version}: leave it out, or use reuseAddress.`,
      );
    }
    socketOptions.reusePort = true;
  }
  return createSocket(socketOptions);
}

function supportsReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1);
}

/** Sets the options that Node can set only on a bound socket. */
export function applyOptions(socket: Socket, options: UdpSettings): void {
  if (options.broadcast === true) socket.setBroadcast(true);
  if (options.ttl !== undefined) socket.setTTL(options.ttl);
  if (options.multicastTtl !== undefined) socket.setMulticastTTL(options.multicastTtl);
  if (options.multicastLoopback !== undefined) socket.setMulticastLoopback(options.multicastLoopback);
  if (options.multicastInterface !== undefined) socket.setMulticastInterface(options.multicastInterface);
  for (const group of options.multicastGroups ?? []) socket.addMembership(group, options.multicastInterface);
}

/** The address to which the socket is bound. */
export function socketAddress(socket: Socket): NetAddress {
  const { address, port } = socket.address();
  return ipAddress(address, port);
}

/** Binds the socket. */
export function bind(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ port, address: host }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** Resolves when the port is free. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;

/**
 * Answers at once for an IP address, so that `send` acts before it returns; Node's own lookup waits for the next turn of the event loop
 * (`bench/udp.ts`). A dual-stack socket reaches an IPv4 address by its IPv4-mapped IPv6 address.
 */
function lookupLiteralFirst(host: string, family: number, callback: LookupCallback): void {
  const literal = isIP(host);
  if (literal === 0) lookup(host, family, callback);
  else if (literal === 4 && family === 6) callback(null, `::ffff:${host}`, 6);
  else callback(null, host, literal);
}
