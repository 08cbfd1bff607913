import { bad } from "../options.ts";
import { AutoDecoder } from "./auto-decoder.ts";
import type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";
import { LengthPrefixDecoder, lengthPrefixEncode, lengthPrefixSize, lengthPrefixWrite } from "./length-prefix.ts";
import { SlipDecoder, slipEncode, slipSize, slipWrite } from "./slip.ts";

/**
 * The decoder of a framing; `"auto"` finds the framing out from the first byte. OSC 1.0, "OSC Packets"; OSC 1.1, section 2.1.
 *
 * @throws OscServerError `OSC_OPTION` for any other name, and for a `maxPacketSize` that cannot be
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
      return refuse(framing, '"1.0", "1.1" or "auto"');
  }
}

/**
 * The bytes of a packet in a stream of this framing.
 *
 * @throws OscEncodeError as {@link slipEncode} and {@link lengthPrefixEncode}; OscServerError `OSC_OPTION` for another name of a framing
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
      return refuse(framing, '"1.0" or "1.1"');
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
  if (framing !== "1.0" && framing !== "1.1") return refuse(framing, '"1.0" or "1.1"');
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

function refuse(framing: never, known: string): never {
  throw bad("framing", known, framing);
}
