import { OscFrameError } from "../errors.ts";
import { bad } from "../options.ts";
import { checkBytes, readDecoderOptions } from "./frame-decoder.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";
import { LengthPrefixDecoder, lengthPrefixEncode, lengthPrefixSize, lengthPrefixWrite } from "./length-prefix.ts";
import { SlipDecoder, slipEncode, slipSize, slipWrite } from "./slip.ts";

/**
 * Makes the decoder of a framing; `"auto"` detects the framing from the first byte. OSC 1.0, "OSC Packets"; OSC 1.1, section 2.1.
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
    case "auto":
      return new AutoDecoder(options);
    default:
      throw bad("framing", '"1.0", "1.1" or "auto"', framing);
  }
}

/**
 * The bytes of a packet in a stream of this framing.
 *
 * @throws OscEncodeError as {@link slipEncode} and {@link lengthPrefixEncode}; OscServerError `OSC_OPTION` for any other framing
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
    default:
      throw bad("framing", '"1.0" or "1.1"', framing);
  }
}

/**
 * The bytes of several packets in a stream of this framing, in one piece, so that one write sends them all.
 *
 * @throws as {@link encodeFrame}
 *
 * @example
 * const packets = ["/a", "/b"].map((address) => encode(new OscMessage(address)));
 * encodeFrames(packets, "1.1").length; // 20: each of 8 bytes has an END on both sides
 */
export function encodeFrames(packets: readonly Uint8Array[], framing: Framing): Uint8Array {
  if (framing !== "1.0" && framing !== "1.1") throw bad("framing", '"1.0" or "1.1"', framing);
  const given: unknown = packets;
  if (!Array.isArray(given)) throw bad("packets", "an array of Uint8Array", given);
  const sizeOf = framing === "1.0" ? lengthPrefixSize : slipSize;
  const write = framing === "1.0" ? lengthPrefixWrite : slipWrite;
  let size = 0;
  for (const packet of packets) size += sizeOf(packet);
  const frames = new Uint8Array(size);
  let offset = 0;
  for (const packet of packets) offset = write(packet, frames, offset);
  return frames;
}

const END = 0xc0;
const SLASH = 0x2f;
const HASH = 0x23;

/**
 * Detects the framing of a stream from its first byte, and reads it accordingly.
 *
 * 0xC0 (an END), `/` (a message) and `#` (a bundle) begin SLIP. 0x00 begins a size prefix, and so does any other byte that a size of at most
 * `maxPacketSize` can begin with, such as 0x01 for 16 MiB. Anything else isn't OSC: a fatal `OSC_FRAME_UNKNOWN`.
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
    if (this.#decoder === null) {
      checkBytes(bytes);
      const first = bytes[0];
      if (first === undefined || this.#closed) return;
      this.#decoder = this.#detect(first);
    }
    this.#decoder?.push(bytes);
  }

  end(): void {
    if (this.#decoder === null) this.#closed = true;
    else this.#decoder.end();
  }

  close(): void {
    if (this.#decoder === null) this.#closed = true;
    else this.#decoder.close();
  }

  #detect(first: number): FrameDecoder | null {
    if (first === END || first === SLASH || first === HASH) return new SlipDecoder(this.#options);
    if (first * 0x1000000 <= this.#options.maxPacketSize) return new LengthPrefixDecoder(this.#options);
    this.#closed = true;
    const byte = `0x${first.toString(16).padStart(2, "0").toUpperCase()}`;
    const message = `A stream of OSC begins with a size prefix or a SLIP frame, not with ${byte}. Does the peer use another protocol, or send a packet larger than maxPacketSize, ${this.#options.maxPacketSize}?`;
    this.#options.onError(new OscFrameError("OSC_FRAME_UNKNOWN", message, 0, true));
    return null;
  }
}
