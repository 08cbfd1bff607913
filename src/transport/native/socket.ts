import { isIPv6 } from "node:net";
import { type NetAddress, formatHostPort } from "../../net-address.ts";
import { socketError } from "../socket-error.ts";
import { MAX_DATAGRAM, SOCKET_BUFFER_SIZE, type UdpOptions, tooLarge } from "../udp.ts";
import { EAGAIN, EINTR, type Libc, callError, checkCall } from "./libc.ts";
import {
  ADDRESS_ROOM,
  AF_INET,
  AF_INET6,
  decodeSocketAddress,
  encodeIp,
  encodeSocketAddress,
  interfaceIndex,
  lookUp,
} from "./socket-address.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0x8_0000;
const POLLIN = 1;
const POLLOUT = 4;
const MSG_DONTWAIT = 0x40;
/** How often a thread that waits for room looks whether the socket was closed. */
const LONGEST_WAIT_MS = 1000;

/** A UDP socket that is used by system calls. */
export class NativeUdpSocket {
  readonly fd: number;
  readonly localAddress: NetAddress;
  readonly #libc: Libc;
  readonly #poll = new Int32Array(2);
  readonly #pollBytes = new Uint8Array(this.#poll.buffer);
  readonly #time = new BigInt64Array(2);
  readonly #timeBytes = new Uint8Array(this.#time.buffer);
  #closed = false;

  private constructor(libc: Libc, fd: number, localAddress: NetAddress) {
    this.#libc = libc;
    this.fd = fd;
    this.localAddress = localAddress;
    this.#poll[0] = fd;
  }

  /**
   * Binds a socket.
   *
   * @throws OscSocketError if the address can't be used, or the system rejects an option
   */
  static open(libc: Libc, host: string, port: number, options: UdpOptions): NativeUdpSocket {
    let ip: string;
    try {
      ip = lookUp(libc, host);
    } catch (error) {
      throw socketError(error, "look up", host);
    }
    let fd = -1;
    try {
      const isIPv6Socket = isIPv6(ip);
      fd = checkCall(libc, libc.socket(isIPv6Socket ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0));
      const setter = new SocketOptions(libc, fd, isIPv6Socket);
      setter.beforeBind(options);
      const address = encodeSocketAddress(libc, ip, port);
      checkCall(libc, libc.bind(fd, address, address.length));
      setter.afterBind(options);
      return new NativeUdpSocket(libc, fd, boundAddress(libc, fd));
    } catch (error) {
      if (fd !== -1) libc.close(fd);
      throw socketError(error, "listen on", formatHostPort(host, port));
    }
  }

  /** Blocks until there is something to receive, at most for that time. May return early. */
  wait(timeoutMs: number): void {
    this.#waitFor(POLLIN, timeoutMs);
  }

  /**
   * Sends a datagram.
   *
   * @param address a `sockaddr`
   * @param patienceMs how long to block if the system has no room for it; `Infinity`: forever
   * @throws an error of the system, with its `code`
   */
  send(packet: Uint8Array, address: Uint8Array, patienceMs: number): void {
    if (packet.length > MAX_DATAGRAM) throw tooLarge(packet.length);
    const libc = this.#libc;
    const deadline = patienceMs === Infinity ? Infinity : performance.now() + patienceMs;
    for (;;) {
      if (this.#closed) throw Object.assign(new Error("the socket is closed"), { code: "EBADF" });
      if (libc.sendto(this.fd, packet, packet.length, MSG_DONTWAIT, address, address.length) >= 0) return;
      const error = libc.errno();
      if (error === EINTR) continue;
      const left = deadline - performance.now();
      if (error !== EAGAIN || left <= 0) throw callError(error);
      this.#waitFor(POLLOUT, Math.min(left, LONGEST_WAIT_MS));
    }
  }

  /** Leaves it to someone else to close the descriptor. */
  release(): void {
    this.#closed = true;
  }

  /** The port is free when this returns. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }

  #waitFor(events: number, timeoutMs: number): void {
    this.#poll[1] = events;
    const nanoseconds = BigInt(Math.ceil(timeoutMs * 1e6));
    this.#time[0] = nanoseconds / 1_000_000_000n;
    this.#time[1] = nanoseconds % 1_000_000_000n;
    this.#libc.ppoll(this.#pollBytes, 1, this.#timeBytes, null);
  }
}

function boundAddress(libc: Libc, fd: number): NetAddress {
  const bytes = new Uint8Array(ADDRESS_ROOM);
  checkCall(libc, libc.getsockname(fd, bytes, new Uint8Array(Uint32Array.of(ADDRESS_ROOM).buffer)));
  return decodeSocketAddress(libc, bytes);
}

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;

/** Options that have another number in each family. */
interface FamilyOptions {
  readonly level: number;
  readonly ttl: number;
  readonly multicastInterface: number;
  readonly multicastTtl: number;
  readonly multicastLoopback: number;
  readonly addMembership: number;
}
const IPV4_OPTIONS: FamilyOptions = {
  level: 0,
  ttl: 2,
  multicastInterface: 32,
  multicastTtl: 33,
  multicastLoopback: 34,
  addMembership: 35,
};
const IPV6_OPTIONS: FamilyOptions = {
  level: 41,
  ttl: 16,
  multicastInterface: 17,
  multicastTtl: 18,
  multicastLoopback: 19,
  addMembership: 20,
};
const IPV6_V6ONLY = 26;

/** Sets the options of a socket. Some have to be set before it is bound. */
export class SocketOptions {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #isIPv6: boolean;
  readonly #names: FamilyOptions;

  constructor(libc: Libc, fd: number, isIPv6Socket: boolean) {
    this.#libc = libc;
    this.#fd = fd;
    this.#isIPv6 = isIPv6Socket;
    this.#names = isIPv6Socket ? IPV6_OPTIONS : IPV4_OPTIONS;
  }

  beforeBind({ ipv6Only = false, reuseAddress = false, reusePort = false }: UdpOptions): void {
    if (this.#isIPv6) this.#set(this.#names.level, IPV6_V6ONLY, Number(ipv6Only));
    // As Node does.
    else if (ipv6Only) throw Object.assign(new Error("ipv6Only is for IPv6 addresses"), { code: "EINVAL" });
    if (reuseAddress) this.#set(SOL_SOCKET, SO_REUSEADDR, 1);
    if (reusePort) this.#set(SOL_SOCKET, SO_REUSEPORT, 1);
  }

  afterBind(options: UdpOptions): void {
    this.#set(SOL_SOCKET, SO_RCVBUF, options.receiveBufferSize ?? SOCKET_BUFFER_SIZE);
    this.#set(SOL_SOCKET, SO_SNDBUF, options.sendBufferSize ?? SOCKET_BUFFER_SIZE);
    const { broadcast, ttl, multicastTtl, multicastLoopback, multicastInterface, multicastGroups = [] } = options;
    const { level, ...names } = this.#names;
    if (broadcast === true) this.#set(SOL_SOCKET, SO_BROADCAST, 1);
    if (ttl !== undefined) this.#set(level, names.ttl, ttl);
    if (multicastTtl !== undefined) this.#set(level, names.multicastTtl, multicastTtl);
    if (multicastLoopback !== undefined) this.#set(level, names.multicastLoopback, Number(multicastLoopback));
    if (multicastInterface !== undefined) this.#setBytes(level, names.multicastInterface, this.#interface(multicastInterface));
    for (const group of multicastGroups) {
      const interfaceBytes = multicastInterface === undefined ? new Uint8Array(4) : this.#interface(multicastInterface);
      this.#setBytes(level, names.addMembership, Uint8Array.of(...encodeIp(this.#libc, group), ...interfaceBytes));
    }
  }

  /** A network interface in 4 bytes: its address for IPv4, its number for IPv6. */
  #interface(address: string): Uint8Array {
    if (!this.#isIPv6) return encodeIp(this.#libc, address);
    const [, zone] = address.split("%");
    return new Uint8Array(Uint32Array.of(zone === undefined ? 0 : interfaceIndex(this.#libc, zone)).buffer);
  }

  /** Keeps other sockets from binding the same address, unless the option says that they may. */
  guardAddress({ reuseAddress = false }: UdpOptions): void {
    this.#set(SOL_SOCKET, SO_REUSEADDR, Number(reuseAddress));
  }

  #set(level: number, name: number, value: number): void {
    this.#setBytes(level, name, new Uint8Array(Int32Array.of(value).buffer));
  }

  #setBytes(level: number, name: number, value: Uint8Array): void {
    checkCall(this.#libc, this.#libc.setsockopt(this.#fd, level, name, value, value.length));
  }
}
