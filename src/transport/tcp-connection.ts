import type { Socket } from "node:net";
import { OscDroppedError, type OscFrameError, OscTimeoutError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder } from "../framing/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { FrameWriter } from "./frame-writer.ts";
import { BackpressuredPeer, type SharedLimits } from "./flow-control.ts";
import { socketError } from "./socket-error.ts";
import type { TransportEvents } from "./transport.ts";

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

/** One client of a stream server: cuts what it sends into packets, and sends it replies. */
export class TcpConnection extends BackpressuredPeer {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  /** Bytes that were read and not cut into packets yet. Nothing more is read while there are any. */
  #bytes: Uint8Array = NO_BYTES;
  /** How the stream of the client has come to its end: it sends no more, or it cannot be read any further. */
  #over: "no" | "ended" | "broken" = "no";
  /** True when nothing more is to be sent. */
  #finished = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Socket, address: NetAddress, limits: ConnectionLimits, shared: SharedLimits, events: TransportEvents) {
    super(address, limits.maxPending, shared, events);
    this.#socket = socket;
    this.#limits = limits;
    this.#decoder = createFrameDecoder(limits.framing, {
      maxPacketSize: limits.maxPacketSize,
      onPacket: (packet) => this.arrive(packet),
      onError: (error) => this.#frameFailed(error),
    });
    this.#writer = new FrameWriter(
      socket,
      () => this.#decoder.framing ?? "1.1",
      () => this.#flushed(),
    );
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("end", () => this.#readEnd());
    socket.on("drain", () => this.advance());
    socket.on("error", (error) => events.onError(socketError(error, "talk to", formatAddress(address)), address));
    this.closed = new Promise((resolve) => socket.on("close", () => resolve(this.#closed())));
    const { maxIdle } = limits;
    if (maxIdle !== null) socket.setTimeout(maxIdle).on("timeout", () => this.#idle(maxIdle));
  }

  send(packet: Uint8Array): void {
    if (!this.#socket.writable) {
      this.events.onError(socketError({ code: "EPIPE" }, "reply to", formatAddress(this.address)), this.address);
      return;
    }
    this.#writer.write(packet);
  }

  /**
   * Ends the connection: hands on the packets that have been read, sends what has been written, and lets fall what still comes. A client
   * that neither reads nor ends is given a second.
   */
  end(): void {
    this.handOnAll();
    this.#decoder.close();
    this.#finish("linger");
  }

  #read(bytes: Uint8Array): void {
    if (this.#finished) return;
    this.#bytes = bytes;
    this.advance();
  }

  #readEnd(): void {
    if (this.#over === "no") this.#over = "ended";
    this.advance();
  }

  protected override destroy(): void {
    this.#over = "broken";
    this.#finished = true;
    this.#bytes = NO_BYTES;
    this.#decoder.close();
    this.#socket.destroy();
  }

  protected override bufferedBytes(): number {
    // The memory of an unfinished packet doubles as it grows, and a rest of what was read keeps all of it.
    return 2 * this.#decoder.buffered + this.#bytes.buffer.byteLength + this.#writer.waiting;
  }

  protected override mayProceed(): boolean {
    return this.#writer.waiting < UNREAD_REPLIES || this.#socket.destroyed;
  }

  protected override cutNext(): boolean {
    const bytes = this.#bytes;
    if (bytes.length === 0) return false;
    // An empty rest would still keep all of the memory.
    this.#bytes = bytes.length > PIECE ? bytes.subarray(PIECE) : NO_BYTES;
    this.#decoder.push(bytes.length > PIECE ? bytes.subarray(0, PIECE) : bytes);
    return true;
  }

  protected override pace(): void {
    const socket = this.#socket;
    const holds = this.holdsPackets || this.#bytes.length > 0;
    if (this.#over !== "no") {
      if (!holds) this.#decoder.end();
      if (!holds && this.isQuiet) this.#finish(this.#over === "ended" ? "wait" : "linger");
    } else if (holds || this.isFull || !this.mayProceed()) {
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
    if (!error.fatal) return this.events.onError(error, this.address);
    this.#over = "broken";
    this.#bytes = NO_BYTES;
    this.#socket.pause();
    this.giveUp(error);
  }

  #idle(after: number): void {
    const socket = this.#socket;
    // It tells once only.
    socket.setTimeout(after);
    if (this.#finished) {
      socket.destroy();
    } else if (this.isQuiet) {
      this.giveUp(new OscTimeoutError(`A connection was ended, for nothing came over it for ${after} ms (maxIdle).`));
      this.end();
    }
  }

  /** The system was given all replies. What it has taken no longer counts as unread; it tells of the rest, by "drain", and only of that. */
  #flushed(): void {
    this.advance();
    const socket = this.#socket;
    const { maxBuffered } = this.#limits;
    if (socket.writableLength <= maxBuffered || socket.destroyed) return;
    const message = `The connection was ended, for its client does not read the replies: ${socket.writableLength} bytes wait, and maxBuffered is ${maxBuffered}.`;
    this.giveUp(new OscDroppedError("maxBuffered", message));
    socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#linger);
    // What came before is handled all the same: a client that does not wait for replies may have broken off.
    this.#readEnd();
    this.connectionOver();
  }
}
