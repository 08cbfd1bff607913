import { OscFrameError } from "../errors.ts";
import { bad } from "../options.ts";
import { checkBytes, checkEnd, readDecoderOptions } from "./frame-decoder.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";
import { LengthPrefixDecoder, lengthPrefixEncode, lengthPrefixSize, lengthPrefixWrite } from "./length-prefix.ts";
import { SlipDecoder, slipEncode, slipSize, slipWrite } from "./slip.ts";
import { UnframedDecoder, unframedEncode, unframedSize, unframedWrite } from "./unframed.ts";

/**
 * Creates the decoder for a framing; `"auto"` detects the framing from the first byte. OSC 1.0, "OSC Packets"; OSC 1.1, section 2.1.
 *
 * @throws OscServerError `OSC_OPTION` for any other framing, or if `maxPacketSize` has a bad value
 *
 * @example
 * const decoder = createFrameDecoder("1.0", { onPacket: (bytes) => console.log(decode(bytes)), onError: (error) => console.warn(error.code) });
 * decoder.push(encodeFrame(encode(new OscMessage("/a")), "1.0"));
 */
export function createFrameDecoder(framing: Framing | "auto", options: FrameDecoderOptions): FrameDecoder {
  switch (framing) {
    case "1.0":
      return new LengthPrefixDecoder(options);
    case "1.1":
      return new SlipDecoder(options);
    case "none":
      return new UnframedDecoder(options);
    case "auto":
      return new AutoDecoder(options);
    default:
      throw bad("framing", '"1.0", "1.1", "none" or "auto"', framing);
  }
}

/**
 * Frames a packet for a stream.
 *
 * @throws OscEncodeError like {@link slipEncode} and {@link lengthPrefixEncode}; OscServerError `OSC_OPTION` for any other framing
 *
 * @example
 * encodeFrame(encode(new OscMessage("/a")), "1.0"); // 00 00 00 08 before the 8 bytes of the packet
 */
export function encodeFrame(packet: Uint8Array, framing: Framing): Uint8Array {
  switch (framing) {
    case "1.0":
      return lengthPrefixEncode(packet);
    case "1.1":
      return slipEncode(packet);
    case "none":
      return unframedEncode(packet);
    default:
      throw bad("framing", '"1.0", "1.1" or "none"', framing);
  }
}

/**
 * Frames several packets into one array, so that a single write sends them all.
 *
 * @throws like {@link encodeFrame}
 *
 * @example
 * const packets = ["/a", "/b"].map((address) => encode(new OscMessage(address)));
 * encodeFrames(packets, "1.1").length; // 20: each of 8 bytes has an END on both sides
 */
export function encodeFrames(packets: readonly Uint8Array[], framing: Framing): Uint8Array {
  if (framing !== "1.0" && framing !== "1.1" && framing !== "none") throw bad("framing", '"1.0", "1.1" or "none"', framing);
  const given: unknown = packets;
  if (!Array.isArray(given)) throw bad("packets", "an array of Uint8Array", given);
  const { sizeOf, write } = WRITERS[framing];
  let size = 0;
  for (const packet of packets) size += sizeOf(packet);
  const frames = new Uint8Array(size);
  let offset = 0;
  for (const packet of packets) offset = write(packet, frames, offset);
  return frames;
}

/** The framed size of a packet, and the function that writes it. */
const WRITERS = {
  "1.0": { sizeOf: lengthPrefixSize, write: lengthPrefixWrite },
  "1.1": { sizeOf: slipSize, write: slipWrite },
  none: { sizeOf: unframedSize, write: unframedWrite },
} as const;

const END = 0xc0;
const SLASH = 0x2f;
const HASH = 0x23;

/**
 * Detects the framing of a stream from its first byte, and reads it accordingly.
 *
 * 0xC0 (an END), `/` (a message) and `#` (a bundle) begin SLIP. 0x00 begins a size prefix, and so does any other possible first byte of a
 * size up to `maxPacketSize`, such as 0x01 for 16 MiB. Any other byte is a fatal `OSC_FRAME_UNKNOWN`.
 *
 * With `midStream`, a stream has size prefixes only if it begins with the size and the first byte of a message or bundle; otherwise it is
 * SLIP.
 *
 * @example
 * const decoder = new AutoDecoder({ onPacket: (bytes) => console.log(decode(bytes)), onError: (error) => console.warn(error.code) });
 * decoder.push(slipEncode(encode(new OscMessage("/a"))));
 * decoder.framing; // "1.1"
 */
export class AutoDecoder implements FrameDecoder {
  readonly #options: Required<FrameDecoderOptions>;
  #decoder: FrameDecoder | null = null;
  #closed = false;
  /** The first bytes of a stream that may have been joined mid-packet, until they identify the framing. */
  #first: Uint8Array = new Uint8Array(0);

  /** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
  constructor(options: FrameDecoderOptions) {
    this.#options = readDecoderOptions(options);
  }

  get framing(): Framing | null {
    return this.#decoder?.framing ?? null;
  }

  get buffered(): number {
    return this.#decoder?.buffered ?? 0;
  }

  get closed(): boolean {
    return this.#decoder?.closed ?? this.#closed;
  }

  push(bytes: Uint8Array): void {
    if (this.#decoder !== null) return this.#decoder.push(bytes);
    checkBytes(bytes);
    if (bytes.length === 0 || this.#closed) return;
    if (!this.#options.midStream) {
      this.#decoder = this.#detect(bytes[0] as number);
      return this.#decoder?.push(bytes);
    }
    const first = new Uint8Array(this.#first.length + bytes.length);
    first.set(this.#first);
    first.set(bytes, this.#first.length);
    this.#first = first;
    if (first.length < SIZE_AND_FIRST && first[0] !== END) return;
    this.#decoder = hasSizes(first, this.#options.maxPacketSize) ? new LengthPrefixDecoder(this.#options) : new SlipDecoder(this.#options);
    this.#first = new Uint8Array(0);
    this.#decoder.push(first);
  }

  end(how: "orderly" | "broken" = "orderly"): void {
    checkEnd(how);
    // Too few bytes for a size and a packet.
    if (this.#first.length > 0) this.#decoder = new SlipDecoder(this.#options);
    this.#decoder?.push(this.#first);
    if (this.#decoder === null) this.#closed = true;
    else this.#decoder.end(how);
  }

  close(): void {
    this.#first = new Uint8Array(0);
    if (this.#decoder === null) this.#closed = true;
    else this.#decoder.close();
  }

  #detect(first: number): FrameDecoder | null {
    if (first === END || first === SLASH || first === HASH) return new SlipDecoder(this.#options);
    if (first * 0x1000000 <= this.#options.maxPacketSize) return new LengthPrefixDecoder(this.#options);
    this.#closed = true;
    const byte = `0x${first.toString(16).padStart(2, "0").toUpperCase()}`;
    const message = `An OSC stream begins with a size prefix or a SLIP frame, not with ${byte}. Does the peer use another protocol, or send a packet larger than maxPacketSize, ${this.#options.maxPacketSize}?`;
    this.#options.onError(new OscFrameError("OSC_FRAME_UNKNOWN", message, 0, true));
    return null;
  }
}

/** Length of a four-byte size and the first byte of the packet. */
const SIZE_AND_FIRST = 5;

/** Whether a stream begins with the size of a message or bundle, rather than mid-frame. */
function hasSizes(bytes: Uint8Array, maxPacketSize: number): boolean {
  const [first = 0, second = 0, third = 0, fourth = 0, begin = 0] = bytes;
  const size = first * 0x100_0000 + (second << 16) + (third << 8) + fourth;
  return size > 0 && size <= maxPacketSize && (begin === SLASH || begin === HASH);
}
