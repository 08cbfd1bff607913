import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { type NetAddress, formatAddress, formatHostPort, ipAddress } from "../../net-address.ts";
import { resolveHost } from "../resolve-host.ts";
import { closedWhileOpening, socketError } from "../socket-error.ts";
import type { Peer, Transport, TransportEvents } from "../transport.ts";
import { PeersByPort, type UdpSpec, closeSocket } from "../udp.ts";
import { MessageBatch } from "./batch.ts";
import type { Libc } from "./libc.ts";
import { NativeUdpSocket, SocketOptions } from "./socket.ts";
import { decodeSocketAddress, encodeSocketAddress } from "./socket-address.ts";

/** How long the event loop waits if the system has no room for a reply. After that the reply is reported as lost. */
const REPLY_PATIENCE_MS = 10;
/**
 * How long one turn of the event loop may spend on receiving, at least and at most. In between it gets as long as everything else took before:
 * under overload half of the time goes to receiving, because the kernel drops what isn't received in time, whoever sent it.
 */
const SHORTEST_TURN_MS = 1;
const LONGEST_TURN_MS = 4;

/**
 * A UDP socket that receives in batches, in the event loop of any thread. Node delivers the first datagram, and one system call brings those that
 * came with it; replies are system calls, too. Under load that costs half the CPU time of Node's own sockets (bench/udp).
 */
export class NativeUdpTransport implements Transport {
  readonly #libc: Libc;
  readonly #spec: UdpSpec;
  readonly #events: TransportEvents;
  readonly #batch: MessageBatch;
  #native: NativeUdpSocket | null = null;
  #socket: Socket | null = null;
  #peers: NativePeers | null = null;
  #isClosed = false;
  /** When this turn of the event loop has to stop receiving; null until it has received a full batch. */
  #turnEnds: number | null = null;
  /** When such a turn received something last. */
  #lastReceived = 0;

  constructor(libc: Libc, spec: UdpSpec, events: TransportEvents) {
    this.#libc = libc;
    this.#spec = spec;
    this.#events = events;
    this.#batch = new MessageBatch(libc);
  }

  async open(): Promise<NetAddress> {
    const { host, port, options } = this.#spec;
    const ip = await resolveHost(host);
    if (this.#isClosed) throw closedWhileOpening();
    const native = NativeUdpSocket.open(this.#libc, ip, port, options);
    this.#native = native;
    const address = native.localAddress;
    const socket = createSocket(address.family === "IPv6" ? "udp6" : "udp4");
    try {
      await adopt(socket, native.fd);
      // Node sets SO_REUSEADDR on a descriptor that it adopts.
      new SocketOptions(this.#libc, native.fd, address.family === "IPv6").guardAddress(options);
    } catch (error) {
      native.close();
      throw socketError(error, "listen on", formatAddress(address));
    }
    this.#socket = socket;
    const peers = new NativePeers(this.#libc, { socket: native, events: this.#events, patienceMs: REPLY_PATIENCE_MS });
    this.#peers = peers;
    socket.on("error", (error) => this.#events.onError(socketError(error, "use", formatHostPort(host, port))));
    socket.on("message", this.#receive);
    return address;
  }

  peerAt(address: NetAddress): Peer | null {
    return this.#peers?.to(address) ?? null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    // Node closes the descriptor.
    this.#native?.release();
    await closeSocket(socket);
  }

  /** Takes the datagram that Node delivered, and those that came with it. */
  readonly #receive = (first: Uint8Array, sender: RemoteInfo): void => {
    const events = this.#events;
    const batch = this.#batch;
    const native = this.#native as NativeUdpSocket;
    const peers = this.#peers as NativePeers;
    const { atOnce, host, port } = this.#spec;
    events.onPacket(first, peers.of(sender.address, sender.port));
    if (this.#socket === null || this.#hasTurnEnded()) return;
    let count = 0;
    try {
      count = batch.receive(native.fd, atOnce, "look");
    } catch (error) {
      events.onError(socketError(error, "use", formatHostPort(host, port)));
    }
    if (count === atOnce) this.#boundTurn();
    for (let index = 0; index < count; index += 1) {
      events.onPacket(batch.copy(index), peers.at(batch.bytes, batch.senderStart(index), batch.senderSize(index)));
    }
  };

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

/** Has a socket of Node use a descriptor that is already bound. */
function adopt(socket: Socket, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ fd, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** How many senders are remembered, so that their addresses needn't be decoded for each packet. A power of 2. */
const REMEMBERED = 256;

/** What replies are sent with. */
export interface ReplySocket {
  readonly socket: NativeUdpSocket;
  readonly events: Pick<TransportEvents, "onError">;
  /** How long a reply blocks if the system has no room for it. */
  readonly patienceMs: number;
}

/** The senders of datagrams. Those that Node delivered are found by their IP address and port. */
export class NativePeers extends PeersByPort {
  readonly #libc: Libc;
  readonly #replies: ReplySocket;
  /** By the bytes of their `sockaddr`. */
  readonly #known: (NativePeer | undefined)[] = Array.from({ length: REMEMBERED });

  constructor(libc: Libc, replies: ReplySocket) {
    super((address, ip) => new NativePeer(address, encodeSocketAddress(libc, ip, address.port), replies));
    this.#libc = libc;
    this.#replies = replies;
  }

  /** The sender whose `sockaddr` lies there. */
  at(bytes: Uint8Array, start: number, size: number): Peer {
    // The low bits of port and IPv4 address.
    const slot = ((bytes[start + 3] ?? 0) ^ (bytes[start + 7] ?? 0)) & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && isSame(known.socketAddress, bytes, start, size)) return known;
    const socketAddress = bytes.slice(start, start + size);
    const { address, port } = decodeSocketAddress(this.#libc, socketAddress);
    return (this.#known[slot] = new NativePeer(ipAddress(address, port), socketAddress, this.#replies));
  }

  /** Whoever is at that address. An IPv6 socket reaches an IPv4 address by its IPv4-mapped IPv6 address. */
  to({ address, port, family }: NetAddress): Peer {
    const isMapped = family === "IPv4" && this.#replies.socket.localAddress.family === "IPv6";
    return this.of(isMapped ? `::ffff:${address}` : address, port);
  }
}

class NativePeer implements Peer {
  readonly address: NetAddress;
  readonly socketAddress: Uint8Array;
  readonly key: string;
  readonly paced = false;
  readonly #replies: ReplySocket;

  constructor(address: NetAddress, socketAddress: Uint8Array, replies: ReplySocket) {
    this.address = address;
    this.socketAddress = socketAddress;
    this.key = formatAddress(address);
    this.#replies = replies;
  }

  send(packet: Uint8Array): void {
    const { socket, events, patienceMs } = this.#replies;
    try {
      socket.send(packet, this.socketAddress, patienceMs);
    } catch (error) {
      events.onError(socketError(error, "send to", formatAddress(this.address)), this.address);
    }
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, size: number): boolean {
  if (known.length !== size) return false;
  for (let index = 0; index < size; index += 1) if (known[index] !== bytes[start + index]) return false;
  return true;
}
