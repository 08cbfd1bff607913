import type { Socket } from "node:dgram";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { MAX_DATAGRAM, tooLarge } from "./datagram.ts";
import { socketError } from "./socket-error.ts";
import type { Peer, TransportEvents } from "./transport.ts";

/** Who sends datagrams to a socket of Node. */
export class UdpPeer implements Peer {
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
    sendDatagram(this.#socket, packet, port, address, (error) => {
      this.#events.onError(socketError(error, "send to", formatAddress(this.address)), this.address);
    });
  }

  /** The kernel drops what cannot be taken; a datagram's sender is never held up. */
  settled(_size: number): void {}
}

/** Sends one datagram, and calls `failed` now or later if that was not possible. */
function sendDatagram(socket: Socket, packet: Uint8Array, port: number, host: string, failed: (error: Error) => void): void {
  if (packet.length > MAX_DATAGRAM) return failed(tooLarge(packet.length));
  try {
    socket.send(packet, port, host, (error) => {
      if (error !== null) failed(error);
    });
  } catch (error) {
    failed(error as Error);
  }
}
