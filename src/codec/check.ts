import { OscEncodeError } from "../errors.ts";
import { describe } from "./options.ts";
import { TimeTag } from "./time-tag.ts";
import { characterOf, isColor, isInt32, isText, type OscValue } from "./types.ts";

const TEXT = "a string without NUL characters and unpaired surrogates";

/** What each type tag needs. If the text contains the `typeof` of a value, the value has the right type and is only out of range. */
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
 * Checks a value against its type tag and returns it as a message stores it: what a receiver will see, except that a number keeps its
 * precision.
 *
 * @throws OscEncodeError if the tag is unknown or the value doesn't fit it
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

/** True unless the number is finite and would become infinite as a 32-bit float. */
export function fitsFloat(value: number): boolean {
  const rounded = Math.fround(value);
  return rounded - rounded === 0 || value - value !== 0;
}

/** The value to store, or undefined if it doesn't fit. */
function fitting(tag: string, value: unknown): OscValue | undefined {
  switch (tag) {
    case "i":
      // -0 becomes 0.
      return isInt32(value) ? value | 0 : undefined;
    case "f":
      return typeof value === "number" && fitsFloat(value) ? value : undefined;
    case "d":
      return typeof value === "number" ? value : undefined;
    case "s":
    case "S":
      return isText(value) ? value : undefined;
    case "b":
      return value instanceof Uint8Array ? value : undefined;
    case "h":
      if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? value : undefined;
      return Number.isInteger(value) && Math.abs(value as number) <= 2 ** 53 ? BigInt(value as number) : undefined;
    case "t":
      return value instanceof TimeTag ? value : undefined;
    case "c":
      // A code that isn't a Unicode character stays a number.
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
  throw unfit(tag, value, "whole numbers from 0 to 255");
}

function unfit(tag: string, value: unknown, needs: string): OscEncodeError {
  return new OscEncodeError(
    needs.includes(typeof value) ? "OSC_VALUE_OUT_OF_RANGE" : "OSC_VALUE_TYPE",
    `Type tag ${tag} needs ${needs}; got ${describe(value)}.`,
    value,
  );
}
