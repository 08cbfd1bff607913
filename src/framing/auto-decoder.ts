import { OscFrameError } from "../errors.ts";
import { checkBytes } from "./check-packet.ts";
import { readDecoderOptions } from "./frame-decoder.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";
import { LengthPrefixDecoder } from "./length-prefix.ts";
import { SlipDecoder } from "./slip.ts";

const END = 0xc0;
const SLASH = 0x2f;
const HASH = 0x23;

/**
 * Finds out from the first byte of a stream how it is framed, and reads it so.
 *
 * 0xC0 (an END), `/` (a message) and `#` (a bundle) begin SLIP. 0x00 begins a size prefix, and so does any other byte with which a size of
 * at most `maxPacketSize` can begin, such as 0x01 for 16 MiB. Anything else is a fatal `OSC_FRAME_UNKNOWN`: it is not OSC.
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

  /** @throws OscServerError `OSC_OPTION` where `maxPacketSize` cannot be */
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
