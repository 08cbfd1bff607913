import { OscFrameError } from "../errors.ts";
import type { OscFrameErrorCode } from "../errors.ts";
import { checkBytes } from "./check-packet.ts";
import { FrameBuffer } from "./frame-buffer.ts";
import { readDecoderOptions } from "./frame-decoder.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";

const NO_BYTES = new Uint8Array(0);

/** What both framings share: order, calls from within callbacks, callbacks that throw, and the end. A subclass reads one piece of the stream. */
export abstract class FrameReader implements FrameDecoder {
  abstract readonly framing: Framing;
  protected readonly maxPacketSize: number;
  protected readonly frame: FrameBuffer = new FrameBuffer();
  /** Where the piece that is being read begins, in bytes from the beginning of the stream. */
  protected pieceOffset = 0;
  /** The memory of that piece, and where in it the piece begins. To ask the piece for it is a slow call, and would be made for each packet. */
  #memory: ArrayBufferLike = NO_BYTES.buffer;
  #start = 0;
  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #onError: (error: OscFrameError) => void;
  readonly #waiting: Uint8Array[] = [];
  #thrown: unknown[] = [];
  #reading = false;
  #ending = false;
  #closed = false;

  /** @throws OscServerError `OSC_OPTION` where `maxPacketSize` cannot be */
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
    if (this.#closed || this.#ending) return;
    if (this.#reading) this.#waiting.push(bytes);
    else this.#run(bytes);
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    if (!this.#reading) this.#run(NO_BYTES);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.frame.clear();
  }

  /** Reads one piece, and stops as soon as the decoder is closed. */
  protected abstract read(piece: Uint8Array): void;

  /** Whether the stream would be cut off in the middle of a frame if it ended here. */
  protected abstract unfinished(): boolean;

  /** Gives out a packet that lies whole in the piece. */
  protected deliverPart(from: number, to: number): void {
    // `subarray` of a Buffer of Node makes another Buffer, which takes three times as long, and this is done for each packet (bench/framing).
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
      if (this.#ending) this.#finish();
    } finally {
      this.#reading = false;
      // It would be kept until the next piece comes.
      this.#memory = NO_BYTES.buffer;
    }
    if (this.#thrown.length > 0) this.#rethrow();
  }

  #finish(): void {
    if (this.#closed) return;
    if (this.unfinished()) {
      this.report("OSC_FRAME_TRUNCATED", `The stream ended within a packet of which ${this.frame.length} bytes had come`, 0, "frame");
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
