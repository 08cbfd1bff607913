import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { type NetAddress, formatAddress, ipAddress } from "../../net-address.ts";
import { resolveHost } from "../resolve-host.ts";
import { socketError } from "../socket-error.ts";
import type { Peer, Transport, TransportEvents } from "../transport.ts";
import { PeersByPort, type UdpSpec } from "../udp.ts";
import { MessageBatch } from "./batch.ts";
import type { Libc } from "./libc.ts";
import { NativeUdpSocket, SocketOptions } from "./socket.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

/** How long the event loop is held up by a reply for which the system has no room. Then the reply is reported as lost. */
export const REPLY_PATIENCE_MS = 10;
/**
 * So long may one turn of the event loop take in batches at least, and at most; then all else has its turn. In between it is as long as all else
 * took before: where there is more to do than can be done, half of the time goes to receiving, for what is not received in time is lost in the
 * system, whoever sent it.
 */
const SHORTEST_TURN_MS = 1;
const LONGEST_TURN_MS = 4;

/**
 * A UDP socket in an event loop that receives in batches: Node tells of the first datagram, and one call of the system brings what else has
 * come with it. Replies go out by a call of the system, too.
 *
 * At 300,000 small messages a second, some ten at a time, that takes half of the processor time of Node's own sockets, and one message alone
 * takes no longer (`npm run bench -- udp`).
 */
export class NativeUdpTransport implements Transport {
  readonly #libc: Libc;
  readonly #spec: UdpSpec;
  readonly #events: TransportEvents;
  readonly #batch: MessageBatch;
  #native: NativeUdpSocket | null = null;
  #socket: Socket | null = null;
  /** Until when this turn of the event loop may take in batches, once it has taken in a whole one; null before that. */
  #turnEnds: number | null = null;
  /** When something was received last, in such a turn. */
  #lastReceived = 0;

  constructor(libc: Libc, spec: UdpSpec, events: TransportEvents) {
    this.#libc = libc;
    this.#spec = spec;
    this.#events = events;
    this.#batch = new MessageBatch(libc);
  }

  async open(): Promise<NetAddress> {
    const native = await openNativeSocket(this.#libc, this.#spec);
    this.#native = native;
    const address = native.localAddress;
    const socket = createSocket(address.family === "IPv6" ? "udp6" : "udp4");
    try {
      await adopt(socket, native.fd);
      // Node lets others bind the address of a socket that it is given.
      new SocketOptions(this.#libc, native.fd, address.family === "IPv6").guardAddress(this.#spec.options);
    } catch (error) {
      native.close();
      throw socketError(error, "listen on", formatAddress(address));
    }
    this.#socket = socket;
    const peers = new NativePeers(this.#libc, native, this.#events, REPLY_PATIENCE_MS);
    const { host, port } = this.#spec;
    socket.on("error", (error) => this.#events.onError(socketError(error, "use", `${host}:${port}`)));
    socket.on("message", (data: Uint8Array, sender: RemoteInfo) => this.#receive(data, sender, native, peers));
    return address;
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    // It is Node that closes the descriptor.
    this.#native?.release();
    await new Promise<void>((resolve) => socket.close(resolve));
  }

  #receive(first: Uint8Array, sender: RemoteInfo, native: NativeUdpSocket, peers: NativePeers): void {
    const events = this.#events;
    events.onPacket(first, peers.of(sender.address, sender.port));
    if (this.#socket === null || this.#hasTurnEnded()) return;
    const batch = this.#batch;
    const count = this.#receiveMore(native.fd);
    for (let index = 0; index < count; index += 1) {
      events.onPacket(batch.copy(index), peers.at(batch.bytes, batch.senderStart(index), batch.senderSize(index)));
    }
  }

  #receiveMore(fd: number): number {
    const { atOnce, host, port } = this.#spec;
    try {
      const count = this.#batch.receive(fd, atOnce, "look");
      if (count === atOnce) this.#boundTurn();
      return count;
    } catch (error) {
      this.#events.onError(socketError(error, "use", `${host}:${port}`));
      return 0;
    }
  }

  #hasTurnEnded(): boolean {
    if (this.#turnEnds === null) return false;
    this.#lastReceived = performance.now();
    return this.#lastReceived > this.#turnEnds;
  }

  #boundTurn(): void {
    if (this.#turnEnds !== null) return;
    const now = performance.now();
    this.#turnEnds = now + Math.min(LONGEST_TURN_MS, Math.max(SHORTEST_TURN_MS, now - this.#lastReceived));
    this.#lastReceived = now;
    setImmediate(() => {
      this.#turnEnds = null;
    });
  }
}

/**
 * Binds a socket for an event loop, which is not held up while a name is looked up.
 *
 * @throws OscSocketError where the address cannot be used, or the system refuses an option
 */
export async function openNativeSocket(libc: Libc, { host, port, options }: UdpSpec): Promise<NativeUdpSocket> {
  return NativeUdpSocket.open(libc, await resolveHost(host), port, options);
}

/** Has a socket of Node use a descriptor that is bound already. Rejects where it does not. */
function adopt(socket: Socket, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ fd, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

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
