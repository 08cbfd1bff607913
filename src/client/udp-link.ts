import type { RemoteInfo, Socket } from "node:dgram";
import { isIP } from "node:net";
import { OscSocketError } from "../errors.ts";
import { type NetAddress, formatHostPort, ipAddress } from "../net-address.ts";
import { OutgoingBatch } from "../transport/native/batch.ts";
import { nativeSockets } from "../transport/native/self-test.ts";
import { resolveHost } from "../transport/resolve-host.ts";
import { socketError } from "../transport/socket-error.ts";
import { MAX_DATAGRAM, type UdpSettings, applyOptions, bind, closeSocket, createUdpSocket, socketAddress } from "../transport/udp.ts";
import { type BatchDone, type PacketLink, type PacketLinkEvents, type SendDone, closedError } from "./link.ts";
import type { ReceiverProfile } from "./receivers.ts";

/** Where a UDP client sends to, and what it binds. */
export interface UdpLinkSpec {
  readonly host: string;
  readonly port: number;
  /** The IP version that a name is looked up for: 4 or 6; 0 for either. */
  readonly family: 0 | 4 | 6;
  /** The address to bind; `null` for all. */
  readonly localAddress: string | null;
  /** The port to bind; 0 lets the system choose. */
  readonly localPort: number;
  readonly connected: boolean;
  /** The profile of the receiver; `null`: it takes everything. */
  readonly receiver: ReceiverProfile | null;
  readonly options: UdpSettings;
  /** Whether batches use native system calls if they are available. */
  readonly native: "auto" | false;
}

/** One UDP socket that sends to one target and hears everyone, or only the target if it is connected. */
export class UdpLink implements PacketLink {
  readonly #spec: UdpLinkSpec;
  readonly #events: PacketLinkEvents;
  readonly #target: string;
  /** The largest datagram that the receiver takes. */
  readonly #maxSize: number;
  #socket: Socket | null = null;
  /** The IP address of the host. Looked up once, because packets could overtake each other if each were looked up. */
  #host = "";
  #isClosed = false;
  /** Sends batches; null if they go out one by one, undefined until it is first needed. */
  #batch: OutgoingBatch | null | undefined = undefined;

  constructor(spec: UdpLinkSpec, events: PacketLinkEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#target = formatHostPort(spec.host, spec.port);
    this.#maxSize = spec.receiver?.maxDatagram ?? MAX_DATAGRAM;
  }

  async open(): Promise<NetAddress> {
    const { host, port, family, localAddress, localPort, connected, options } = this.#spec;
    this.#host = await resolveHost(host, family);
    const socket = createUdpSocket(this.#host, options);
    const local = localAddress ?? (isIP(this.#host) === 6 ? "::" : "0.0.0.0");
    try {
      await bind(socket, local, localPort);
      applyOptions(socket, options);
      if (connected) await connect(socket, port, this.#host);
    } catch (error) {
      await closeSocket(socket);
      throw socketError(error, "send from", formatHostPort(local, localPort));
    }
    if (this.#isClosed) {
      await closeSocket(socket);
      throw closedError("The client was closed while it opened its socket.");
    }
    socket.on("error", (error) => this.#events.onError(socketError(error, "send to", this.#target)));
    socket.on("message", (data: Uint8Array, { address, port }: RemoteInfo) => this.#events.onPacket(data, ipAddress(address, port)));
    socket.unref();
    this.#socket = socket;
    return socketAddress(socket);
  }

  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    if (packet.length > this.#maxSize) {
      done(tooLarge(packet.length, this.#target, this.#spec.receiver));
      return;
    }
    const target = to === null ? this.#target : formatHostPort(to.address, to.port);
    this.#transmit(packet, to, (error) => {
      if (error?.code !== "ECONNREFUSED") {
        done(error === null ? null : socketError(error, "send to", target));
        return;
      }
      // The refused packet is an earlier one; the system reports it now and hasn't sent this one.
      this.#events.onError(socketError(error, "send to", target));
      this.#transmit(packet, to, (again) => done(again === null ? null : socketError(again, "send to", target)));
    });
  }

  sendBatch(packets: readonly Uint8Array[], done: BatchDone): void {
    if (this.#batch === undefined && packets.length > 1) this.#batch = this.#outgoing();
    const next = this.#batch ? this.#sendTogether(this.#batch, packets, done) : 0;
    for (let index = next; index < packets.length; index += 1) {
      this.send(packets[index] as Uint8Array, null, (error) => done(index, error));
    }
  }

  keepAlive(how: "on" | "off"): void {
    if (how === "on") this.#socket?.ref();
    else this.#socket?.unref();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#isClosed = true;
    this.#socket = null;
    this.#batch = null;
    if (socket !== null) await closeSocket(socket);
  }

  /** @returns the index of the first packet that still has to be sent one by one */
  #sendTogether(batch: OutgoingBatch, packets: readonly Uint8Array[], done: BatchDone): number {
    const large = packets.flatMap((packet, index) => (packet.length > this.#maxSize ? [index] : []));
    let next = 0;
    let refused = -1;
    while (next < packets.length) {
      if (next === large[0]) {
        done(next, tooLarge(packets[next]?.length ?? 0, this.#target, this.#spec.receiver));
        large.shift();
        next += 1;
        continue;
      }
      try {
        for (let left = batch.send(packets, next, large[0] ?? packets.length); left > 0; left -= 1) done(next++, null);
      } catch (thrown) {
        const error = socketError(thrown, "send to", this.#target);
        // There is no room just now; Node waits for it.
        if (error.code === "EAGAIN") break;
        if (error.code === "EINTR") continue;
        if (error.code === "ECONNREFUSED" && refused !== next) {
          // As in send(): it was an earlier packet.
          this.#events.onError(error);
          refused = next;
        } else {
          done(next++, error);
        }
      }
    }
    return next;
  }

  #outgoing(): OutgoingBatch | null {
    const libc = this.#spec.native === "auto" && this.#socket !== null ? nativeSockets() : null;
    if (libc === null || libc instanceof Error || this.#socket === null) return null;
    const to = this.#spec.connected ? null : { host: this.#host, port: this.#spec.port };
    return OutgoingBatch.over(libc, socketAddress(this.#socket), to);
  }

  #transmit(packet: Uint8Array, to: NetAddress | null, done: (error: NodeJS.ErrnoException | null) => void): void {
    const { port, connected } = this.#spec;
    try {
      if (connected) this.#socket?.send(packet, done);
      else this.#socket?.send(packet, to?.port ?? port, to?.address ?? this.#host, done);
    } catch (error) {
      done(error as NodeJS.ErrnoException);
    }
  }
}

function connect(socket: Socket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(error);
    socket.once("error", failed);
    socket.connect(port, host, () => {
      socket.off("error", failed);
      resolve();
    });
  });
}

function tooLarge(size: number, target: string, receiver: ReceiverProfile | null): OscSocketError {
  const [what, limit] =
    receiver === null ? ["a UDP datagram carries", MAX_DATAGRAM] : [`${receiver.name} takes datagrams of`, receiver.maxDatagram];
  return new OscSocketError(
    "OSC_PACKET_TOO_LARGE",
    `Cannot send to ${target}: the packet has ${size} bytes, and ${what} ${limit} at most: send less at once, or use TCP (OSC_PACKET_TOO_LARGE).`,
    target,
  );
}
