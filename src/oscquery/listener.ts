import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { type OscError, OscDroppedError, OscRejectedError, OscSocketError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { readCommand } from "./commands.ts";

/** Limits of a WebSocket client of an OSCQuery server. */
interface ListenerLimits {
  readonly maxListeners: number;
  readonly maxBuffered: number;
}

/** Options and callbacks of a {@link Listener}. */
export interface ListenerContext {
  readonly limits: ListenerLimits;
  readonly client: NetAddress;
  /** Returns the namespace's own string for the address of a method; null if there is none. */
  find(address: string): string | null;
  /** Returns the value of a method as a frame, or null. */
  valueOf(address: string): Uint8Array | null;
  /** The client started or stopped listening to a method. */
  onListening(address: string, isListening: boolean): void;
  /** Returns a promise while handlers await something. */
  onPacket(data: Uint8Array): Promise<void> | undefined;
  onClose(): void;
  onError(error: OscError): void;
  onSent(): void;
  onReplaced(): void;
  /** A reply was dropped because the client reads too slowly. */
  onDropped(): void;
}

/** Maximum number of reports about a client that sends garbage. */
const MAX_FAULTS = 10;
const PING_INTERVAL_MS = 15_000;
/** Stop reading from a client while this many of its packets are in flight. */
const MAX_PENDING = 64;
/** Write earlier than the end of the event loop iteration if this much is pending. */
const BATCH_BYTES = 64 * 1024;
/** The first byte of a frame, and the second byte's values for extended lengths. RFC 6455, section 5.2. */
const BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Encodes a packet as a WebSocket message, shared by all clients. */
export function binaryFrame(packet: Uint8Array): Buffer {
  const { length } = packet;
  const head = length < LENGTH_16 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = BINARY;
  frame[1] = head === 2 ? length : head === 4 ? LENGTH_16 : LENGTH_64;
  if (head === 4) frame.writeUInt16BE(length, 2);
  else if (head === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(packet, head);
  return frame;
}

/** One WebSocket client, and the methods it listens to. */
export class Listener {
  readonly client: NetAddress;
  readonly #socket: WebSocket;
  /** The stream under the WebSocket. */
  readonly #stream: Duplex;
  readonly #context: ListenerContext;
  readonly #addresses = new Set<string>();
  /** Methods whose latest value wasn't sent because the client reads too slowly. */
  readonly #behind = new Set<string>();
  readonly #pinging: ReturnType<typeof setInterval>;
  #isAlive = true;
  #isCorked = false;
  #faults = 0;
  #pending = 0;
  readonly #uncork = (): void => {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#stream.uncork();
  };
  readonly #written = (): void => this.#catchUp();

  constructor(socket: WebSocket, stream: Duplex, context: ListenerContext) {
    this.client = context.client;
    this.#socket = socket;
    this.#stream = stream;
    this.#context = context;
    socket.on("message", (data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean) => {
      const bytes = Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data;
      if (isBinary) this.#packet(bytes);
      else this.#command(bytes.toString("utf8"));
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // Don't wait for a peer that violates the WebSocket protocol.
      socket.terminate();
      context.onError(new OscSocketError(error.code ?? "ECONNRESET", `An OSCQuery client failed: ${error.message}`, ""));
    });
    socket.on("pong", () => (this.#isAlive = true));
    socket.on("close", () => {
      clearInterval(this.#pinging);
      for (const address of this.#addresses) context.onListening(address, false);
      context.onClose();
    });
    this.#pinging = setInterval(() => this.#ping(), PING_INTERVAL_MS);
    this.#pinging.unref();
  }

  /** Number of methods it listens to. */
  get size(): number {
    return this.#addresses.size;
  }

  /**
   * Sends the new value of a method it listens to, as a frame. If the client reads too slowly, sends only the latest value once it catches
   * up.
   */
  changed(address: string, frame: Uint8Array): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0 || bufferedAmount + frame.length <= this.#context.limits.maxBuffered) return this.#write(frame);
    if (this.#behind.has(address)) this.#context.onReplaced();
    this.#behind.add(address);
  }

  /** Notifies the client of a tree change. A client that reads too slowly is disconnected, and has to reconnect. */
  tell(line: string): void {
    if (this.#socket.bufferedAmount > this.#context.limits.maxBuffered) {
      this.#context.onError(new OscDroppedError("maxBuffered", "An OSCQuery client reads too slowly and was disconnected."));
      this.#socket.terminate();
    } else this.#socket.send(line);
  }

  /** Sends a handler's reply, unless too much is already buffered. */
  reply(packet: Uint8Array): void {
    if (this.#socket.bufferedAmount <= this.#context.limits.maxBuffered) return this.#write(binaryFrame(packet));
    this.#context.onDropped();
    this.#context.onError(new OscDroppedError("maxBuffered", "A reply was dropped because an OSCQuery client reads too slowly."));
  }

  end(): void {
    clearInterval(this.#pinging);
    this.#uncork();
    this.#socket.close(1001);
    this.#socket.terminate();
  }

  /** Writes a frame, batched with all others of this event loop iteration: a system call for each would take most of the time. */
  #write(frame: Uint8Array): void {
    // No frame may follow the close frame.
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#context.onSent();
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      setImmediate(this.#uncork);
    }
    this.#stream.write(frame, this.#written);
    if (this.#stream.writableLength > BATCH_BYTES) this.#uncork();
  }

  #packet(data: Uint8Array): void {
    const awaited = this.#context.onPacket(data);
    if (awaited === undefined) return;
    this.#pending += 1;
    if (this.#pending === MAX_PENDING) this.#socket.pause();
    void awaited.then(() => {
      this.#pending -= 1;
      if (this.#pending < MAX_PENDING && this.#socket.isPaused) this.#socket.resume();
    });
  }

  #catchUp(): void {
    for (const address of this.#behind) {
      if (this.#socket.bufferedAmount > this.#context.limits.maxBuffered / 2) return;
      this.#behind.delete(address);
      const frame = this.#addresses.has(address) ? this.#context.valueOf(address) : null;
      if (frame !== null) this.#write(frame);
    }
  }

  #command(text: string): void {
    const { name, data } = readCommand(text);
    const address = addressIn(data);
    if (name === "IGNORE" && address !== null) {
      if (this.#addresses.delete(address)) this.#context.onListening(address, false);
    } else if (name === "LISTEN" && address !== null) this.#listen(address);
    else if (name !== "START_OSC_STREAMING") this.#fault(`sent text that isn't a command: ${text.slice(0, 200)}`);
  }

  #listen(address: string): void {
    if (this.#addresses.has(address)) return;
    const known = this.#context.find(address);
    if (known === null) return this.#fault(`asked to listen to ${JSON.stringify(address.slice(0, 200))}, which doesn't exist`);
    if (this.#addresses.size >= this.#context.limits.maxListeners) return this.#fault("already listens to maxListeners methods");
    this.#addresses.add(known);
    this.#context.onListening(known, true);
    // Send a new listener the current value.
    const frame = this.#context.valueOf(known);
    if (frame !== null) this.changed(known, frame);
  }

  #fault(what: string): void {
    this.#faults += 1;
    if (this.#faults <= MAX_FAULTS) this.#context.onError(new OscRejectedError("malformed", `An OSCQuery client ${what}.`));
  }

  #ping(): void {
    // The pong wouldn't be read.
    if (this.#socket.isPaused) return;
    if (!this.#isAlive) return this.#socket.terminate();
    this.#isAlive = false;
    this.#socket.ping();
  }
}

/** The address that a command names. Chataigne sends more than the address. */
function addressIn(data: unknown): string | null {
  const given: unknown = Array.isArray(data)
    ? data[0]
    : typeof data === "object" && data !== null && "address" in data
      ? data.address
      : data;
  return typeof given === "string" ? given : null;
}
