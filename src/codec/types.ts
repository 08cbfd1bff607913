import type { TimeTag } from "./time-tag.ts";

/** A 32-bit RGBA colour (type tag `r`). Each part is an integer from 0 to 255. */
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
 * A MIDI message (type tag `m`): port id, status byte, two data bytes, each an integer from 0 to 255. To pass one without an explicit type
 * tag, use `midi()`, because a plain array is an OSC array.
 */
export type OscMidi = readonly [port: number, status: number, data1: number, data2: number];

/** Any value that an OSC argument can have. OSC 1.0, "OSC Type Tag String". */
export type OscValue = number | bigint | string | boolean | null | Uint8Array | TimeTag | OscColor | OscMidi | readonly OscValue[];

/** The first byte of an address: `/`. */
export const SLASH = 0x2f;
/** The first byte of a bundle: `#`. */
export const HASH = 0x23;
/** The first byte of a type tag string: `,`. */
export const COMMA = 0x2c;

/** The type tags that the encoder and the decoder handle separately. */
export const INT = 0x69; // i
export const FLOAT = 0x66; // f
export const ARRAY_BEGIN = 0x5b; // [
export const ARRAY_END = 0x5d; // ]

/** Eight bytes of scratch space for converting numbers to and from bytes. */
export const parts: DataView = /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(8));

/** An unpaired surrogate. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** True for an object with the four parts of a colour. */
export function isColor(value: unknown): value is OscColor {
  return typeof value === "object" && value !== null && "r" in value && "g" in value && "b" in value && "a" in value;
}

/** True for text that is valid in an OSC string: NUL terminates a string, and an unpaired surrogate has no UTF-8 form. */
export function isText(value: unknown): value is string {
  if (typeof value !== "string" || value.includes("\0")) return false;
  // Several times as fast as the regular expression, but missing in browsers from 2022.
  const { isWellFormed } = value as string & { readonly isWellFormed?: () => boolean };
  return isWellFormed === undefined ? !LONE_SURROGATE.test(value) : isWellFormed.call(value);
}

/** True for a signed 32-bit integer. */
export function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** The character with this code, or the code itself if Unicode has no such character. */
export function characterOf(code: number): string | number {
  return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : code;
}
