import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { type OscError, OscDroppedError, OscRejectedError, OscSocketError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { readCommand } from "./commands.ts";

/** What a WebSocket client of an OSCQuery server may take, in numbers. */
interface ListenerLimits {
  readonly maxListeners: number;
  readonly maxBuffered: number;
}

/** What a {@link Listener} is made with. */
export interface ListenerContext {
  readonly limits: ListenerLimits;
  readonly client: NetAddress;
  /** The address of the method there, the namespace's own text; null if there is none. */
  find(address: string): string | null;
  /** The value of a method as a frame, or null. */
  valueOf(address: string): Uint8Array | null;
  /** The client listens to a method from now on, or no longer. */
  onListening(address: string, isListening: boolean): void;
  /** Returns a promise while handlers await something. */
  onPacket(data: Uint8Array): Promise<void> | undefined;
  onClose(): void;
  onError(error: OscError): void;
  onSent(): void;
  onReplaced(): void;
  /** A reply was dropped because the client reads slowly. */
  onDropped(): void;
}

/** Clients say hello by nothing: one that sends rubbish is reported this often. */
const MAX_FAULTS = 10;
const PING_INTERVAL_MS = 15_000;
/** If this many packets of a client are being handled, nothing more is read from it. */
const MAX_PENDING = 64;
/** If this much waits for the end of the turn of the event loop, it is written before that. */
const BATCH_BYTES = 64 * 1024;
/** First bytes of a frame, and what its second byte says of a longer length. RFC 6455, section 5.2. */
const BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** A packet as a WebSocket message, which is the same for all clients. */
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
  /** What the WebSocket writes to. */
  readonly #stream: Duplex;
  readonly #context: ListenerContext;
  readonly #addresses = new Set<string>();
  /** Methods whose newest value the client doesn't have because it reads slowly. */
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
      // One that breaks the rules of WebSocket isn't waited for.
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

  /** How many methods it listens to. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Tells it the new value of a method that it listens to, as a frame; only the newest once it reads on, if it reads slowly. */
  changed(address: string, frame: Uint8Array): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0 || bufferedAmount + frame.length <= this.#context.limits.maxBuffered) return this.#write(frame);
    if (this.#behind.has(address)) this.#context.onReplaced();
    this.#behind.add(address);
  }

  /** Tells it that the tree has changed. One that reads too slowly for that has to connect again. */
  tell(line: string): void {
    if (this.#socket.bufferedAmount > this.#context.limits.maxBuffered) {
      this.#context.onError(new OscDroppedError("maxBuffered", "An OSCQuery client reads too slowly and was disconnected."));
      this.#socket.terminate();
    } else this.#socket.send(line);
  }

  /** Sends it what a handler replied, unless too much waits for it already. */
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

  /** Writes a frame, together with all others of this turn of the event loop: a system call for each would take most of the time. */
  #write(frame: Uint8Array): void {
    // After that the frame that closes the connection must be the last one.
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
    else if (name !== "START_OSC_STREAMING") this.#fault(`sent a text that is no command: ${text.slice(0, 200)}`);
  }

  #listen(address: string): void {
    if (this.#addresses.has(address)) return;
    const known = this.#context.find(address);
    if (known === null) return this.#fault(`wants to listen to ${JSON.stringify(address.slice(0, 200))}, which doesn't exist`);
    if (this.#addresses.size >= this.#context.limits.maxListeners) return this.#fault("listens to maxListeners methods already");
    this.#addresses.add(known);
    this.#context.onListening(known, true);
    // A newcomer gets what everybody else knows.
    const frame = this.#context.valueOf(known);
    if (frame !== null) this.changed(known, frame);
  }

  #fault(what: string): void {
    this.#faults += 1;
    if (this.#faults <= MAX_FAULTS) this.#context.onError(new OscRejectedError("malformed", `An OSCQuery client ${what}.`));
  }

  #ping(): void {
    // Its answer would not be read.
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
