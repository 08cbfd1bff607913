import { OscEncodeError, type OscEncodeErrorCode } from "../../errors.ts";
import { TimeTag } from "../time-tag.ts";
import type { OscValue } from "../types.ts";
import { characterOf, isColor, isInt32, isText, isWhole } from "../value-kinds.ts";

/** The type tags that have no bytes, and the value of each. */
const CONSTANTS = { T: true, F: false, N: null, I: Infinity };
/** For which type tags a value of this `typeof` is of the right kind, and only its range wrong. */
const RIGHT_KIND: Readonly<Record<string, string>> = { number: "ifhc", string: "sSc", bigint: "h" };

/** The value that a type tag without bytes stands for; undefined for all others. */
export function constantOf(tag: string): OscValue | undefined {
  return (CONSTANTS as Readonly<Record<string, OscValue>>)[tag];
}

/** The value as it is kept under its type tag. */
export function checkValue(tag: string, value: unknown): OscValue {
  const kept = fitting(tag, value);
  return kept === undefined ? unfit(value, tag) : kept;
}

/** The type tag that a value gets by itself: the first that it fits. */
export function inferTag(value: unknown): string {
  for (const tag of "ihfsTFNbtr") if (fitting(tag, value) !== undefined) return tag;
  return unfit(value, "");
}

/** Throws the error of a value that cannot be sent. */
export function refuse(code: OscEncodeErrorCode, value: unknown): never {
  throw new OscEncodeError(code, `${code}: see docs/errors.md`, value);
}

function unfit(value: unknown, tag: string): never {
  return refuse(RIGHT_KIND[typeof value]?.includes(tag) ? "OSC_VALUE_OUT_OF_RANGE" : "OSC_VALUE_TYPE", value);
}

/** The value that is kept, or undefined where it does not fit. */
function fitting(tag: string, value: unknown): OscValue | undefined {
  switch (tag) {
    case "i":
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
      if (isWhole(value)) return BigInt(value);
      return typeof value === "bigint" && BigInt.asIntN(64, value) === value ? value : undefined;
    case "t":
      return value instanceof TimeTag ? value : undefined;
    case "c":
      if (isInt32(value)) return characterOf(value);
      return typeof value === "string" && [...value].length === 1 ? value : undefined;
    case "r":
      return isColor(value) ? { r: byteOf(value.r), g: byteOf(value.g), b: byteOf(value.b), a: byteOf(value.a) } : undefined;
    case "m":
      return Array.isArray(value) && value.length === 4 ? value.map(byteOf) : undefined;
    default:
      if (constantOf(tag) === undefined) refuse("OSC_BAD_TYPE_TAGS", tag);
      return value === constantOf(tag) ? (value as OscValue) : undefined;
  }
}

function byteOf(value: unknown): number {
  return typeof value === "number" && (value & 255) === value ? value : unfit(value, "i");
}
