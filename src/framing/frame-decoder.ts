import { OscEncodeError, OscFrameError } from "../errors.ts";
import type { OscFrameErrorCode } from "../errors.ts";
import { bad, boolean, callback, integer, type OptionChecks, readOptions, required } from "../options.ts";

/**
 * How packets are delimited in a byte stream: `"1.0"` four-byte size prefix, `"1.1"` SLIP. `"none"`: packets aren't delimited, so every
 * chunk read is treated as one packet. This fails if the network joins or splits packets.
 */
export type Framing = "1.0" | "1.1" | "none";

/**
 * The default maximum packet size of a frame decoder: 16 MiB. Servers have a lower default.
 *
 * @example
 * DEFAULT_MAX_PACKET_SIZE; // 16777216
 */
export const DEFAULT_MAX_PACKET_SIZE: number = 16 * 1024 * 1024;

/** Options of a frame decoder. */
export interface FrameDecoderOptions {
  /**
   * Called with every packet, in the order of the stream.
   *
   * A packet contained in one pushed chunk without escapes is a view of that chunk, not a copy. It stays valid as long as nobody writes to
   * the chunk. Node's sockets allocate memory for every read, so their packets stay valid forever, but a view retains the whole chunk.
   * Other packets have their own memory, which is never written to again.
   *
   * It may call `push`, `end` and `close` of its decoder. If it throws, `push` throws the error after reading the remaining bytes: a single
   * error unchanged, several as an `AggregateError`.
   */
  readonly onPacket: (packet: Uint8Array) => void;
  /** Called once for every broken frame, in stream order with the packets. After a `fatal` error no callback is called again. */
  readonly onError: (error: OscFrameError) => void;
  /**
   * Maximum packet size in bytes: an integer from 4 to 2147483647. Default {@link DEFAULT_MAX_PACKET_SIZE}. Checked before allocating
   * memory, which grows as bytes arrive, so a peer can't reserve memory by announcing a large packet.
   */
  readonly maxPacketSize?: number;
  /**
   * True if the sender may already have been sending when the stream was opened, as on a serial port. With SLIP, bytes before the first END
   * are then skipped, and reported once as `OSC_FRAME_TRUNCATED`. Default false.
   */
  readonly midStream?: boolean;
}

/**
 * Splits a byte stream into packets (OSC 1.0 "Transport", OSC 1.1 section 2.1). The packets, the errors and their order depend only on the
 * bytes, not on the chunks in which they arrive.
 */
export interface FrameDecoder {
  /** The framing of the stream, or null while it isn't known yet. Known before the first packet is delivered. */
  readonly framing: Framing | null;
  /** Number of buffered bytes of an unfinished packet. They use at most about twice that memory, and none if it is 0. */
  readonly buffered: number;
  /** True after a fatal error, `end` or `close`: the decoder ignores further bytes and calls no callbacks. */
  readonly closed: boolean;
  /**
   * Reads the next bytes and calls back, in order, before it returns. If called from a callback, it queues the bytes, which the outer
   * `push` reads before it returns. Does nothing when closed.
   */
  push(bytes: Uint8Array): void;
  /**
   * Signals the end of the stream, and closes the decoder. A final SLIP frame without END is complete if the end was orderly. Any other
   * unfinished frame is reported as `OSC_FRAME_TRUNCATED`, which is not `fatal`: the stream has ended anyway, and replies may still be in
   * flight.
   *
   * @param how `"broken"` if the connection was lost. Default `"orderly"`
   */
  end(how?: "orderly" | "broken"): void;
  /** Closes immediately, even from within a callback: calls no further callbacks, and frees the buffer. */
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

/** Throws unless the caller passed bytes: a stream with an encoding emits strings, for example. */
export function checkBytes(bytes: Uint8Array): void {
  // By tag rather than instanceof, because bytes may come from another realm, such as an iframe.
  if ((bytes as Uint8Array | null | undefined)?.[Symbol.toStringTag] !== "Uint8Array") {
    throw new OscEncodeError("OSC_VALUE_TYPE", `Framing needs bytes; got a value of type ${typeof bytes}. Pass a Uint8Array`, bytes);
  }
}

/** Throws unless the packet is a non-empty Uint8Array. */
export function checkPacket(packet: Uint8Array): void {
  checkBytes(packet);
  if (packet.length === 0 || packet.length > 0x7fffffff) {
    const message = `A packet has 1 to 2147483647 bytes, not ${packet.length}; pass an encoded message or bundle`;
    throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", message, packet);
  }
}

/** @throws OscServerError `OSC_OPTION` if it isn't `"orderly"` or `"broken"` */
export function checkEnd(how: unknown): void {
  if (how !== "orderly" && how !== "broken") throw bad("how", '"orderly" or "broken"', how);
}

const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 64;

/** The bytes of one unfinished packet. Its memory doubles as bytes arrive, and is handed over with the packet, never reused. */
export class FrameBuffer {
  /** Number of bytes used. */
  length = 0;
  #memory: Uint8Array = NO_BYTES;

  /** Returns memory with room for `count` more bytes after the first `length`. At most `limit` bytes are ever needed in total. */
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

  /** Returns the packet with its memory, and empties the buffer. */
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

/** Common base of all framings: order, reentrant calls, throwing callbacks, and the end. A subclass reads one chunk of the stream. */
export abstract class FrameReader implements FrameDecoder {
  abstract readonly framing: Framing;
  protected readonly maxPacketSize: number;
  protected readonly frame: FrameBuffer = new FrameBuffer();
  /** Byte offset of the current chunk in the stream. */
  protected chunkOffset = 0;
  /** The chunk's `buffer` and `byteOffset`. Reading them for each packet would be slow. */
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

  /** Reads one chunk, and stops as soon as the decoder is closed. */
  protected abstract read(chunk: Uint8Array): void;

  /** Whether ending the stream here would truncate a frame. */
  protected abstract unfinished(): boolean;

  /** Delivers a frame completed by an orderly end of the stream. */
  protected complete(): void {}

  /** Delivers a packet that is entirely within the chunk. */
  protected deliverPart(from: number, to: number): void {
    // `subarray` of a Node Buffer creates another Buffer, which is much slower (bench/framing).
    this.deliver(new Uint8Array(this.#memory, this.#start + from, to - from));
  }

  protected deliver(packet: Uint8Array): void {
    try {
      this.#onPacket(packet);
    } catch (error) {
      this.#thrown.push(error);
    }
  }

  /** Reports a broken frame at this offset of the chunk. A fatal error closes the decoder. */
  protected report(code: OscFrameErrorCode, message: string, index: number, severity: "frame" | "fatal"): void {
    const fatal = severity === "fatal";
    if (fatal) this.close();
    try {
      this.#onError(new OscFrameError(code, message, this.chunkOffset + index, fatal));
    } catch (error) {
      this.#thrown.push(error);
    }
  }

  #run(bytes: Uint8Array): void {
    this.#reading = true;
    try {
      let chunk: Uint8Array | undefined = bytes;
      while (chunk !== undefined && !this.#closed) {
        this.#memory = chunk.buffer;
        this.#start = chunk.byteOffset;
        this.read(chunk);
        this.chunkOffset += chunk.length;
        chunk = this.#waiting.shift();
      }
      if (this.#ending !== null) this.#finish(this.#ending);
    } finally {
      this.#reading = false;
      // Otherwise it would be retained until the next chunk arrives.
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
    // oxlint-disable-next-line typescript/only-throw-error -- rethrows whatever a callback threw
    if (thrown.length === 1) throw thrown[0];
    throw new AggregateError(thrown, `${thrown.length} callbacks of a frame decoder threw`);
  }
}
