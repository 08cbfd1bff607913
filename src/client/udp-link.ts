import { type RemoteInfo, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { OscSocketError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { socketError } from "../transport/socket-error.ts";
import { MAX_DATAGRAM, type UdpOptions, applyOptions, bind, createUdpSocket, socketAddress } from "../transport/udp.ts";
import { formatTarget } from "./options.ts";
import type { PacketLink, PacketLinkEvents } from "./packet-link.ts";
import type { ReceiverProfile } from "./receivers.ts";
import type { SendDone } from "./send-promise.ts";

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
  /** The program or device at that place, where its habits are known. */
  readonly receiver?: ReceiverProfile | null;
  readonly options: UdpOptions;
}

/** One UDP socket that sends to one place and hears everyone, or that place alone where it is connected. */
export class UdpLink implements PacketLink {
  readonly #spec: UdpLinkSpec;
  readonly #events: PacketLinkEvents;
  readonly #target: string;
  #socket: Socket | null = null;
  /** The IP address of the host. Looked up once: a lookup for each packet would let them overtake one another. */
  #host = "";

  constructor(spec: UdpLinkSpec, events: PacketLinkEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#target = formatTarget(spec.host, spec.port);
  }

  async open(): Promise<NetAddress> {
    const { host, port, family, localAddress, localPort, connected, options } = this.#spec;
    this.#host = await lookUp(host, family);
    const socket = await createUdpSocket(this.#host, options);
    const local = localAddress ?? (isIP(this.#host) === 6 ? "::" : "0.0.0.0");
    try {
      await bind(socket, local, localPort);
      applyOptions(socket, options);
      if (connected) await connect(socket, port, this.#host);
    } catch (error) {
      await closeSocket(socket);
      throw socketError(error, "send from", formatTarget(local, localPort));
    }
    socket.on("error", (error) => this.#events.onError(socketError(error, "send to", this.#target)));
    socket.on("message", (data: Uint8Array, { address, port, family }: RemoteInfo) =>
      this.#events.onPacket(data, { address, port, family }),
    );
    socket.unref();
    this.#socket = socket;
    return socketAddress(socket);
  }

  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    const { receiver = null } = this.#spec;
    if (packet.length > (receiver?.maxDatagram ?? MAX_DATAGRAM)) {
      done(tooLarge(packet.length, this.#target, receiver));
      return;
    }
    const target = to === null ? this.#target : formatTarget(to.address, to.port);
    this.#transmit(packet, to, (error) => {
      if (error?.code !== "ECONNREFUSED") {
        done(error === null ? null : socketError(error, "send to", target));
        return;
      }
      // What was refused is an earlier packet; the system says so now and has not sent this one.
      this.#events.onError(socketError(error, "send to", target));
      this.#transmit(packet, to, (again) => done(again === null ? null : socketError(again, "send to", target)));
    });
  }

  keepAlive(how: "on" | "off"): void {
    if (how === "on") this.#socket?.ref();
    else this.#socket?.unref();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) await closeSocket(socket);
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

/**
 * The IP address of a host: of IPv4 where there is one, unless IPv6 is asked for. Few OSC programs listen on IPv6, and `localhost` is
 * both on most machines.
 */
async function lookUp(host: string, family: 0 | 4 | 6): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    const addresses = await lookup(host, { all: true, family });
    const best = addresses.find((one) => one.family === 4) ?? addresses[0];
    if (best !== undefined) return best.address;
  } catch (error) {
    throw socketError(error, "look up", host);
  }
  throw socketError({ code: "ENOTFOUND" }, "look up", host);
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

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

function tooLarge(size: number, target: string, receiver: ReceiverProfile | null): OscSocketError {
  const [what, limit] =
    receiver === null ? ["a UDP datagram carries", MAX_DATAGRAM] : [`${receiver.name} takes datagrams of`, receiver.maxDatagram];
  return new OscSocketError(
    "EMSGSIZE",
    `Cannot send to ${target}: the packet has ${size} bytes, and ${what} ${limit} at most: send less at once, or use TCP (EMSGSIZE).`,
    target,
  );
}
