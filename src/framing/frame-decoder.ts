import { OscEncodeError, OscFrameError } from "../errors.ts";
import type { OscFrameErrorCode } from "../errors.ts";
import { bad, boolean, callback, integer, type OptionChecks, readOptions, required } from "../options.ts";

/**
 * How packets lie in a byte stream: `"1.0"` a size prefix of four bytes, `"1.1"` SLIP. `"none"`: nothing marks where a packet ends, so every
 * piece that is read is taken for one packet. That is a guess, which fails if the network joins two packets or splits one.
 */
export type Framing = "1.0" | "1.1" | "none";

/**
 * The largest packet that a frame decoder reads by default: 16 MiB. Servers have a lower default of their own.
 *
 * @example
 * DEFAULT_MAX_PACKET_SIZE; // 16777216
 */
export const DEFAULT_MAX_PACKET_SIZE: number = 16 * 1024 * 1024;

/** What a frame decoder is made with. */
export interface FrameDecoderOptions {
  /**
   * Called with every packet, in the order of the stream.
   *
   * A packet that lies in one pushed piece without an escape is a view of that piece, not a copy. You may keep it as long as nobody writes to
   * the piece; Node's sockets give fresh memory for every read, so their packets may be kept forever. A view keeps the whole piece alive,
   * though. Every other packet has memory of its own, which is never written to again.
   *
   * It may call `push`, `end` and `close` of its decoder. What it throws comes out of `push` after the rest of the bytes is read: one error as
   * it is, several as an `AggregateError`.
   */
  readonly onPacket: (packet: Uint8Array) => void;
  /** Called once for every broken frame, in its place between the packets. After a `fatal` error nothing more is called. */
  readonly onError: (error: OscFrameError) => void;
  /**
   * The largest packet in bytes: an integer from 4 to 2147483647. Default {@link DEFAULT_MAX_PACKET_SIZE}.
   * The decoder checks it before it takes memory, and memory grows as bytes come, so a peer can't take much by announcing much.
   */
  readonly maxPacketSize?: number;
  /**
   * True if the sender may already have been sending when the stream was opened, as on a serial port. With SLIP, what comes before the first END is
   * then skipped, and reported once as `OSC_FRAME_TRUNCATED`. Default false.
   */
  readonly midStream?: boolean;
}

/**
 * Cuts a stream of bytes into packets (OSC 1.0 "Transport", OSC 1.1 section 2.1). Bytes may come in any pieces; the packets, the errors
 * and their order depend on the bytes alone.
 */
export interface FrameDecoder {
  /** The framing of the stream, or null while it isn't known yet. Known before the first packet is delivered. */
  readonly framing: Framing | null;
  /** How many bytes of an unfinished packet the decoder holds. They take at most about twice that memory, and none if it is 0. */
  readonly buffered: number;
  /** True after a fatal error, `end` or `close`: the decoder reads nothing more and calls nothing. */
  readonly closed: boolean;
  /**
   * Reads the next bytes and calls back, in order, before it returns. Called from one of its own callbacks, it takes the bytes after those
   * that are being read and before the outer `push` returns. Does nothing when closed.
   */
  push(bytes: Uint8Array): void;
  /**
   * Says that the stream has ended, and closes the decoder. A last SLIP frame without its END is complete if the end was orderly. Any other
   * unfinished frame is reported as `OSC_FRAME_TRUNCATED`, which is not `fatal`: the stream is over anyway, and replies may still be on their way
   * out.
   *
   * @param how `"broken"` if the connection was cut. Default `"orderly"`
   */
  end(how?: "orderly" | "broken"): void;
  /** Ends at once, also from within a callback: calls nothing more, and frees what is buffered. */
  close(): void;
}

const CHECKS = {
  onPacket: required(callback<FrameDecoderOptions["onPacket"]>()),
  onError: required(callback<FrameDecoderOptions["onError"]>()),
  maxPacketSize: integer(4, DEFAULT_MAX_PACKET_SIZE, 0x7fff_ffff),
  midStream: boolean(false),
} satisfies OptionChecks<FrameDecoderOptions>;

/** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
export function readDecoderOptions(options: FrameDecoderOptions): Required<FrameDecoderOptions> {
  return readOptions("a frame decoder", options, CHECKS);
}

/** Throws if a caller gave something other than bytes, such as the text of a stream that has an encoding. */
export function checkBytes(bytes: Uint8Array): void {
  // By its tag and not by instanceof: bytes may come from another realm, such as a frame of a page.
  if ((bytes as Uint8Array | null | undefined)?.[Symbol.toStringTag] !== "Uint8Array") {
    throw new OscEncodeError("OSC_VALUE_TYPE", `Framing works on bytes, not on a value of type ${typeof bytes}; give a Uint8Array`, bytes);
  }
}

/** Throws if a caller wants to frame something other than bytes, or no bytes. */
export function checkPacket(packet: Uint8Array): void {
  checkBytes(packet);
  if (packet.length === 0 || packet.length > 0x7fffffff) {
    const message = `A packet has 1 to 2147483647 bytes, not ${packet.length}; give an encoded message or bundle`;
    throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", message, packet);
  }
}

/** @throws OscServerError `OSC_OPTION` if it isn't how a stream can end */
export function checkEnd(how: unknown): void {
  if (how !== "orderly" && how !== "broken") throw bad("how", '"orderly" or "broken"', how);
}

const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 64;

/** The bytes of one unfinished packet. Its memory doubles as bytes come, and is given away with the packet, never used again. */
export class FrameBuffer {
  /** How many bytes of the memory are filled. */
  length = 0;
  #memory: Uint8Array = NO_BYTES;

  /** Memory in which `count` more bytes may be written after the first `length`; at most `limit` bytes in all are ever needed. */
  reserve(count: number, limit: number): Uint8Array {
    const needed = Math.min(this.length + count, limit);
    if (needed > this.#memory.length) {
      const capacity = Math.min(Math.max(needed, this.#memory.length * 2, FIRST_CAPACITY), limit);
      const memory = new Uint8Array(capacity);
      if (this.length > 0) memory.set(this.#memory.subarray(0, this.length));
      this.#memory = memory;
    }
    return this.#memory;
  }

  append(bytes: Uint8Array, limit: number): void {
    this.reserve(bytes.length, limit).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The packet, with its memory; the buffer is empty then. */
  take(): Uint8Array {
    const packet = this.#memory.subarray(0, this.length);
    this.clear();
    return packet;
  }

  clear(): void {
    this.#memory = NO_BYTES;
    this.length = 0;
  }
}

/** What both framings share: order, calls from within callbacks, callbacks that throw, and the end. A subclass reads one piece of the stream. */
export abstract class FrameReader implements FrameDecoder {
  abstract readonly framing: Framing;
  protected readonly maxPacketSize: number;
  protected readonly frame: FrameBuffer = new FrameBuffer();
  /** Where the piece that is being read begins, in bytes from the beginning of the stream. */
  protected pieceOffset = 0;
  /** The memory of that piece, and where in it the piece begins. Asking the piece for it for each packet would be slow. */
  #memory: ArrayBufferLike = NO_BYTES.buffer;
  #start = 0;
  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #onError: (error: OscFrameError) => void;
  readonly #waiting: Uint8Array[] = [];
  #thrown: unknown[] = [];
  #reading = false;
  #ending: "orderly" | "broken" | null = null;
  #closed = false;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options: FrameDecoderOptions) {
    const { maxPacketSize, onPacket, onError } = readDecoderOptions(options);
    this.maxPacketSize = maxPacketSize;
    this.#onPacket = onPacket;
    this.#onError = onError;
  }

  get buffered(): number {
    return this.frame.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  push(bytes: Uint8Array): void {
    checkBytes(bytes);
    if (this.#closed || this.#ending !== null) return;
    if (this.#reading) this.#waiting.push(bytes);
    else this.#run(bytes);
  }

  end(how: "orderly" | "broken" = "orderly"): void {
    checkEnd(how);
    if (this.#closed || this.#ending !== null) return;
    this.#ending = how;
    if (!this.#reading) this.#run(NO_BYTES);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.frame.clear();
  }

  /** Reads one piece, and stops as soon as the decoder is closed. */
  protected abstract read(piece: Uint8Array): void;

  /** Whether a stream that ended here would be cut off in the middle of a frame. */
  protected abstract unfinished(): boolean;

  /** The stream has ended in an orderly way: delivers what that completes. */
  protected complete(): void {}

  /** Delivers a packet that lies whole in the piece. */
  protected deliverPart(from: number, to: number): void {
    // `subarray` of a Buffer of Node makes another Buffer, which is much slower (bench/framing).
    this.deliver(new Uint8Array(this.#memory, this.#start + from, to - from));
  }

  protected deliver(packet: Uint8Array): void {
    try {
      this.#onPacket(packet);
    } catch (error) {
      this.#thrown.push(error);
    }
  }

  /** Reports a frame that is broken at this place of the piece. A fatal error closes the decoder. */
  protected report(code: OscFrameErrorCode, message: string, index: number, severity: "frame" | "fatal"): void {
    const fatal = severity === "fatal";
    if (fatal) this.close();
    try {
      this.#onError(new OscFrameError(code, message, this.pieceOffset + index, fatal));
    } catch (error) {
      this.#thrown.push(error);
    }
  }

  #run(bytes: Uint8Array): void {
    this.#reading = true;
    try {
      let piece: Uint8Array | undefined = bytes;
      while (piece !== undefined && !this.#closed) {
        this.#memory = piece.buffer;
        this.#start = piece.byteOffset;
        this.read(piece);
        this.pieceOffset += piece.length;
        piece = this.#waiting.shift();
      }
      if (this.#ending !== null) this.#finish(this.#ending);
    } finally {
      this.#reading = false;
      // Otherwise it would stay alive until the next piece comes.
      this.#memory = NO_BYTES.buffer;
    }
    if (this.#thrown.length > 0) this.#rethrow();
  }

  #finish(how: "orderly" | "broken"): void {
    if (!this.#closed && how === "orderly") this.complete();
    if (this.#closed) return;
    if (this.unfinished()) {
      this.report("OSC_FRAME_TRUNCATED", `The stream ended within a packet, after ${this.frame.length} bytes of it`, 0, "frame");
    }
    this.close();
  }

  #rethrow(): never {
    const thrown = this.#thrown;
    this.#thrown = [];
    // oxlint-disable-next-line typescript/only-throw-error -- whatever a callback threw goes on as it is
    if (thrown.length === 1) throw thrown[0];
    throw new AggregateError(thrown, `${thrown.length} callbacks of a frame decoder threw`);
  }
}
