/**
 * OSC packets and their bytes in as little code as it takes, for pages that count bytes: what `oscine/codec` has, several times slower, and with
 * errors that say their code and what is concerned, and no more. Its messages and bundles are classes of its own.
 */
export type { OscArgument } from "./arguments.ts";
export { OscBundle, type OscPacket } from "./bundle.ts";
export { decode } from "./decode.ts";
export { encode, encodeInto } from "./encode.ts";
export { OscMessage } from "./message.ts";
export { blob, char, color, double, float, infinitum, int, long, midi, string, symbol, timeTag, type TypedValue } from "./typed-value.ts";
export type { EncodeOptions } from "../encode.ts";
export type { DecodeOptions } from "../reading.ts";
export { ntpToMillis, TimeTag } from "../time-tag.ts";
export type { OscColor, OscMidi, OscValue } from "../types.ts";
