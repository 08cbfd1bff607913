import type { TimeTag } from "./time-tag.ts";

/** A 32-bit colour (type tag `r`): each part a whole number from 0 to 255. */
export interface OscColor {
  /** Red, 0 to 255. */
  readonly r: number;
  /** Green, 0 to 255. */
  readonly g: number;
  /** Blue, 0 to 255. */
  readonly b: number;
  /** Opacity, from 0 (clear) to 255 (solid). */
  readonly a: number;
}

/**
 * A MIDI message (type tag `m`): port id, status byte, two data bytes, each a whole number from 0 to 255.
 * As an argument without an explicit type, make it with `midi()`, because a plain array is an OSC array.
 */
export type OscMidi = readonly [port: number, status: number, data1: number, data2: number];

/** Every value that an OSC argument can have. OSC 1.0, "OSC Type Tag String". */
export type OscValue = number | bigint | string | boolean | null | Uint8Array | TimeTag | OscColor | OscMidi | readonly OscValue[];

/** The first byte of an address: `/`. */
export const SLASH = 0x2f;
/** The first byte of a bundle: `#`. */
export const HASH = 0x23;
/** The first byte of a type tag string: `,`. */
export const COMMA = 0x2c;

/** The type tags that the encoder and the decoder treat apart from the others. */
export const INT = 0x69; // i
export const FLOAT = 0x66; // f
export const ARRAY_BEGIN = 0x5b; // [
export const ARRAY_END = 0x5d; // ]

/** Eight bytes in which a number is taken apart or put together. */
export const parts: DataView = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

/** Half of a surrogate pair, without the other half. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** True for an object with the four parts of a colour. */
export function isColor(value: unknown): value is OscColor {
  return typeof value === "object" && value !== null && "r" in value && "g" in value && "b" in value && "a" in value;
}

/** True for text that an OSC string can hold: NUL ends a string, and half of a surrogate pair has no bytes in UTF-8. */
export function isText(value: unknown): value is string {
  if (typeof value !== "string" || value.includes("\0")) return false;
  // Several times as fast as the expression, but browsers of 2022 don't have it.
  const { isWellFormed } = value as string & { readonly isWellFormed?: () => boolean };
  return isWellFormed === undefined ? !LONE_SURROGATE.test(value) : isWellFormed.call(value);
}

/** True for a whole number of 32 bits. */
export function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** The character with this code, or the code itself if Unicode has no such character. */
export function characterOf(code: number): string | number {
  return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : code;
}
