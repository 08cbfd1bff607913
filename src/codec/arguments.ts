import { OscEncodeError } from "../errors.ts";
import { checkValue, describe, isColor } from "./check-value.ts";
import { TimeTag } from "./time-tag.ts";
import { LONG_RUN } from "./type-tags.ts";
import { TypedValue } from "./typed-value.ts";
import type { OscValue } from "./types.ts";

/** What a caller may give as an argument: a value, whose type tag is inferred, or one that says its type tag. */
export type OscArgument = OscValue | TypedValue | readonly OscArgument[];

/** Checked arguments and their type tags. */
export interface TypedArguments {
  readonly args: readonly OscValue[];
  readonly types: string;
  /** `types` with `f` for every number whose type tag was inferred. */
  readonly floatTypes: string;
}

/** Stops at arrays that hold themselves. What may be sent is limited by the encoder's `maxNesting`. */
const DEEPEST_ARRAY = 1000;

/** Finds the type tags that the arguments need, by their values. */
export function inferTypes(list: readonly OscArgument[]): TypedArguments {
  const tags = new InferredTags();
  const args = inferList(list, tags, 1);
  return { args: packed(args), types: tags.types.toString(), floatTypes: tags.floatTypes.toString() };
}

/** Fits the arguments to the type tags that the caller gives. */
export function fitTypes(list: readonly OscArgument[], types: string): TypedArguments {
  if (typeof types !== "string") throw new OscEncodeError("OSC_BAD_TYPE_TAGS", `Type tags are a string; got ${describe(types)}.`, types);
  const args: OscValue[] = [];
  const end = fitList(list, types, 0, args, 1);
  if (end < types.length)
    throw new OscEncodeError("OSC_BAD_TYPE_TAGS", `The type tags "${types}" close an array that was not opened.`, types);
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

class InferredTags {
  readonly types = new TagRuns();
  readonly floatTypes = new TagRuns();

  add(tag: string, floatTag: string = tag): void {
    this.types.add(tag);
    this.floatTypes.add(floatTag);
  }
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

function inferList(list: readonly OscArgument[], tags: InferredTags, depth: number): OscValue[] {
  checkDepth(list, depth);
  const args: OscValue[] = [];
  for (const argument of list) {
    if (typeof argument === "number") {
      const tag = inferNumberTag(argument);
      tags.add(tag, "f");
      args.push(checkValue(tag, argument));
    } else if (argument instanceof TypedValue) {
      tags.add(argument.tag);
      args.push(argument.value);
    } else if (Array.isArray(argument)) {
      tags.add("[");
      args.push(inferList(argument, tags, depth + 1));
      tags.add("]");
    } else {
      const tag = inferTag(argument);
      tags.add(tag);
      args.push(checkValue(tag, argument));
    }
  }
  return args;
}

function inferNumberTag(value: number): string {
  if ((value | 0) === value) return "i";
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 53 ? "h" : "f";
}

function inferTag(value: unknown): string {
  switch (typeof value) {
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
    if (tag === undefined || tag === "]") throw miscounted(types, "more arguments than type tags");
    if (tag === "[") {
      if (!Array.isArray(argument))
        throw new OscEncodeError("OSC_VALUE_TYPE", `Type tag [ needs an array; got ${describe(argument)}.`, argument);
      const inner: OscValue[] = [];
      args.push(inner);
      position = fitList(argument, types, position + 1, inner, depth + 1);
      if (position === types.length) throw new OscEncodeError("OSC_BAD_TYPE_TAGS", `The type tags "${types}" leave an array open.`, types);
    } else {
      args.push(checkValue(tag, unwrap(argument, tag)));
    }
    position += 1;
  }
  if (position < types.length && types[position] !== "]") throw miscounted(types, "fewer arguments than type tags");
  return position;
}

function unwrap(argument: OscArgument, tag: string): unknown {
  if (!(argument instanceof TypedValue)) return argument;
  if (argument.tag === tag) return argument.value;
  throw new OscEncodeError(
    "OSC_BAD_TYPE_TAGS",
    `An argument made for type tag ${argument.tag} stands where the type tags say ${tag}.`,
    argument,
  );
}

function miscounted(types: string, what: string): OscEncodeError {
  return new OscEncodeError(
    "OSC_BAD_TYPE_TAGS",
    `There are ${what} in "${types}". Each tag, also T, F, N and I, stands for one argument.`,
    types,
  );
}

function checkDepth(list: readonly OscArgument[], depth: number): void {
  if (depth > DEEPEST_ARRAY) throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than ${DEEPEST_ARRAY} levels.`, list);
}
