import { type NetAddress, formatAddress } from "../../net-address.ts";
import { socketError } from "../socket-error.ts";
import type { Peer, TransportEvents } from "../transport.ts";
import type { Libc } from "./libc.ts";
import { decodeSocketAddress } from "./socket-address.ts";
import type { NativeUdpSocket } from "./udp-socket.ts";

/** So many senders are remembered, so that their addresses are not decoded for each packet. A power of 2. */
const REMEMBERED = 256;

/** The senders of datagrams. */
export class NativePeers {
  readonly #libc: Libc;
  readonly #socket: NativeUdpSocket;
  readonly #events: TransportEvents;
  readonly #known: (NativePeer | undefined)[] = Array.from({ length: REMEMBERED });

  constructor(libc: Libc, socket: NativeUdpSocket, events: TransportEvents) {
    this.#libc = libc;
    this.#socket = socket;
    this.#events = events;
  }

  /** @param sender a `sockaddr`, which is copied where it is kept */
  of(sender: Uint8Array): Peer {
    // The low bits of port and IPv4 address.
    const slot = ((sender[3] ?? 0) ^ (sender[7] ?? 0)) & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && isSame(known.socketAddress, sender)) return known;
    const address = new Uint8Array(sender);
    const peer = new NativePeer(decodeSocketAddress(this.#libc, address), address, this.#socket, this.#events);
    this.#known[slot] = peer;
    return peer;
  }
}

class NativePeer implements Peer {
  readonly address: NetAddress;
  readonly socketAddress: Uint8Array;
  readonly key: string;
  readonly paced = false;
  readonly #socket: NativeUdpSocket;
  readonly #events: TransportEvents;

  constructor(address: NetAddress, socketAddress: Uint8Array, socket: NativeUdpSocket, events: TransportEvents) {
    this.address = address;
    this.socketAddress = socketAddress;
    this.key = formatAddress(address);
    this.#socket = socket;
    this.#events = events;
  }

  send(packet: Uint8Array): void {
    try {
      this.#socket.send(packet, this.socketAddress);
    } catch (error) {
      this.#events.onError(socketError(error, "send to", formatAddress(this.address)), this.address);
    }
  }

  /** A datagram's sender is never held up. */
  settled(_size: number): void {}
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}
