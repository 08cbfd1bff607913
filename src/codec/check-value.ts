import { OscEncodeError } from "../errors.ts";
import { TimeTag } from "./time-tag.ts";
import type { OscColor, OscValue } from "./types.ts";

/** The least magnitude that a 32-bit float cannot hold: half a step above its largest number. */
const FLOAT_LIMIT = 2 ** 128 - 2 ** 103;
const INT64_LIMIT = 2n ** 63n;
const LARGEST_CODE_POINT = 0x10ffff;
/** NUL ends a string in OSC, and half of a surrogate pair has no bytes in UTF-8. */
const NOT_TEXT = /[\0\p{Surrogate}]/u;

/**
 * The value as it is kept under its type tag: what a receiver will see, except that a number keeps its precision.
 *
 * @throws OscEncodeError where the tag is unknown or the value does not fit it
 */
export function checkValue(tag: string, value: unknown): OscValue {
  switch (tag) {
    case "i":
      // -0 becomes 0.
      if (typeof value === "number" && (value | 0) === value) return value | 0;
      throw unfit(tag, value, "a whole number from -2147483648 to 2147483647", typeof value === "number");
    case "f":
      if (typeof value === "number" && (Math.abs(value) < FLOAT_LIMIT || !Number.isFinite(value))) return value;
      throw unfit(tag, value, "a number in the range of a 32-bit float (double() keeps larger ones)", typeof value === "number");
    case "d":
      if (typeof value === "number") return value;
      throw unfit(tag, value, "a number");
    case "s":
    case "S":
      return checkText(tag, value);
    case "b":
      if (value instanceof Uint8Array) return value;
      throw unfit(tag, value, "a Uint8Array");
    case "h":
      return checkLong(value);
    case "t":
      if (value instanceof TimeTag) return value;
      throw unfit(tag, value, "a TimeTag");
    case "c":
      return checkCharacter(value);
    case "r":
      if (isColor(value))
        return { r: checkByte(tag, value.r), g: checkByte(tag, value.g), b: checkByte(tag, value.b), a: checkByte(tag, value.a) };
      throw unfit(tag, value, "a colour { r, g, b, a }");
    case "m":
      if (Array.isArray(value) && value.length === 4) return value.map((part) => checkByte(tag, part));
      throw unfit(tag, value, "four bytes [port, status, data1, data2]");
    case "T":
    case "F":
      if (value === (tag === "T")) return value;
      throw unfit(tag, value, String(tag === "T"));
    case "N":
      if (value === null) return value;
      throw unfit(tag, value, "null");
    case "I":
      if (value === Infinity) return value;
      throw unfit(tag, value, "Infinity");
    default:
      throw new OscEncodeError(
        "OSC_BAD_TYPE_TAGS",
        `${JSON.stringify(tag)} is not a type tag. Use those of "ifsbhtdScrmTFNI[]", without a comma in front.`,
        tag,
      );
  }
}

/** True for an object with the four parts of a colour. */
export function isColor(value: unknown): value is OscColor {
  return typeof value === "object" && value !== null && "r" in value && "g" in value && "b" in value && "a" in value;
}

/** True for text that an OSC string can hold. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && !NOT_TEXT.test(value);
}

function checkText(tag: string, value: unknown): string {
  if (isText(value)) return value;
  throw unfit(tag, value, "text without NUL characters and unpaired surrogates", typeof value === "string");
}

function checkLong(value: unknown): bigint {
  if (typeof value === "bigint" && value >= -INT64_LIMIT && value < INT64_LIMIT) return value;
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 2 ** 53) return BigInt(value);
  throw unfit("h", value, "a bigint of 64 bits or a whole number within ±2^53", typeof value === "bigint" || typeof value === "number");
}

/** A character is kept as text, and a code that is no character of Unicode as the number. */
function checkCharacter(value: unknown): string | number {
  if (typeof value === "number" && (value | 0) === value) return characterOf(value);
  if (typeof value === "string" && value.length > 0 && String.fromCodePoint(value.codePointAt(0)!) === value) return value;
  throw unfit(
    "c",
    value,
    "one character, or its code as a whole number of 32 bits",
    typeof value === "number" || typeof value === "string",
  );
}

/** The character with this code, or the code itself where Unicode has no such character. */
export function characterOf(code: number): string | number {
  return code >= 0 && code <= LARGEST_CODE_POINT ? String.fromCodePoint(code) : code;
}

function checkByte(tag: string, value: unknown): number {
  if (typeof value === "number" && (value & 255) === value) return value;
  throw unfit(tag, value, "whole numbers from 0 to 255", typeof value === "number");
}

/** @param rightKind whether the value has the right type and only its range is wrong */
function unfit(tag: string, value: unknown, needed: string, rightKind: boolean = false): OscEncodeError {
  return new OscEncodeError(
    rightKind ? "OSC_VALUE_OUT_OF_RANGE" : "OSC_VALUE_TYPE",
    `Type tag ${tag} needs ${needed}; got ${describe(value)}.`,
    value,
  );
}

/** A value in a few words, for an error message. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) return `an object of ${value.constructor?.name ?? "no class"}`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return String(value);
}
