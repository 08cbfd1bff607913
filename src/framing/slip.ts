import { FrameReader, checkPacket } from "./frame-decoder.ts";
import type { FrameDecoderOptions } from "./frame-decoder.ts";

/** The bytes of SLIP, RFC 1055. */
const END = 0xc0;
const ESC = 0xdb;
const ESCAPED_END = 0xdc;
const ESCAPED_ESC = 0xdd;

const READING = 0;
const ESCAPED = 1; // the previous byte was an ESC
const SKIPPING = 2; // the frame was reported as broken; the rest of it is skipped
const JOINING = 3; // the stream may have been joined mid-frame; that frame is skipped

type State = typeof READING | typeof ESCAPED | typeof SKIPPING | typeof JOINING;

/**
 * Splits a SLIP stream into packets (OSC 1.1, RFC 1055).
 *
 * Frames may have an END before them, after them or both. Empty frames are skipped. Bytes before the first END are a frame too, because
 * some senders write END only after frames; with `midStream` they are skipped. A frame with a bad escape (`OSC_FRAME_BAD_ESCAPE`) or more
 * than `maxPacketSize` bytes (`OSC_FRAME_TOO_LARGE`) is reported once and skipped; reading resumes after the next END.
 *
 * @example
 * const decoder = new SlipDecoder({ onPacket: (bytes) => console.log(decode(bytes)), onError: (error) => console.warn(error.code) });
 * decoder.push(slipEncode(encode(new OscMessage("/a"))));
 */
export class SlipDecoder extends FrameReader {
  /** SLIP. */
  readonly framing = "1.1" as const;
  #state: State = READING;
  /** Number of bytes before the first END of a stream joined mid-frame. */
  #skipped = 0;

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options: FrameDecoderOptions) {
    super(options);
    if (options.midStream === true) this.#state = JOINING;
  }

  protected read(chunk: Uint8Array): void {
    // The next ESC is searched for only once for all frames before it, which keeps the cost linear.
    let escape = -1;
    let position = 0;
    while (position < chunk.length && !this.closed) {
      const end = find(chunk, END, position);
      if (this.#state === JOINING) {
        this.#join(end - position, end);
      } else if (end > position && this.#state !== SKIPPING) {
        if (escape < position) escape = find(chunk, ESC, position);
        this.#readRun(chunk, position, end, escape);
      }
      if (end < chunk.length && !this.closed) this.#endFrame(end);
      position = end + 1;
    }
  }

  protected override complete(): void {
    if (this.#state === READING && this.frame.length > 0) this.deliver(this.frame.take());
  }

  protected unfinished(): boolean {
    return this.#state === ESCAPED || this.frame.length > 0;
  }

  /** Reads bytes that contain no END. */
  #readRun(chunk: Uint8Array, from: number, to: number, escape: number): void {
    if (this.#state === ESCAPED || escape < to) {
      this.#unescape(chunk, from, to);
      return;
    }
    const room = this.maxPacketSize - this.frame.length;
    if (to - from > room) {
      this.#tooLarge(from + room);
    } else if (this.frame.length === 0 && to < chunk.length) {
      this.deliverPart(from, to);
    } else {
      this.frame.append(chunk.subarray(from, to), this.maxPacketSize);
    }
  }

  #unescape(chunk: Uint8Array, from: number, to: number): void {
    const limit = this.maxPacketSize;
    const target = this.frame.reserve(to - from, limit);
    let length = this.frame.length;
    let escaped = this.#state === ESCAPED;
    let index = from;
    while (index < to) {
      let byte = chunk[index] as number;
      if (escaped) {
        if (byte !== ESCAPED_END && byte !== ESCAPED_ESC) return this.#badEscape(byte, index);
        if (length === limit) return this.#tooLarge(index);
        target[length++] = byte === ESCAPED_END ? END : ESC;
        escaped = false;
        index++;
        continue;
      }
      // A tight loop over plain bytes: packets full of numbers spend most of their time here.
      const stop = Math.min(to, index + limit - length);
      while (index < stop && (byte = chunk[index] as number) !== ESC) {
        target[length++] = byte;
        index++;
      }
      if (index < to) {
        if (chunk[index] !== ESC) return this.#tooLarge(index);
        escaped = true;
        index++;
      }
    }
    this.frame.length = length;
    this.#state = escaped ? ESCAPED : READING;
  }

  #endFrame(index: number): void {
    if (this.#state === ESCAPED) this.#badEscape(END, index);
    else if (this.#state === JOINING) this.#joined(index);
    else if (this.frame.length > 0) this.deliver(this.frame.take());
    this.#state = READING;
  }

  /** Counts bytes before the first END. Reports more than the largest frame: the speed is wrong, or it isn't SLIP. */
  #join(count: number, index: number): void {
    this.#skipped += count;
    if (this.#skipped <= this.maxPacketSize) return;
    this.#skip();
    const message = `No END within ${this.maxPacketSize} bytes (maxPacketSize), which are skipped. Does the sender use SLIP at the same speed?`;
    this.report("OSC_FRAME_TOO_LARGE", message, index - (this.#skipped - this.maxPacketSize), "frame");
  }

  #joined(index: number): void {
    if (this.#skipped === 0) return;
    const message = `The stream was joined mid-packet: ${this.#skipped} bytes before the first END were skipped`;
    this.report("OSC_FRAME_TRUNCATED", message, index, "frame");
  }

  #badEscape(byte: number, index: number): void {
    const message = `The SLIP escape 0xDB is followed by 0x${byte.toString(16).padStart(2, "0").toUpperCase()}, not by 0xDC or 0xDD; the frame is skipped`;
    this.#skip();
    this.report("OSC_FRAME_BAD_ESCAPE", message, index, "frame");
  }

  #tooLarge(index: number): void {
    this.#skip();
    const message = `A SLIP frame has more bytes than maxPacketSize, ${this.maxPacketSize}; the frame is skipped. Raise maxPacketSize to receive it`;
    this.report("OSC_FRAME_TOO_LARGE", message, index, "frame");
  }

  #skip(): void {
    this.#state = SKIPPING;
    this.frame.clear();
  }
}

/** The index of the next such byte, or the length of the chunk. */
function find(chunk: Uint8Array, byte: number, from: number): number {
  const index = chunk.indexOf(byte, from);
  return index < 0 ? chunk.length : index;
}

/**
 * Frames a packet with SLIP, with an END before and after (OSC 1.1).
 * @throws OscEncodeError `OSC_VALUE_TYPE` for anything but bytes, `OSC_VALUE_OUT_OF_RANGE` for an empty packet
 *
 * @example
 * slipEncode(encode(new OscMessage("/a"))); // c0 before and after the 8 bytes of the packet
 */
export function slipEncode(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(slipSize(packet));
  slipWrite(packet, frame, 0);
  return frame;
}

/** The size of a packet's SLIP frame in bytes. */
export function slipSize(packet: Uint8Array): number {
  checkPacket(packet);
  let size = packet.length + 2;
  for (let index = 0; index < packet.length; index++) {
    const byte = packet[index] as number;
    if (byte === END || byte === ESC) size++;
  }
  return size;
}

/** Writes a packet's SLIP frame, and returns the offset after it. The target needs room for {@link slipSize}. */
export function slipWrite(packet: Uint8Array, target: Uint8Array, offset: number): number {
  target[offset++] = END;
  for (let index = 0; index < packet.length; index++) {
    const byte = packet[index] as number;
    if (byte === END || byte === ESC) {
      target[offset++] = ESC;
      target[offset++] = byte === END ? ESCAPED_END : ESCAPED_ESC;
    } else {
      target[offset++] = byte;
    }
  }
  target[offset++] = END;
  return offset;
}
