import { DEEPEST_NESTING } from "../limits.ts";
import type { OscValue } from "../types.ts";
import { checkValue, inferTag, refuse } from "./check-value.ts";
import { TypedValue } from "./typed-value.ts";

/** What a caller may give as an argument: a value, whose type tag is inferred, or one that says its type tag. */
export type OscArgument = OscValue | TypedValue | readonly OscArgument[];

/** Checked arguments and their type tags. */
interface TypedArguments {
  readonly args: readonly OscValue[];
  readonly types: string;
  /** `types` with `f` for every number whose type tag was inferred. */
  readonly floatTypes: string;
}

/** Checks the arguments and finds their type tags: those that the caller gives, or by the values. */
export function typedArguments(list: readonly OscArgument[], given?: string): TypedArguments {
  let types = "";
  let floatTypes = "";
  const fit = (list: readonly OscArgument[], depth: number): OscValue[] => {
    if (depth > DEEPEST_NESTING) refuse("OSC_NESTING_TOO_DEEP", list);
    return Array.from(list, (argument) => {
      const typed = argument instanceof TypedValue;
      const nested = Array.isArray(argument);
      const tag = given === undefined ? (nested ? "[" : typed ? argument.tag : inferTag(argument)) : given[types.length];
      if (!tag || tag === "]") refuse("OSC_BAD_TYPE_TAGS", given);
      types += tag;
      floatTypes += typeof argument === "number" && given === undefined ? "f" : tag;
      if (tag !== "[") {
        if (typed && argument.tag !== tag) refuse("OSC_BAD_TYPE_TAGS", argument);
        return checkValue(tag, typed ? argument.value : argument);
      }
      if (!nested) refuse("OSC_VALUE_TYPE", argument);
      const inner = fit(argument, depth + 1);
      if (given !== undefined && given[types.length] !== "]") refuse("OSC_BAD_TYPE_TAGS", given);
      types += "]";
      floatTypes += "]";
      return inner;
    });
  };
  if (given !== undefined && typeof given !== "string") refuse("OSC_BAD_TYPE_TAGS", given);
  const args = fit(list, 1);
  if (given !== undefined && given !== types) refuse("OSC_BAD_TYPE_TAGS", given);
  return { args, types, floatTypes };
}
