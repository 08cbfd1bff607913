import type { OscFrameError } from "../errors.ts";
import { callback, integer, type OptionChecks, readOptions, required } from "../options.ts";

/** How packets lie in a byte stream: `"1.0"` a size prefix of four bytes, `"1.1"` SLIP. */
export type Framing = "1.0" | "1.1";

/**
 * The largest packet that is read from a stream when nothing else is said: 16 MiB.
 *
 * @example
 * DEFAULT_MAX_PACKET_SIZE; // 16777216
 */
export const DEFAULT_MAX_PACKET_SIZE: number = 16 * 1024 * 1024;

/** What a decoder of frames is made with. */
export interface FrameDecoderOptions {
  /**
   * Called with every packet, in the order of the stream.
   *
   * A packet that lies in one pushed piece without an escape is a view of that piece, not a copy. It may be kept as long as the piece
   * is not written to; Node's sockets give fresh memory for every read, so there it may be kept for ever. Every other packet has memory
   * of its own, which is never written to again.
   *
   * It may call `push`, `end` and `close` of its decoder. What it throws comes out of `push`, after the rest of the bytes is read: one
   * error as it is, several as an `AggregateError`.
   */
  readonly onPacket: (packet: Uint8Array) => void;
  /** Called once for every broken frame, in its place between the packets. After a `fatal` error nothing more is called. */
  readonly onError: (error: OscFrameError) => void;
  /**
   * The largest packet, in bytes: a whole number from 4 to 2147483647. Default {@link DEFAULT_MAX_PACKET_SIZE}.
   * It is checked before memory is taken, and memory grows as bytes come, so a peer cannot take much by announcing much.
   */
  readonly maxPacketSize?: number;
}

/**
 * Cuts a stream of bytes into packets (OSC 1.0 "Transport", OSC 1.1 section 2.1). Bytes may come in any pieces; the packets, the errors
 * and their order depend on the bytes alone.
 */
export interface FrameDecoder {
  /** The framing that is read, or null while it is not known yet. Known before the first packet is given out. */
  readonly framing: Framing | null;
  /** How many bytes of an unfinished packet are held. The memory behind them is at most about twice that, and none where it is 0. */
  readonly buffered: number;
  /** True after a fatal error, `end` or `close`: nothing more is read or called. */
  readonly closed: boolean;
  /**
   * Reads the next bytes and calls back, in order, before it returns. Called from one of its own callbacks, it takes the bytes after those
   * that are being read and before the outer `push` returns. Does nothing when closed.
   */
  push(bytes: Uint8Array): void;
  /**
   * Says that the stream has ended. An unfinished frame is reported as `OSC_FRAME_TRUNCATED`, which is not `fatal`: the stream is over by
   * itself, and replies may still be on their way out. Then the decoder is closed.
   */
  end(): void;
  /** Ends at once, also from within a callback: nothing more is called, and what is buffered is let go. */
  close(): void;
}

const CHECKS = {
  onPacket: required(callback<FrameDecoderOptions["onPacket"]>()),
  onError: required(callback<FrameDecoderOptions["onError"]>()),
  maxPacketSize: integer(4, DEFAULT_MAX_PACKET_SIZE, 0x7fff_ffff),
} satisfies OptionChecks<FrameDecoderOptions>;

/** @throws OscServerError `OSC_OPTION` for an option with a bad value or an unknown name */
export function readDecoderOptions(options: FrameDecoderOptions): Required<FrameDecoderOptions> {
  return readOptions("a frame decoder", options, CHECKS);
}
