import { SOCKET_BUFFER_SIZE, type UdpOptions } from "../udp.ts";
import { type Libc, checkCall } from "./libc.ts";
import { encodeIp, interfaceIndex } from "./socket-address.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_RCVTIMEO = 20;

/** Options that the two families call by other numbers. */
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

/** Sets the options of a socket, those that must be set before it is bound and the others. */
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
    // As Node has it.
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

  /** An interface: by its address for IPv4, by its number for IPv6. Both are 4 bytes. */
  #interface(address: string): Uint8Array {
    if (!this.#isIPv6) return encodeIp(this.#libc, address);
    const [, zone] = address.split("%");
    return new Uint8Array(Uint32Array.of(zone === undefined ? 0 : interfaceIndex(this.#libc, zone)).buffer);
  }

  /** Another socket may not bind the same address, unless that is wished. */
  guardAddress({ reuseAddress = false }: UdpOptions): void {
    this.#set(SOL_SOCKET, SO_REUSEADDR, Number(reuseAddress));
  }

  /** A call that waits for datagrams returns after so long at the latest, with none. */
  returnAfter(seconds: number): void {
    this.#setBytes(SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(BigInt(seconds), 0n).buffer));
  }

  #set(level: number, name: number, value: number): void {
    this.#setBytes(level, name, new Uint8Array(Int32Array.of(value).buffer));
  }

  #setBytes(level: number, name: number, value: Uint8Array): void {
    checkCall(this.#libc, this.#libc.setsockopt(this.#fd, level, name, value, value.length));
  }
}
