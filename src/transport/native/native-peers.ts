import { type NetAddress, formatAddress, ipAddress } from "../../net-address.ts";
import { PeersByPort } from "../peers-by-port.ts";
import { socketError } from "../socket-error.ts";
import type { Peer, TransportEvents } from "../transport.ts";
import type { Libc } from "./libc.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";
import type { NativeUdpSocket } from "./udp-socket.ts";

/** So many senders are remembered, so that their addresses are not decoded for each packet. A power of 2. */
const REMEMBERED = 256;

/** The senders of datagrams. */
export class NativePeers {
  readonly #libc: Libc;
  readonly #socket: NativeUdpSocket;
  readonly #events: TransportEvents;
  readonly #patienceMs: number;
  /** By what is in their `sockaddr`. */
  readonly #known: (NativePeer | undefined)[] = Array.from({ length: REMEMBERED });
  readonly #knownByPort: PeersByPort;

  /** @param patienceMs how long a reply waits, blocked, where the system has no room for it */
  constructor(libc: Libc, socket: NativeUdpSocket, events: TransportEvents, patienceMs: number) {
    this.#libc = libc;
    this.#socket = socket;
    this.#events = events;
    this.#patienceMs = patienceMs;
    this.#knownByPort = new PeersByPort((address, ip) => this.#peer(address, encodeSocketAddress(libc, ip, address.port)));
  }

  /** The sender whose `sockaddr` lies there; it is copied where it is kept. */
  at(bytes: Uint8Array, start: number, size: number): Peer {
    // The low bits of port and IPv4 address.
    const slot = ((bytes[start + 3] ?? 0) ^ (bytes[start + 7] ?? 0)) & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && isSame(known.socketAddress, bytes, start, size)) return known;
    const socketAddress = bytes.slice(start, start + size);
    const { address, port } = decodeSocketAddress(this.#libc, socketAddress);
    return (this.#known[slot] = this.#peer(ipAddress(address, port), socketAddress));
  }

  /** The sender as Node tells of it. */
  of(ip: string, port: number): Peer {
    return this.#knownByPort.of(ip, port);
  }

  #peer(address: NetAddress, socketAddress: Uint8Array): NativePeer {
    return new NativePeer(address, socketAddress, (packet) => this.#send(packet, address, socketAddress));
  }

  #send(packet: Uint8Array, address: NetAddress, socketAddress: Uint8Array): void {
    try {
      this.#socket.send(packet, socketAddress, this.#patienceMs);
    } catch (error) {
      this.#events.onError(socketError(error, "send to", formatAddress(address)), address);
    }
  }
}

class NativePeer implements Peer {
  readonly address: NetAddress;
  readonly socketAddress: Uint8Array;
  readonly key: string;
  readonly paced = false;
  readonly send: (packet: Uint8Array) => void;

  constructor(address: NetAddress, socketAddress: Uint8Array, send: (packet: Uint8Array) => void) {
    this.address = address;
    this.socketAddress = socketAddress;
    this.key = formatAddress(address);
    this.send = send;
  }

  /** A datagram's sender is never held up. */
  settled(_size: number): void {}
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, size: number): boolean {
  if (known.length !== size) return false;
  for (let index = 0; index < size; index += 1) if (known[index] !== bytes[start + index]) return false;
  return true;
}
