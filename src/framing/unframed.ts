import { FrameReader, checkPacket } from "./frame-decoder.ts";

/**
 * Treats every chunk of a stream as one packet, for devices that send packets without framing. This is a guess, because TCP may join or
 * split packets.
 */
export class UnframedDecoder extends FrameReader {
  /** No framing. */
  readonly framing = "none" as const;

  protected read(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (chunk.length <= this.maxPacketSize) return this.deliverPart(0, chunk.length);
    const message = `${chunk.length} bytes were read at once, more than maxPacketSize, ${this.maxPacketSize}; they are skipped. Raise maxPacketSize to receive them`;
    this.report("OSC_FRAME_TOO_LARGE", message, 0, "frame");
  }

  protected unfinished(): boolean {
    return false;
  }
}

/** The packet itself. Throws as the other framings do. */
export function unframedEncode(packet: Uint8Array): Uint8Array {
  checkPacket(packet);
  return packet;
}

export function unframedSize(packet: Uint8Array): number {
  checkPacket(packet);
  return packet.length;
}

/** Writes a packet, and returns the offset after it. */
export function unframedWrite(packet: Uint8Array, target: Uint8Array, offset: number): number {
  target.set(packet, offset);
  return offset + packet.length;
}
