/** Stream bytes ⇄ packet bytes. Uses no sockets, no timers and nothing from Node. */
export { DEFAULT_MAX_PACKET_SIZE } from "./frame-decoder.ts";
export type { FrameDecoder, FrameDecoderOptions, Framing } from "./frame-decoder.ts";
export { AutoDecoder, createFrameDecoder, encodeFrame, encodeFrames } from "./framing.ts";
export { LengthPrefixDecoder, lengthPrefixEncode } from "./length-prefix.ts";
export { SlipDecoder, slipEncode } from "./slip.ts";
