import { OscEncodeError } from "../errors.ts";
import { DEEPEST_NESTING, describe } from "./options.ts";
import { checkValue, fitsFloat } from "./check.ts";
import { TimeTag } from "./time-tag.ts";
import { TypedValue } from "./typed-value.ts";
import { FLOAT, isColor, isInt32, type OscValue } from "./types.ts";

/** What a caller may pass as an argument: a plain value, whose type tag is inferred, or a typed one. */
export type OscArgument = OscValue | TypedValue | Float32Array | readonly OscArgument[];

/** The type tags of arguments. */
export interface InferredTypes {
  readonly types: string;
  /** `types` with `f` for every number without an explicit type; sent with the option `numbers: "float"`. */
  readonly floatTypes: string;
}

/** A copy of the argument list, which the caller can no longer change. */
export function listOf(args: OscArgument): OscArgument[] {
  if (Array.isArray(args)) return (args as OscArgument[]).slice();
  return args instanceof Float32Array ? Array.from(args) : [args];
}

/**
 * Infers the type tags of a list, and replaces each argument with the value that a message stores.
 *
 * @throws OscEncodeError for a value that has no OSC type or is out of range
 */
export function inferTypes(list: OscArgument[], depth: number = 1): InferredTypes {
  checkDepth(list, depth);
  let types = "";
  // Tracked separately from `types` only after the first tag that differs.
  let floatTypes: string | undefined;
  /** Pending `f` tags: long lists of floats are common, and appending each tag separately is slow. */
  let floats = 0;
  for (let i = 0; i < list.length; i++) {
    const argument = list[i]!;
    let tag: string;
    let floatTag: string | undefined;
    if (typeof argument === "number") {
      tag = inferTag(argument);
      floatTag = "f";
      if (tag !== "f") list[i] = keptNumber(tag, argument);
    } else if (argument instanceof TypedValue) {
      ({ tag } = argument);
      list[i] = argument.value;
    } else if (Array.isArray(argument)) {
      const inner = (list[i] = (argument as OscArgument[]).slice());
      const tags = inferTypes(inner, depth + 1);
      tag = `[${tags.types}]`;
      floatTag = `[${tags.floatTypes}]`;
    } else {
      tag = inferTag(argument);
      list[i] = checkValue(tag, argument);
    }
    if (tag === "f") {
      floats += 1;
      continue;
    }
    const before = floatTags(floats);
    floats = 0;
    floatTag ??= tag;
    if (floatTypes !== undefined || floatTag !== tag) floatTypes = (floatTypes ?? types) + before + floatTag;
    types += before + tag;
  }
  const rest = floatTags(floats);
  types += rest;
  return { types, floatTypes: floatTypes === undefined ? types : floatTypes + rest };
}

function floatTags(count: number): string {
  return count < 2 ? (count === 0 ? "" : "f") : "f".repeat(count);
}

/**
 * Checks a list against the caller's type tags, and replaces each argument with the value that a message stores.
 *
 * @throws OscEncodeError if the tags and the arguments don't match
 */
export function fitTypes(list: OscArgument[], types: string): void {
  if (typeof types !== "string") throw badTypeTags(types, "are not a string");
  if (fitList(list, types, 0, 1) < types.length) throw badTypeTags(types, "close an array that was not opened");
}

/**
 * The type tag that a value needs.
 *
 * @throws OscEncodeError if no OSC type holds the value
 */
export function inferTag(value: unknown): string {
  switch (typeof value) {
    case "number":
      return isInt32(value) ? "i" : Number.isInteger(value) ? tagOfLarge(value) : floatTag(value);
    case "string":
      return "s";
    case "boolean":
      return value ? "T" : "F";
    case "bigint":
      return "h";
    case "object":
      if (value === null) return "N";
      if (value instanceof Uint8Array) return "b";
      if (value instanceof TimeTag) return "t";
      if (isColor(value)) return "r";
      break;
    default:
  }
  throw new OscEncodeError(
    "OSC_VALUE_TYPE",
    `No OSC type can represent ${describe(value)}. Arguments are numbers, bigints, text, booleans, null, Uint8Array, TimeTag, colours and arrays of these.`,
    value,
  );
}

/** The value to store for a number with an inferred tag. -0 becomes 0 in an int. */
export function keptNumber(tag: string, value: number): number | bigint {
  return tag === "i" ? value | 0 : tag === "h" ? BigInt(value) : value;
}

/** The type tag for an integer beyond 32 bits: one that represents it exactly. */
function tagOfLarge(value: number): string {
  if (value >= -(2 ** 63) && value < 2 ** 63) return "h";
  return Math.fround(value) === value ? "f" : floatTag(value) && "d";
}

function floatTag(value: number): "f" {
  if (!fitsFloat(value)) checkValue("f", value);
  return "f";
}

/** Matches the tags from `position` on with a list, and returns the position after them: the end, or the `]` that closes an array. */
function fitList(list: OscArgument[], types: string, position: number, depth: number): number {
  checkDepth(list, depth);
  for (let i = 0; i < list.length; i++) {
    const argument = list[i]!;
    // The common case needs no conversion.
    if (types.charCodeAt(position) === FLOAT && typeof argument === "number" && fitsFloat(argument)) {
      position += 1;
      continue;
    }
    const tag = types[position];
    if (tag === undefined || tag === "]") throw badTypeTags(types, "are fewer than the arguments");
    if (tag === "[") {
      if (!Array.isArray(argument) && !(argument instanceof Float32Array))
        throw new OscEncodeError("OSC_VALUE_TYPE", `Type tag [ needs an array; got ${describe(argument)}.`, argument);
      const inner = (list[i] = Array.from(argument as readonly OscArgument[]));
      position = fitList(inner, types, position + 1, depth + 1);
      if (position === types.length) throw badTypeTags(types, "leave an array open");
    } else {
      list[i] = checkValue(tag, untyped(argument, tag));
    }
    position += 1;
  }
  if (position < types.length && types[position] !== "]") throw badTypeTags(types, "are more than the arguments");
  return position;
}

/** The value of an argument for which the caller specified a type tag. A typed value must agree with the tag. */
export function untyped(argument: unknown, tag: string): unknown {
  if (!(argument instanceof TypedValue)) return argument;
  if (argument.tag === tag) return argument.value;
  throw new OscEncodeError("OSC_BAD_TYPE_TAGS", `The type tags specify ${tag} for an argument of type ${argument.tag}.`, argument);
}

function badTypeTags(types: unknown, what: string): OscEncodeError {
  return new OscEncodeError(
    "OSC_BAD_TYPE_TAGS",
    `The type tags ${describe(types)} ${what}. Each tag, also T, F, N and I, stands for one argument.`,
    types,
  );
}

/** Catches arrays that contain themselves. The encoder's `maxNesting` limits what may be sent. */
function checkDepth(list: readonly OscArgument[], depth: number): void {
  if (depth > DEEPEST_NESTING) throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than ${DEEPEST_NESTING} levels.`, list);
}
