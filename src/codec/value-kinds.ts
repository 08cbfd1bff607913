import type { OscColor } from "./types.ts";

/** NUL ends a string in OSC, and half of a surrogate pair has no bytes in UTF-8. */
const NOT_TEXT = /[\0\p{Surrogate}]/u;

/** True for an object with the four parts of a colour. */
export function isColor(value: unknown): value is OscColor {
  return typeof value === "object" && value !== null && "r" in value && "g" in value && "b" in value && "a" in value;
}

/** True for text that an OSC string can hold. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && !NOT_TEXT.test(value);
}

/** True for a whole number of 32 bits. */
export function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** True for a whole number that a number holds exactly. */
export function isWhole(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= 2 ** 53;
}

/** The character with this code, or the code itself where Unicode has no such character. */
export function characterOf(code: number): string | number {
  return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : code;
}
