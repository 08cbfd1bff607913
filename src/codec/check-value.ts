import { OscEncodeError } from "../errors.ts";
import { TimeTag } from "./time-tag.ts";
import type { OscValue } from "./types.ts";
import { characterOf, isColor, isInt32, isText, isWhole } from "./value-kinds.ts";

const TEXT = "a string without NUL characters and unpaired surrogates";
const BYTES = "whole numbers from 0 to 255";

/** What each type tag needs. Words that hold the `typeof` of a value say that it is of the right kind, and only its range wrong. */
const NEEDS: Readonly<Record<string, string>> = {
  i: "a whole number from -2147483648 to 2147483647",
  f: "a number in the range of a 32-bit float (double() keeps larger ones)",
  d: "a number",
  s: TEXT,
  S: TEXT,
  b: "a Uint8Array",
  h: "a bigint of 64 bits or a whole number within ±2^53",
  t: "a TimeTag",
  c: "a string of one character, or its code as a whole number of 32 bits",
  r: "a colour { r, g, b, a }",
  m: "four bytes [port, status, data1, data2]",
  T: "true",
  F: "false",
  N: "null",
  I: "Infinity",
};

/**
 * The value as it is kept under its type tag: what a receiver will see, except that a number keeps its precision.
 *
 * @throws OscEncodeError where the tag is unknown or the value does not fit it
 */
export function checkValue(tag: string, value: unknown): OscValue {
  const kept = fitting(tag, value);
  if (kept !== undefined) return kept;
  const needs = NEEDS[tag];
  if (needs !== undefined) throw unfit(tag, value, needs);
  throw new OscEncodeError(
    "OSC_BAD_TYPE_TAGS",
    `${JSON.stringify(tag)} is not a type tag. Use those of "ifsbhtdScrmTFNI[]", without a comma in front.`,
    tag,
  );
}

/** The value that is kept, or undefined where it does not fit. */
function fitting(tag: string, value: unknown): OscValue | undefined {
  switch (tag) {
    case "i":
      // -0 becomes 0.
      return isInt32(value) ? value | 0 : undefined;
    case "f":
      return typeof value === "number" && Number.isFinite(value) === Number.isFinite(Math.fround(value)) ? value : undefined;
    case "d":
      return typeof value === "number" ? value : undefined;
    case "s":
    case "S":
      return isText(value) ? value : undefined;
    case "b":
      return value instanceof Uint8Array ? value : undefined;
    case "h":
      if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? value : undefined;
      return isWhole(value) ? BigInt(value) : undefined;
    case "t":
      return value instanceof TimeTag ? value : undefined;
    case "c":
      // A character is kept as text, and a code that is no character of Unicode as the number.
      if (isInt32(value)) return characterOf(value);
      return typeof value === "string" && value !== "" && String.fromCodePoint(value.codePointAt(0)!) === value ? value : undefined;
    case "r":
      if (!isColor(value)) return undefined;
      return { r: checkByte(tag, value.r), g: checkByte(tag, value.g), b: checkByte(tag, value.b), a: checkByte(tag, value.a) };
    case "m":
      return Array.isArray(value) && value.length === 4 ? value.map((part) => checkByte(tag, part)) : undefined;
    case "I":
      return value === Infinity ? value : undefined;
    case "T":
    case "F":
      return value === (tag === "T") ? value : undefined;
    case "N":
      return value === null ? value : undefined;
    default:
      return undefined;
  }
}

function checkByte(tag: string, value: unknown): number {
  if (typeof value === "number" && (value & 255) === value) return value;
  throw unfit(tag, value, BYTES);
}

function unfit(tag: string, value: unknown, needs: string): OscEncodeError {
  return new OscEncodeError(
    needs.includes(typeof value) ? "OSC_VALUE_OUT_OF_RANGE" : "OSC_VALUE_TYPE",
    `Type tag ${tag} needs ${needs}; got ${describe(value)}.`,
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
