import { isIPv6 } from "node:net";
import type { NetAddress } from "../../net-address.ts";
import { socketError } from "../socket-error.ts";
import { MAX_DATAGRAM, tooLarge } from "../datagram.ts";
import type { UdpOptions } from "../udp.ts";
import { type Libc, checkCall } from "./libc.ts";
import { ADDRESS_ROOM } from "./message-batch.ts";
import { AF_INET, AF_INET6, decodeSocketAddress, encodeSocketAddress, lookUp } from "./socket-address.ts";
import { SocketOptions } from "./socket-options.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0x8_0000;
const POLLIN = 1;
const POLLOUT = 4;
const MSG_DONTWAIT = 0x40;
const SHUT_RD = 0;
/** A thread that waits for room looks again after so long. */
const LONGEST_WAIT_MS = 1000;

/** A UDP socket that is used by the system's own calls. */
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
   * @throws OscSocketError where the address cannot be used, or the system refuses an option
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
      throw socketError(error, "listen on", `${isIPv6(host) ? `[${host}]` : host}:${port}`);
    }
  }

  /** Waits until there is something to receive, but not longer than that. May return early. */
  wait(timeoutMs: number): void {
    this.#waitFor(POLLIN, timeoutMs);
  }

  /**
   * Sends a datagram.
   *
   * @param address a `sockaddr`
   * @param patienceMs how long to wait, blocked, where the system has no room for it; `Infinity` for ever
   * @throws an error of the system, with its `code`
   */
  send(packet: Uint8Array, address: Uint8Array, patienceMs: number): void {
    if (packet.length > MAX_DATAGRAM) throw tooLarge(packet.length);
    const libc = this.#libc;
    const deadline = patienceMs === Infinity ? Infinity : performance.now() + patienceMs;
    for (;;) {
      if (this.#closed) throw Object.assign(new Error("the socket is closed"), { code: "EBADF" });
      if (libc.sendto(this.fd, packet, packet.length, MSG_DONTWAIT, address, address.length) >= 0) return;
      const code = libc.errorCode();
      const left = code === "EAGAIN" ? deadline - performance.now() : Infinity;
      if ((code !== "EINTR" && code !== "EAGAIN") || left <= 0) throw Object.assign(new Error(code), { code });
      if (code === "EAGAIN") this.#waitFor(POLLOUT, Math.min(left, LONGEST_WAIT_MS));
    }
  }

  /**
   * Wakes a thread that waits for datagrams, and keeps every other from waiting: it is told of datagrams that have no sender. The system says
   * that the socket has no other end, and does it all the same.
   */
  endReceiving(): void {
    if (!this.#closed) this.#libc.shutdown(this.fd, SHUT_RD);
  }

  /** Leaves the descriptor to somebody else, who closes it. */
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
