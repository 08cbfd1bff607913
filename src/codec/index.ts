/** OSC packets and their bytes: pure, without sockets, for Node and browsers. */
export { decode } from "./decode.ts";
export { encode, encodeInto, encodeMessage, type EncodeOptions } from "./encode.ts";
export type { OscArgument } from "./infer.ts";
export { OscBundle, OscMessage, type OscPacket } from "./packet.ts";
export type { DecodeOptions } from "./reading.ts";
export { ntpToMillis, TimeTag } from "./time-tag.ts";
export { blob, char, color, double, float, infinitum, int, long, midi, string, symbol, timeTag, type TypedValue } from "./typed-value.ts";
export type { OscColor, OscMidi, OscValue } from "./types.ts";
