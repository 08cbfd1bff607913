import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { OscDroppedError, OscFrameError, OscTimeoutError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder } from "../framing/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { type OptionCheck, integer, oneOf } from "../options.ts";
import { FrameWriter } from "./frame-writer.ts";
import { BackpressuredPeer, type SharedLimits } from "./flow-control.ts";
import { socketError } from "./socket-error.ts";
import type { TransportEvents } from "./transport.ts";

/** The limits of one connection. */
export interface ConnectionLimits {
  readonly framing: Framing | "auto";
  readonly maxPacketSize: number;
  readonly maxPending: number;
  readonly maxBuffered: number;
  readonly maxIdle: number | null;
  /** Whether the other side may be sending already, as a frame decoder takes it. Default false. */
  readonly midStream?: boolean;
  /** True if the other side never ends a connection: it is over when the last reply is out. Default false. */
  readonly endsAlone?: boolean;
}

/** The checks and defaults of the options that TCP servers and servers over a stream share. */
export const CONNECTION_CHECKS: {
  readonly [Name in "framing" | "maxPending" | "maxBuffered"]: OptionCheck<ConnectionLimits[Name]>;
} = {
  framing: oneOf(["auto", "1.0", "1.1", "none"], "auto"),
  maxPending: integer(1, 64),
  maxBuffered: integer(1, 16 * 1024 * 1024),
};

/** A socket, or any other stream, which has no timeout of its own. */
type StreamSocket = Duplex & Partial<Pick<Socket, "setTimeout">>;

/** From this many bytes of unread replies on, the server reads nothing more from the client. */
const UNREAD_REPLIES = 64 * 1024;
/** How many bytes are cut into packets at once. A client that has to wait has the packets of one such piece in memory, not of all that was read. */
const PIECE = 4096;
/** How long a client whose first byte looks like a packet's has to end a SLIP frame, before it is said that it may use no framing. */
const END_WITHIN_MS = 1000;
/** The first bytes of a message and of a bundle. */
const SLASH = 0x2f;
const HASH = 0x23;
/** How long a client has to read the last replies and close its side when its connection is ended. */
const LINGER_MS = 1000;
const NO_BYTES = new Uint8Array(0);

/** One client of a stream server. Cuts what it sends into packets, and sends it replies. */
export class TcpConnection extends BackpressuredPeer {
  readonly closed: Promise<void>;
  readonly #socket: StreamSocket;
  readonly #limits: ConnectionLimits;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  /** Bytes that were read and not cut into packets yet. While there are any, nothing more is read. */
  #bytes: Uint8Array = NO_BYTES;
  /** How the client's stream ended: it sends no more, or it can't be read any further. */
  #over: "no" | "ended" | "broken" = "no";
  /** True if the client didn't end its side itself, so that its last frame may be cut off. */
  #isCut = false;
  /** Runs from the first byte on, until it is known that the client uses the framing that it shows. */
  #doubt: NodeJS.Timeout | undefined;
  /** True when nothing more is to be sent. */
  #finished = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: StreamSocket, address: NetAddress, limits: ConnectionLimits, shared: SharedLimits, events: TransportEvents) {
    super(address, limits.maxPending, shared, events);
    this.#socket = socket;
    this.#limits = limits;
    this.#decoder = createFrameDecoder(limits.framing, {
      maxPacketSize: limits.maxPacketSize,
      midStream: limits.midStream ?? false,
      onPacket: (packet) => {
        this.#stopDoubting();
        this.arrive(packet);
      },
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
    socket.on("error", (error) => {
      this.#isCut = true;
      events.onError(socketError(error, "talk to", formatAddress(address)), address);
    });
    this.closed = new Promise((resolve) => socket.on("close", () => resolve(this.#closed())));
    const { maxIdle } = limits;
    if (maxIdle !== null) socket.setTimeout?.(maxIdle).on("timeout", () => this.#idle(maxIdle));
  }

  send(packet: Uint8Array): void {
    if (!this.#socket.writable) {
      this.events.onError(socketError({ code: "EPIPE" }, "reply to", formatAddress(this.address)), this.address);
      return;
    }
    this.#writer.write(packet);
  }

  /**
   * Ends the connection: hands on the packets that were read, sends what was written, and ignores what still arrives. A client that
   * neither reads nor ends its side has a second.
   */
  end(): void {
    this.handOnAll();
    this.#decoder.close();
    this.#finish("linger");
  }

  #read(bytes: Uint8Array): void {
    if (this.#finished) return;
    if (this.#decoder.framing === null && this.#limits.framing === "auto" && (bytes[0] === SLASH || bytes[0] === HASH)) {
      this.#doubt = setTimeout(() => this.#reportDoubt(), END_WITHIN_MS).unref();
    }
    this.#bytes = bytes;
    this.advance();
  }

  #reportDoubt(): void {
    const message = `A client began with a packet, and no SLIP END came within ${END_WITHIN_MS} ms. If it sends packets without framing, set framing to "none": what is read at once is then taken for one packet`;
    this.events.onError(new OscFrameError("OSC_FRAME_UNKNOWN", message, 0, false), this.address);
  }

  #stopDoubting(): void {
    clearTimeout(this.#doubt);
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
    // An empty rest would still keep the memory of the whole read.
    const size = this.#limits.framing === "none" ? bytes.length : PIECE;
    this.#bytes = bytes.length > size ? bytes.subarray(size) : NO_BYTES;
    this.#decoder.push(bytes.length > size ? bytes.subarray(0, size) : bytes);
    return true;
  }

  protected override pace(): void {
    const socket = this.#socket;
    const holds = this.holdsPackets || this.#bytes.length > 0;
    if (this.#over !== "no") {
      if (!holds) this.#decoder.end(this.#isCut ? "broken" : "orderly");
      if (!holds && this.isQuiet) this.#finish(this.#over === "ended" ? "wait" : "linger");
    } else if (holds || this.isFull || !this.mayProceed()) {
      socket.pause();
    } else if (socket.isPaused()) {
      socket.resume();
    }
  }

  /** Sends what was written, and ends. Only a client that has ended its own side may take its time to read the rest. */
  #finish(client: "wait" | "linger"): void {
    if (this.#finished) return;
    this.#finished = true;
    const socket = this.#socket;
    this.#writer.flush();
    if (this.#limits.endsAlone === true) socket.end(() => socket.destroy());
    else socket.end();
    // If bytes were left unread, the system would reset the connection instead of ending it, and the last replies would be lost.
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
    // The event comes only once.
    socket.setTimeout?.(after);
    if (this.#finished) {
      socket.destroy();
    } else if (this.isQuiet) {
      this.giveUp(new OscTimeoutError(`A connection was ended because nothing came over it for ${after} ms (maxIdle).`));
      this.end();
    }
  }

  /** The system was given all replies. What it took at once no longer counts as unread; "drain" comes only for the rest. */
  #flushed(): void {
    this.advance();
    const socket = this.#socket;
    const { maxBuffered } = this.#limits;
    if (socket.writableLength <= maxBuffered || socket.destroyed) return;
    const message = `A connection was ended because its client doesn't read its replies: ${socket.writableLength} bytes wait, and maxBuffered is ${maxBuffered}.`;
    this.giveUp(new OscDroppedError("maxBuffered", message));
    socket.destroy();
  }

  #closed(): void {
    clearTimeout(this.#linger);
    this.#stopDoubting();
    if (this.#over === "no") this.#isCut = true;
    // What arrived before is still handled: a client that doesn't wait for replies may have disconnected.
    this.#readEnd();
    this.connectionOver();
  }
}
