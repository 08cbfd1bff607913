import { type Socket as UdpSocket, createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";
import { encodeFrame } from "../../src/framing/index.ts";
import type { NetAddress } from "../../src/net-address.ts";

const SOURCES = 20;
const BURST = 200;
const BUNDLES = 50;
const AHEAD_MS = 2000;
/** Connections that have announced more than they send; one more ends the oldest. */
const MAX_STUCK = 20;
const MIB = 1024 * 1024;

const QUIET = encode(new OscMessage("/quiet", [1])).slice();

/** Senders beside the one that soaks a server, each with a habit that must not cost the others anything. */
export class Strangers {
  readonly #address: NetAddress;
  readonly #isTcp: boolean;
  readonly #stuck: Socket[] = [];

  constructor(address: NetAddress, isTcp: boolean) {
    this.#address = address;
    this.#isTcp = isTcp;
  }

  /**
   * One sends a burst and one bundles for later; over UDP many addresses send a packet each, over TCP one sends a packet byte by byte and one
   * announces a packet that never comes.
   *
   * @returns how many packets were sent
   */
  async act(): Promise<number> {
    const burst = Array.from({ length: BURST }, () => QUIET);
    const later = encode(new OscBundle([new OscMessage("/quiet")], TimeTag.in(AHEAD_MS))).slice();
    const bundles = Array.from({ length: BUNDLES }, () => later);
    if (this.#isTcp) {
      await Promise.all([this.#stream(burst), this.#stream(bundles), this.#byteByByte(), this.#stopShort()]);
      return BURST + BUNDLES + 1;
    }
    const sources = Array.from({ length: SOURCES }, (_, index) => this.#datagrams([QUIET], `127.0.2.${index + 1}`));
    await Promise.all([this.#datagrams(burst, "127.0.3.1"), this.#datagrams(bundles, "127.0.3.2"), ...sources]);
    return BURST + BUNDLES + SOURCES;
  }

  async close(): Promise<void> {
    await Promise.all(this.#stuck.splice(0).map(ended));
  }

  async #datagrams(packets: readonly Uint8Array[], from: string): Promise<void> {
    const { port, address } = this.#address;
    const socket: UdpSocket = createSocket("udp4");
    // Only Linux has all of 127.0.0.0/8.
    await new Promise<void>((resolve) => socket.bind(0, process.platform === "linux" ? from : "127.0.0.1", resolve));
    for (const packet of packets) await new Promise<void>((resolve) => socket.send(packet, port, address, () => resolve()));
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  async #connect(): Promise<Socket> {
    const socket = connect(this.#address.port, this.#address.address);
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket.resume();
  }

  async #stream(packets: readonly Uint8Array[]): Promise<void> {
    const socket = await this.#connect();
    const frames = packets.map((packet) => encodeFrame(packet, "1.0").slice());
    await written(socket, Buffer.concat(frames));
    // The server reads to the end before it closes its side.
    socket.end();
    await once(socket, "close");
  }

  async #byteByByte(): Promise<void> {
    const socket = await this.#connect();
    for (const byte of encodeFrame(QUIET, "1.0").slice()) await written(socket, Uint8Array.of(byte));
    socket.end();
    await once(socket, "close");
  }

  async #stopShort(): Promise<void> {
    const socket = await this.#connect();
    await written(socket, Uint8Array.of(0, 0x10, 0, 0));
    await written(socket, new Uint8Array(MIB / 4).fill(0x2f));
    this.#stuck.push(socket);
    if (this.#stuck.length > MAX_STUCK) await ended(this.#stuck.shift());
  }
}

function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => resolve());
  });
}

async function ended(socket: Socket | undefined): Promise<void> {
  if (socket === undefined || socket.destroyed) return;
  socket.destroy();
  await once(socket, "close");
}
