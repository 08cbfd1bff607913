import { FrameReader } from "./frame-decoder.ts";

/**
 * Takes every piece of a stream for one packet, for devices that send packets without framing. That is a guess: TCP may join two packets or split
 * one.
 */
export class UnframedDecoder extends FrameReader {
  /** No framing. */
  readonly framing = "none" as const;

  protected read(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (piece.length <= this.maxPacketSize) return this.deliverPart(0, piece.length);
    const message = `${piece.length} bytes were read at once, more than maxPacketSize, ${this.maxPacketSize}; they are skipped. Raise maxPacketSize to receive them`;
    this.report("OSC_FRAME_TOO_LARGE", message, 0, "frame");
  }

  protected unfinished(): boolean {
    return false;
  }
}
