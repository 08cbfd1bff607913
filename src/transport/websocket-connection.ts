import type { EventEmitter } from "node:events";
import { OscDroppedError, OscRejectedError, OscTimeoutError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { Fifo } from "../fifo.ts";
import { BackpressuredPeer, type SharedLimits } from "./flow-control.ts";
import { socketError } from "./socket-error.ts";
import type { TransportEvents } from "./transport.ts";

/** What happens to packets for a client that reads too slowly. */
export type SlowClientPolicy = "drop-oldest" | "drop-newest" | "disconnect";

/** The limits of one connection. */
export interface WebSocketLimits {
  readonly maxPacketSize: number;
  readonly maxPending: number;
  readonly maxBuffered: number;
  readonly slowClients: SlowClientPolicy;
  readonly pingInterval: number | null;
  readonly pingTimeout: number;
}

/** The part of a `ws` WebSocket that is used. Declared here so that the types of this package need no others. */
export interface MessageSocket {
  readonly readyState: number;
  readonly OPEN: 1;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  on(event: "message", listener: (data: unknown, isBinary: boolean) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "ping" | "pong", listener: (data: Uint8Array) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  send(data: Uint8Array, options: { readonly binary: true }, done: (error?: Error | null) => void): void;
  ping(): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** How many bytes the socket is given in advance. What waits beyond that can still be dropped. */
const IN_SOCKET = 64 * 1024;
/** How many bytes more than twice a packet the fragments of a message may take, as pings come in between. */
const READ_SLACK = 1024 * 1024;
/** How long a client has to acknowledge the end of its connection. */
const LINGER_MS = 1000;
/** Close codes of RFC 6455, section 7.4.1. */
export const GOING_AWAY = 1001;
const TOO_LARGE = "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";

/** One client of a WebSocket server. It is sent packets as fast as it reads. */
export class WebSocketConnection extends BackpressuredPeer {
  readonly closed: Promise<void>;
  readonly #socket: MessageSocket;
  readonly #limits: WebSocketLimits;
  #ending = false;
  /** Packets that wait until the client has read earlier ones. */
  readonly #unsent = new Fifo<Uint8Array>();
  #unsentBytes = 0;
  #isSlow = false;
  #sawText = false;
  readonly #reads: ReadMeter;
  /** Whether anything came since the timer was set. */
  #wasHeard = false;
  #hasPinged = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param stream what the WebSocket reads from, which already does so */
  constructor(
    socket: MessageSocket,
    stream: EventEmitter,
    address: NetAddress,
    limits: WebSocketLimits,
    shared: SharedLimits,
    events: TransportEvents,
  ) {
    super(address, limits.maxPending, shared, events);
    this.#socket = socket;
    this.#limits = limits;
    this.#reads = new ReadMeter();
    socket.on("message", (data, isBinary) => this.#message(data, isBinary));
    stream.on("data", (chunk: Uint8Array) => this.#chunkRead(chunk.length));
    const heard = (data: Uint8Array): void => {
      this.#wasHeard = true;
      this.#reads.control(data.length);
    };
    socket.on("pong", heard);
    socket.on("ping", heard);
    socket.on("error", (error) => this.#failed(error));
    this.closed = new Promise((resolve) => socket.on("close", () => resolve(this.#closed())));
    if (limits.pingInterval !== null) this.#waitFor(limits.pingInterval);
  }

  send(packet: Uint8Array): void {
    const socket = this.#socket;
    if (socket.readyState !== socket.OPEN) {
      if (this.#ending) return;
      this.events.onError(socketError({ code: "EPIPE" }, "send to", formatAddress(this.address)), this.address);
      return;
    }
    if (this.#unsent.size === 0 && socket.bufferedAmount < IN_SOCKET) this.#transmit(packet);
    else this.#hold(packet);
  }

  /** Ends the connection after delivering what was sent. A client that doesn't answer has a second. */
  end(code: number, reason: string): void {
    this.#ending = true;
    clearTimeout(this.#timer);
    this.handOnAll();
    for (let packet = this.#unsent.shift(); packet !== undefined; packet = this.#unsent.shift()) this.#transmit(packet);
    this.#socket.close(code, reason);
    // Otherwise its answer would not be read.
    if (this.#socket.isPaused) this.#socket.resume();
    this.#timer = setTimeout(() => this.#socket.terminate(), LINGER_MS);
  }

  #message(data: unknown, isBinary: boolean): void {
    this.#wasHeard = true;
    this.#reads.message((data as Uint8Array).length);
    if (this.#ending) return;
    if (!isBinary) return this.#ignoreText();
    // Of all forms that ws can deliver, this is the default one.
    this.arrive(data as Uint8Array);
    this.advance();
  }

  /** The socket has taken its messages out of a chunk that was read, and may keep the rest. */
  #chunkRead(size: number): void {
    this.#reads.chunk(size);
    if (this.#ending) return;
    const { maxPacketSize } = this.#limits;
    if (this.#reads.held > 2 * maxPacketSize + READ_SLACK) {
      const message = `A connection was ended because the fragments of a message take ${this.#reads.held} bytes of memory, and maxPacketSize is ${maxPacketSize}.`;
      this.giveUp(new OscDroppedError("maxPacketSize", message));
    } else {
      this.accountMemory();
    }
  }

  #ignoreText(): void {
    this.events.onLoss?.("ignored");
    if (this.#sawText) return;
    this.#sawText = true;
    this.events.onError(
      new OscRejectedError("not-osc", "The client sent a text message, which is ignored: OSC packets are binary WebSocket messages."),
      this.address,
    );
  }

  protected override bufferedBytes(): number {
    return this.#reads.held + this.#unsentBytes + this.#socket.bufferedAmount;
  }

  protected override destroy(): void {
    this.#ending = true;
    this.#unsent.clear();
    this.#unsentBytes = 0;
    this.#socket.terminate();
  }

  protected override mayProceed(): boolean {
    return true;
  }

  /** Each message is a packet as it comes. */
  protected override cutNext(): boolean {
    return false;
  }

  protected override pace(): void {
    if (this.isFull && !this.#ending) this.#socket.pause();
    else if (this.#socket.isPaused) this.#socket.resume();
  }

  #transmit(packet: Uint8Array): void {
    this.#socket.send(packet, { binary: true }, (error) => {
      // If it failed, the end of the connection says the rest.
      if (error === undefined || error === null) this.#drain();
    });
  }

  /** Sends what waited, after the client has read. */
  #drain(): void {
    while (this.#unsent.size > 0 && this.#socket.bufferedAmount < IN_SOCKET) {
      const packet = this.#unsent.shift() as Uint8Array;
      this.#unsentBytes -= packet.length;
      this.#transmit(packet);
    }
    if (this.#unsent.size === 0) this.#isSlow = false;
    this.accountMemory();
  }

  #hold(packet: Uint8Array): void {
    const { maxBuffered, slowClients } = this.#limits;
    const hasRoom = (): boolean => this.#unsent.size === 0 || this.#unsentBytes + packet.length <= maxBuffered;
    if (!hasRoom()) {
      if (slowClients === "disconnect") return this.#disconnectSlow();
      this.#tellSlow();
      if (slowClients === "drop-newest") return this.events.onLoss?.("unsent");
    }
    while (!hasRoom()) {
      this.#unsentBytes -= this.#unsent.shift()?.length ?? 0;
      this.events.onLoss?.("unsent");
    }
    this.#unsent.push(packet);
    this.#unsentBytes += packet.length;
    this.accountMemory();
  }

  /** Reported once, until the client has caught up. */
  #tellSlow(): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    const message = `Packets for a client were dropped because it reads too slowly: ${this.#limits.maxBuffered} bytes wait for it (maxBuffered).`;
    this.events.onError(new OscDroppedError("maxBuffered", message), this.address);
  }

  #disconnectSlow(): void {
    this.events.onLoss?.("unsent");
    const { maxBuffered } = this.#limits;
    this.giveUp(
      new OscDroppedError(
        "maxBuffered",
        `A connection was ended because its client reads too slowly: ${maxBuffered} bytes wait for it (maxBuffered).`,
      ),
    );
  }

  #waitFor(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#wasHeard = false;
    this.#timer = setTimeout(() => this.#checkOn(), milliseconds).unref();
  }

  /** Pings a client that was silent, and ends the connection of one that doesn't answer. */
  #checkOn(): void {
    const { pingInterval, pingTimeout } = this.#limits;
    // While it is paused, its answers are not read.
    if (pingInterval !== null && (this.#wasHeard || this.#socket.isPaused)) {
      this.#hasPinged = false;
      this.#waitFor(pingInterval);
    } else if (this.#hasPinged) {
      this.giveUp(
        new OscTimeoutError(`A connection was ended because its client didn't answer a ping within ${pingTimeout} ms (pingTimeout).`),
      );
    } else {
      this.#hasPinged = true;
      this.#socket.ping();
      this.#waitFor(pingTimeout);
    }
  }

  protected override giveUp(error: OscDroppedError | OscTimeoutError): void {
    this.#ending = true;
    super.giveUp(error);
    this.#socket.terminate();
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#ending = true;
    const { code = "" } = error;
    if (code.startsWith("WS_ERR")) this.events.onConnection("ended");
    this.events.onError(
      code === TOO_LARGE
        ? new OscDroppedError(
            "maxPacketSize",
            `A connection was ended because its client sent a packet of more than ${this.#limits.maxPacketSize} bytes (maxPacketSize).`,
          )
        : socketError(error, "talk to", formatAddress(this.address)),
      this.address,
    );
  }

  #closed(): void {
    this.#ending = true;
    clearTimeout(this.#timer);
    // What arrived before is still handled: a client that doesn't wait for replies may have disconnected.
    this.handOnAll();
    this.connectionOver();
  }
}

/**
 * How much of what was read the receiver of `ws` may keep: it puts a message together from views of the chunks in which its fragments came, so
 * that a fragment of one byte can keep 64 kB. It says nothing of that, so this compares what was read with the frames that are complete.
 */
export class ReadMeter {
  /** How many bytes of chunks an incomplete message may have. */
  held = 0;
  /** How many bytes were read that belong to no complete frame, as far as is known. */
  #open = 0;
  /** Of the chunk that is being read. */
  #complete = 0;
  #sawMessage = false;

  message(size: number): void {
    this.#complete += frameSize(size);
    this.#sawMessage = true;
  }

  control(size: number): void {
    this.#complete += frameSize(size);
  }

  /** All frames that end in this chunk have been told. */
  chunk(size: number): void {
    const open = Math.max(0, this.#open + size - this.#complete);
    if (this.#sawMessage) {
      // What is left over began in this chunk, or is the headers of fragments that are gone.
      this.#open = Math.min(open, size);
      this.held = this.#open === 0 ? 0 : size;
    } else if (this.#complete !== size) {
      this.#open = open;
      this.held += size;
    }
    this.#complete = 0;
    this.#sawMessage = false;
  }
}

/** The size of a frame that a client sends, RFC 6455 section 5.2: all have a mask. */
function frameSize(payload: number): number {
  return payload + (payload < 126 ? 6 : payload < 65_536 ? 8 : 14);
}
