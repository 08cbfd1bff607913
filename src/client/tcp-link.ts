import { connect, type Socket } from "node:net";
import { OscEncodeError, type OscError, type OscFrameError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder } from "../framing/index.ts";
import { type NetAddress, ipAddress } from "../net-address.ts";
import { FrameWriter } from "../transport/frame-writer.ts";
import { lookupIPv4First } from "../transport/resolve-host.ts";
import { socketError } from "../transport/socket-error.ts";
import { type PacketLink, type PacketLinkEvents, type SendDone, closedError } from "./link.ts";

/** Where a TCP client connects to, and how. */
export interface TcpLinkSpec {
  /** The path of a Unix domain socket, or null for TCP. */
  readonly path: string | null;
  readonly host: string;
  readonly port: number;
  /** The server, for error messages. */
  readonly target: string;
  readonly framing: Framing;
  readonly maxPacketSize: number;
  /** How long one attempt to connect may take, in milliseconds. */
  readonly connectTimeout: number;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** After this much silence the system probes the server. */
const KEEP_ALIVE_MS = 60_000;
/** How long the server has to end its side of the connection. */
const LINGER_MS = 1000;

/** One connection to a stream server. */
export class TcpLink implements PacketLink {
  readonly #spec: TcpLinkSpec;
  readonly #events: PacketLinkEvents;
  readonly #decoder: FrameDecoder;
  #socket: Socket | null = null;
  #writer: FrameWriter | null = null;
  #server: NetAddress = { address: "", port: 0, family: "unix" };
  #isOpen = false;
  #isClosing = false;
  /** Why the connection broke, if it is known. */
  #failure: OscError | null = null;

  constructor(spec: TcpLinkSpec, events: PacketLinkEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#decoder = createFrameDecoder(spec.framing, {
      maxPacketSize: spec.maxPacketSize,
      onPacket: (packet) => events.onPacket(packet, this.#server),
      onError: (error) => this.#frameFailed(error),
    });
  }

  open(): Promise<NetAddress> {
    const { path, host, port, noDelay, keepAlive, connectTimeout, target } = this.#spec;
    const tcp = { host, port, noDelay, keepAlive, keepAliveInitialDelay: KEEP_ALIVE_MS, lookup: lookupIPv4First };
    const socket = connect(path === null ? tcp : { path });
    this.#socket = socket;
    socket.on("error", (error) => (this.#failure ??= socketError(error, this.#isOpen ? "talk to" : "connect to", target)));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })), connectTimeout);
      socket.once("connect", () => {
        clearTimeout(timer);
        this.#connected(socket);
        resolve(addressOf(socket.localAddress, socket.localPort));
      });
      socket.once("close", () => {
        clearTimeout(timer);
        if (this.#isOpen) this.#closed();
        else reject(this.#failure ?? closedError("The client was closed while it connected."));
      });
    });
  }

  send(packet: Uint8Array, _to: NetAddress | null, done: SendDone): void {
    const socket = this.#socket;
    if (socket === null || !socket.writable) done(this.#broken());
    else if (packet.length === 0) done(new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", "A packet in a stream has at least one byte.", packet));
    else this.#writer?.write(packet, (error) => done(error === null ? null : this.#broken(error)));
  }

  keepAlive(how: "on" | "off"): void {
    if (how === "on") this.#socket?.ref();
    else this.#socket?.unref();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#isClosing = true;
    this.#decoder.close();
    if (socket === null || socket.closed) return;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    if (this.#isOpen) {
      // Keep reading: with unread replies the system would reset the connection, and packets on their way could be lost.
      this.#writer?.flush();
      socket.end();
      socket.ref();
    } else {
      socket.destroy();
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    await closed;
    clearTimeout(timer);
  }

  #connected(socket: Socket): void {
    this.#isOpen = true;
    this.#writer = new FrameWriter(socket, () => this.#spec.framing);
    this.#server = addressOf(socket.remoteAddress, socket.remotePort);
    socket.unref();
    socket.on("data", (bytes: Uint8Array) => this.#decoder.push(bytes));
    socket.on("end", () => this.#decoder.end());
  }

  #closed(): void {
    if (this.#isClosing) return;
    this.#decoder.end("broken");
    this.#events.onEnd(this.#failure);
  }

  #frameFailed(error: OscFrameError): void {
    if (this.#isClosing) return;
    if (!error.fatal) return this.#events.onError(error, this.#server);
    this.#failure ??= error;
    this.#socket?.destroy();
  }

  /** Why a packet could not be sent. */
  #broken(error: NodeJS.ErrnoException | null = null): OscError {
    if (this.#isClosing) return closedError("The client was closed before the packet was sent.");
    if (this.#failure !== null) return this.#failure;
    // Node's own errors only say that the socket is gone.
    return socketError(
      error?.syscall !== undefined && error.code !== "ECANCELED" ? error : { code: "EPIPE" },
      "send to",
      this.#spec.target,
    );
  }
}

function addressOf(address: string | undefined, port: number | undefined): NetAddress {
  if (address === undefined || port === undefined) return { address: "", port: 0, family: "unix" };
  return ipAddress(address, port);
}
