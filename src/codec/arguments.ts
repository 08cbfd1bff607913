import { OscEncodeError } from "../errors.ts";
import { checkValue, describe } from "./check-value.ts";
import { DEEPEST_NESTING } from "./limits.ts";
import { TimeTag } from "./time-tag.ts";
import { LONG_RUN } from "./type-tags.ts";
import { TypedValue } from "./typed-value.ts";
import type { OscValue } from "./types.ts";
import { isColor, isInt32, isWhole } from "./value-kinds.ts";

/** What a caller may give as an argument: a value, whose type tag is inferred, or one that says its type tag. */
export type OscArgument = OscValue | TypedValue | readonly OscArgument[];

/** Checked arguments and their type tags. */
export interface TypedArguments {
  readonly args: readonly OscValue[];
  readonly types: string;
  /** `types` with `f` for every number whose type tag was inferred. */
  readonly floatTypes: string;
}

/** Finds the type tags that the arguments need, by their values. */
export function inferTypes(list: readonly OscArgument[]): TypedArguments {
  const types = new TagRuns();
  const floatTypes = new TagRuns();
  const args = inferList(list, types, floatTypes, 1);
  return { args: packed(args), types: types.toString(), floatTypes: floatTypes.toString() };
}

/** Fits the arguments to the type tags that the caller gives. */
export function fitTypes(list: readonly OscArgument[], types: string): TypedArguments {
  if (typeof types !== "string") throw badTypeTags(types, "are no string");
  const args: OscValue[] = [];
  if (fitList(list, types, 0, args, 1) < types.length) throw badTypeTags(types, "close an array that was not opened");
  return { args: packed(args), types, floatTypes: types };
}

/** Many numbers as an array that was never anything else: it holds them one beside another and not as an object each, which encodes in half the time. */
function packed(args: readonly OscValue[]): readonly OscValue[] {
  if (args.length < LONG_RUN) return args;
  const numbers: number[] = [];
  for (const value of args) {
    if (typeof value !== "number") return args;
    numbers.push(value);
  }
  return numbers;
}

/** Gathers type tags into a string, run by run, so that a thousand floats make one piece and not a thousand. */
class TagRuns {
  #finished = "";
  #tag = "";
  #count = 0;

  add(tag: string): void {
    if (tag !== this.#tag) {
      this.#finished = this.toString();
      this.#tag = tag;
      this.#count = 0;
    }
    this.#count += 1;
  }

  toString(): string {
    return this.#finished + (this.#count === 1 ? this.#tag : this.#tag.repeat(this.#count));
  }
}

function inferList(list: readonly OscArgument[], types: TagRuns, floatTypes: TagRuns, depth: number): OscValue[] {
  checkDepth(list, depth);
  const args: OscValue[] = [];
  for (const argument of list) {
    if (Array.isArray(argument)) {
      types.add("[");
      floatTypes.add("[");
      args.push(inferList(argument, types, floatTypes, depth + 1));
      types.add("]");
      floatTypes.add("]");
    } else {
      const typed = argument instanceof TypedValue;
      const tag = typed ? argument.tag : inferTag(argument);
      types.add(tag);
      floatTypes.add(typeof argument === "number" ? "f" : tag);
      args.push(typed ? argument.value : checkValue(tag, argument));
    }
  }
  return args;
}

function inferTag(value: unknown): string {
  switch (typeof value) {
    case "number":
      return isInt32(value) ? "i" : isWhole(value) ? "h" : "f";
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
    `No OSC type holds ${describe(value)}. Arguments are numbers, bigints, text, booleans, null, Uint8Array, TimeTag, colours and arrays of these.`,
    value,
  );
}

/** Fits the tags from `position` on to a list, and returns the position after them: the end, or that of the `]` that ends an array. */
function fitList(list: readonly OscArgument[], types: string, position: number, args: OscValue[], depth: number): number {
  checkDepth(list, depth);
  for (const argument of list) {
    const tag = types[position];
    if (tag === undefined || tag === "]") throw badTypeTags(types, "are fewer than the arguments");
    if (tag === "[") {
      if (!Array.isArray(argument))
        throw new OscEncodeError("OSC_VALUE_TYPE", `Type tag [ needs an array; got ${describe(argument)}.`, argument);
      const inner: OscValue[] = [];
      args.push(inner);
      position = fitList(argument, types, position + 1, inner, depth + 1);
      if (position === types.length) throw badTypeTags(types, "leave an array open");
    } else {
      args.push(checkValue(tag, unwrap(argument, tag)));
    }
    position += 1;
  }
  if (position < types.length && types[position] !== "]") throw badTypeTags(types, "are more than the arguments");
  return position;
}

function unwrap(argument: OscArgument, tag: string): unknown {
  if (!(argument instanceof TypedValue)) return argument;
  if (argument.tag === tag) return argument.value;
  throw new OscEncodeError("OSC_BAD_TYPE_TAGS", `The type tags say ${tag} for an argument that was made for ${argument.tag}.`, argument);
}

function badTypeTags(types: unknown, what: string): OscEncodeError {
  return new OscEncodeError(
    "OSC_BAD_TYPE_TAGS",
    `The type tags ${describe(types)} ${what}. Each tag, also T, F, N and I, stands for one argument.`,
    types,
  );
}

/** Stops at arrays that hold themselves. What may be sent is limited by the encoder's `maxNesting`. */
function checkDepth(list: readonly OscArgument[], depth: number): void {
  if (depth > DEEPEST_NESTING) throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than ${DEEPEST_NESTING} levels.`, list);
}
