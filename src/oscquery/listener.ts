import type { WebSocket } from "ws";
import { type OscError, OscDroppedError, OscRejectedError, OscSocketError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";

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
  /** The value of a method as a packet, or null. */
  valueOf(address: string): Uint8Array | null;
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

/** One WebSocket client, and the methods it listens to. */
export class Listener {
  readonly client: NetAddress;
  readonly #socket: WebSocket;
  readonly #context: ListenerContext;
  readonly #addresses = new Set<string>();
  /** Methods whose newest value the client doesn't have because it reads slowly. */
  readonly #behind = new Set<string>();
  readonly #pinging: ReturnType<typeof setInterval>;
  #isAlive = true;
  #faults = 0;
  #pending = 0;

  constructor(socket: WebSocket, context: ListenerContext) {
    this.client = context.client;
    this.#socket = socket;
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
      context.onClose();
    });
    this.#pinging = setInterval(() => this.#ping(), PING_INTERVAL_MS);
    this.#pinging.unref();
  }

  /** How many methods it listens to. */
  get size(): number {
    return this.#addresses.size;
  }

  listensTo(address: string): boolean {
    return this.#addresses.has(address);
  }

  /** Tells it the new value of a method that it listens to; only the newest once it reads on, if it reads slowly. */
  changed(address: string, packet: Uint8Array): void {
    if (this.#socket.bufferedAmount + packet.length <= this.#context.limits.maxBuffered) return this.send(packet);
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

  send(packet: Uint8Array): void {
    this.#context.onSent();
    this.#socket.send(packet, () => this.#catchUp());
  }

  /** Sends it what a handler replied, unless too much waits for it already. */
  reply(packet: Uint8Array): void {
    if (this.#socket.bufferedAmount <= this.#context.limits.maxBuffered) return this.send(packet.slice());
    this.#context.onDropped();
    this.#context.onError(new OscDroppedError("maxBuffered", "A reply was dropped because an OSCQuery client reads too slowly."));
  }

  end(): void {
    clearInterval(this.#pinging);
    this.#socket.close(1001);
    this.#socket.terminate();
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
      const packet = this.#addresses.has(address) ? this.#context.valueOf(address) : null;
      if (packet !== null) this.send(packet);
    }
  }

  #command(text: string): void {
    const [command, address] = readCommand(text);
    if (command === "IGNORE" && address !== null) {
      this.#addresses.delete(address);
    } else if (command === "LISTEN" && address !== null) this.#listen(address);
    else if (command !== "START_OSC_STREAMING") this.#fault(`sent a text that is no command: ${text.slice(0, 200)}`);
  }

  #listen(address: string): void {
    if (this.#addresses.has(address)) return;
    const known = this.#context.find(address);
    if (known === null) return this.#fault(`wants to listen to ${JSON.stringify(address.slice(0, 200))}, which doesn't exist`);
    if (this.#addresses.size >= this.#context.limits.maxListeners) return this.#fault("listens to maxListeners methods already");
    this.#addresses.add(known);
    // A newcomer gets what everybody else knows.
    const packet = this.#context.valueOf(known);
    if (packet !== null) this.changed(known, packet);
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

/** A command and its address. Chataigne sends more than the address. */
function readCommand(text: string): [command: string | null, address: string | null] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [null, null];
  }
  if (typeof parsed !== "object" || parsed === null || !("COMMAND" in parsed) || typeof parsed.COMMAND !== "string") return [null, null];
  let data: unknown = "DATA" in parsed ? parsed.DATA : null;
  if (Array.isArray(data)) [data] = data as unknown[];
  else if (typeof data === "object" && data !== null && "address" in data) data = data.address;
  return [parsed.COMMAND, typeof data === "string" ? data : null];
}
