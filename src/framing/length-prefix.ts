import { FrameReader, checkPacket } from "./frame-decoder.ts";

const PREFIX_SIZE = 4;

/**
 * Splits a stream of size-prefixed packets (OSC 1.0).
 *
 * After a wrong size the next packet can't be found, so it is fatal: `OSC_FRAME_BAD_SIZE` for sizes up to zero (an OSC packet is never
 * empty, and a reader that is out of sync mostly finds zeros), `OSC_FRAME_TOO_LARGE` above `maxPacketSize`. A size that isn't a multiple of
 * 4 is accepted, because real senders omit the padding at the end of a packet; the packet's decoder validates it.
 *
 * @example
 * const decoder = new LengthPrefixDecoder({ onPacket: (bytes) => console.log(decode(bytes)), onError: (error) => console.warn(error.code) });
 * decoder.push(lengthPrefixEncode(encode(new OscMessage("/a"))));
 */
export class LengthPrefixDecoder extends FrameReader {
  /** A size of four bytes before each packet. */
  readonly framing = "1.0" as const;
  /** The size of the packet being read; 0 while reading the size itself. */
  #size = 0;
  #prefix = 0;
  #prefixLength = 0;

  protected read(chunk: Uint8Array): void {
    let position = 0;
    while (position < chunk.length && !this.closed) {
      if (this.#size === 0) position = this.#readPrefix(chunk, position);
      else position = this.#readPacket(chunk, position);
    }
  }

  protected unfinished(): boolean {
    return this.#prefixLength > 0 || this.#size > 0;
  }

  /** Reads as much of the size as is available. Returns the position after it. */
  #readPrefix(chunk: Uint8Array, from: number): number {
    let position = from;
    while (position < chunk.length && this.#prefixLength < PREFIX_SIZE) {
      this.#prefix = (this.#prefix << 8) | (chunk[position++] as number);
      this.#prefixLength++;
    }
    if (this.#prefixLength === PREFIX_SIZE) {
      this.#size = this.#checkSize(this.#prefix, position - PREFIX_SIZE);
      this.#prefix = 0;
      this.#prefixLength = 0;
    }
    return position;
  }

  #checkSize(size: number, index: number): number {
    if (size > 0 && size <= this.maxPacketSize) return size;
    if (size > 0) {
      const message = `A packet of ${size} bytes is announced, more than maxPacketSize, ${this.maxPacketSize}. Raise maxPacketSize to receive it`;
      this.report("OSC_FRAME_TOO_LARGE", message, index, "fatal");
    } else {
      const message = `A packet of ${size} bytes is announced. Does the peer use OSC 1.1 framing, or another protocol?`;
      this.report("OSC_FRAME_BAD_SIZE", message, index, "fatal");
    }
    return 0;
  }

  /** Reads as much of the packet as is available. Returns the position after it. */
  #readPacket(chunk: Uint8Array, from: number): number {
    const size = this.#size;
    const to = Math.min(chunk.length, from + size - this.frame.length);
    if (to - from === size) {
      this.#size = 0;
      this.deliverPart(from, to);
      return to;
    }
    this.frame.append(chunk.subarray(from, to), size);
    if (this.frame.length === size) {
      this.#size = 0;
      this.deliver(this.frame.take());
    }
    return to;
  }
}

/**
 * Frames a packet with a size prefix (OSC 1.0).
 * @throws OscEncodeError `OSC_VALUE_TYPE` for anything but bytes, `OSC_VALUE_OUT_OF_RANGE` for an empty packet, because receivers would
 *   close the connection
 *
 * @example
 * lengthPrefixEncode(encode(new OscMessage("/a"))); // 00 00 00 08 before the 8 bytes of the packet
 */
export function lengthPrefixEncode(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(lengthPrefixSize(packet));
  lengthPrefixWrite(packet, frame, 0);
  return frame;
}

/** The size of a packet including its size prefix. */
export function lengthPrefixSize(packet: Uint8Array): number {
  checkPacket(packet);
  return PREFIX_SIZE + packet.length;
}

/** Writes a packet and its size prefix, and returns the offset after it. The target needs room for {@link lengthPrefixSize}. */
export function lengthPrefixWrite(packet: Uint8Array, target: Uint8Array, offset: number): number {
  const size = packet.length;
  target[offset] = size >>> 24;
  target[offset + 1] = size >>> 16;
  target[offset + 2] = size >>> 8;
  target[offset + 3] = size;
  target.set(packet, offset + PREFIX_SIZE);
  return offset + PREFIX_SIZE + size;
}
