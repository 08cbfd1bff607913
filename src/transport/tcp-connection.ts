import type { Socket } from "node:net";
import { OscDroppedError, type OscError, type OscFrameError, OscTimeoutError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder } from "../framing/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { ReadWindow, Waiter } from "./read-window.ts";
import { socketError } from "./socket-error.ts";
import type { Peer, TransportEvents } from "./transport.ts";

/** What a connection may take up. */
export interface ConnectionLimits {
  readonly framing: Framing | "auto";
  readonly maxPacketSize: number;
  readonly maxPending: number;
  readonly maxBuffered: number;
  readonly maxIdle: number | null;
}

/** From so many bytes of unread replies on, nothing more is taken from a client until it has read them. */
const UNREAD_REPLIES = 64 * 1024;
/** So many bytes are cut into packets at once. A client that is held up has the packets of one such piece in memory, not of all that was read. */
const PIECE = 4096;
/** How long a client has to take the last replies, and to close its side, once its connection is to end. */
const LINGER_MS = 1000;
const NO_BYTES = new Uint8Array(0);

/** One client of a stream server: cuts what it sends into packets, hands them on as fast as they are handled, and sends it replies. */
export class TcpConnection implements Peer, Waiter {
  readonly address: NetAddress;
  readonly paced = true;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #events: TransportEvents;
  readonly #window: ReadWindow;
  readonly #limits: ConnectionLimits;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  /** Bytes that were read and not cut into packets yet. Nothing more is read while there are any. */
  #bytes: Uint8Array = NO_BYTES;
  /** Packets that were cut out and not handed on yet, from `#next` on. */
  #packets: Uint8Array[] = [];
  #next = 0;
  /** How many packets are on their way through handlers. */
  #pending = 0;
  /** True while the next packet waits for room among those of all connections. */
  #waiting = false;
  #advancing = false;
  /** How the stream of the client has come to its end: it sends no more, or it cannot be read any further. */
  #over: "no" | "ended" | "broken" = "no";
  /** True when nothing more is to be sent. */
  #finished = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Socket, address: NetAddress, limits: ConnectionLimits, window: ReadWindow, events: TransportEvents) {
    this.address = address;
    this.#socket = socket;
    this.#events = events;
    this.#window = window;
    this.#limits = limits;
    this.#decoder = createFrameDecoder(limits.framing, {
      maxPacketSize: limits.maxPacketSize,
      onPacket: (packet) => this.#packets.push(packet),
      onError: (error) => this.#frameFailed(error),
    });
    this.#writer = new FrameWriter(
      socket,
      () => this.#decoder.framing ?? "1.1",
      () => this.#flushed(),
    );
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("end", () => this.#readEnd());
    socket.on("drain", () => this.#advance());
    socket.on("error", (error) => events.onError(socketError(error, "talk to", formatAddress(address)), address));
    this.closed = new Promise((resolve) => socket.on("close", () => resolve(this.#closed())));
    const { maxIdle } = limits;
    if (maxIdle !== null) socket.setTimeout(maxIdle).on("timeout", () => this.#idle(maxIdle));
  }

  /** A client is its connection: those of a Unix domain socket have no address to tell them apart. */
  get key(): object {
    return this;
  }

  send(packet: Uint8Array): void {
    if (!this.#socket.writable) {
      this.#events.onError(socketError({ code: "EPIPE" }, "reply to", formatAddress(this.address)), this.address);
      return;
    }
    this.#writer.write(packet);
  }

  settled(size: number): void {
    this.#pending -= 1;
    this.#window.give(size);
    this.#advance();
  }

  roomTaken(): void {
    this.#waiting = false;
    this.#handOn();
    this.#advance();
  }

  /**
   * Ends the connection: hands on the packets that have been read, sends what has been written, and lets fall what still comes. A client
   * that neither reads nor ends is given a second.
   */
  end(): void {
    while (this.#cutNext()) {
      this.#window.force(this.#nextSize(), this);
      this.#handOn();
    }
    this.#decoder.close();
    this.#finish("linger");
  }

  #read(bytes: Uint8Array): void {
    if (this.#finished) return;
    this.#bytes = bytes;
    this.#advance();
  }

  #readEnd(): void {
    if (this.#over === "no") this.#over = "ended";
    this.#advance();
  }

  /** Hands packets on as far as there is room, and reads or stops reading as that asks for. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (!this.#waiting && this.#hasRoom() && this.#cutNext()) {
      if (this.#window.take(this.#nextSize(), this)) this.#handOn();
      else this.#waiting = true;
    }
    this.#advancing = false;
    this.#pace();
  }

  #hasRoom(): boolean {
    const socket = this.#socket;
    return this.#pending < this.#limits.maxPending && (this.#writer.waiting < UNREAD_REPLIES || socket.destroyed);
  }

  /** Cuts out packets until there is one to hand on. False where there is none. */
  #cutNext(): boolean {
    while (this.#next === this.#packets.length && this.#bytes.length > 0) {
      this.#packets = [];
      this.#next = 0;
      const piece = this.#bytes.subarray(0, PIECE);
      this.#bytes = this.#bytes.subarray(PIECE);
      this.#decoder.push(piece);
    }
    return this.#next < this.#packets.length;
  }

  #nextSize(): number {
    return this.#packets[this.#next]?.length ?? 0;
  }

  #handOn(): void {
    const packet = this.#packets[this.#next] as Uint8Array;
    this.#next += 1;
    this.#pending += 1;
    this.#events.onPacket(packet, this);
  }

  #pace(): void {
    const socket = this.#socket;
    const holds = this.#next < this.#packets.length || this.#bytes.length > 0;
    if (this.#over !== "no") {
      if (!holds) this.#decoder.end();
      if (!holds && this.#pending === 0) this.#finish(this.#over === "ended" ? "wait" : "linger");
    } else if (holds || !this.#hasRoom()) {
      socket.pause();
    } else if (socket.isPaused()) {
      socket.resume();
    }
  }

  /** Sends what has been written, and ends. A client that has ended its side may take its time over the rest; no other may. */
  #finish(client: "wait" | "linger"): void {
    if (this.#finished) return;
    this.#finished = true;
    const socket = this.#socket;
    this.#writer.flush();
    socket.end();
    // While bytes lie unread the system would break the connection off instead of ending it, and the last replies would be lost.
    socket.resume();
    if (client === "linger" && !socket.destroyed) this.#linger = setTimeout(() => socket.destroy(), LINGER_MS);
  }

  #frameFailed(error: OscFrameError): void {
    if (!error.fatal) return this.#events.onError(error, this.address);
    this.#over = "broken";
    this.#bytes = NO_BYTES;
    this.#socket.pause();
    this.#giveUp(error);
  }

  /** Reports why the connection is ended here. */
  #giveUp(error: OscError): void {
    this.#events.onConnection("ended");
    this.#events.onError(error, this.address);
  }

  #idle(after: number): void {
    const socket = this.#socket;
    // It tells once only.
    socket.setTimeout(after);
    if (this.#finished) {
      socket.destroy();
    } else if (this.#pending === 0 && !this.#waiting) {
      this.#giveUp(new OscTimeoutError(`A connection was ended, for nothing came over it for ${after} ms (maxIdle).`));
      this.end();
    }
  }

  /** The system was given all replies. What it has taken no longer counts as unread; it tells of the rest, by "drain", and only of that. */
  #flushed(): void {
    this.#advance();
    const socket = this.#socket;
    const { maxBuffered } = this.#limits;
    if (socket.writableLength <= maxBuffered || socket.destroyed) return;
    const message = `The connection was ended, for its client does not read the replies: ${socket.writableLength} bytes wait, and maxBuffered is ${maxBuffered}.`;
    this.#giveUp(new OscDroppedError("maxBuffered", message));
    socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#linger);
    // What came before is handled all the same: a client that does not wait for replies may have broken off.
    this.#readEnd();
  }
}
