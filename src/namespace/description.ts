import type { OscArgument, OscColor, OscMidi, OscValue, TimeTag } from "../codec/index.ts";
import { bad, boolean, listOf, oneOf, optionError, type OptionChecks, readOptions, text, unchecked } from "../options.ts";

/** The type of a handler's argument for each type tag. */
interface ValueOfTag {
  i: number;
  f: number;
  s: string;
  b: Uint8Array;
  h: bigint;
  t: TimeTag;
  d: number;
  S: string;
  c: string;
  r: OscColor;
  m: OscMidi;
  T: boolean;
  F: boolean;
  N: null;
  I: number;
}

/**
 * The arguments of a handler, from a literal type tag string: `ArgumentsOf<"if[ss]?s">` is `[number, number, [string, string], string?]`.
 * Arguments after a `?` are optional. A non-literal string results in {@link OscValue}s.
 */
export type ArgumentsOf<Types extends string> = string extends Types
  ? readonly OscValue[]
  : Types extends `${infer Required}?${infer Optional}`
    ? [...TagValues<Required>, ...Partial<TagValues<Optional>>]
    : TagValues<Types>;

/** Consumes one tag at a time; within an array, `Outer` holds the values before it. */
type TagValues<
  Types extends string,
  Values extends unknown[] = [],
  Outer extends unknown[][] = [],
> = Types extends `${infer Tag}${infer Rest}`
  ? Tag extends "["
    ? TagValues<Rest, [], [Values, ...Outer]>
    : Tag extends "]"
      ? Outer extends [infer Before extends unknown[], ...infer Further extends unknown[][]]
        ? TagValues<Rest, [...Before, Values], Further>
        : [BadTag<Tag>]
      : Tag extends keyof ValueOfTag
        ? TagValues<Rest, [...Values, ValueOfTag[Tag]], Outer>
        : [BadTag<Tag>]
  : Outer extends []
    ? Values
    : [BadTag<"[">];

/** Stands for an argument with an invalid tag: no handler parameter has this type. */
interface BadTag<Tag extends string> {
  readonly badTypeTag: Tag;
}

/** The allowed values of an argument. */
export interface ArgumentRange {
  /** Minimum. */
  readonly min?: number | undefined;
  /** Maximum. */
  readonly max?: number | undefined;
  /** The only allowed values. */
  readonly values?: readonly OscValue[] | undefined;
  /**
   * How to handle a number beyond `min` or `max`: `"low"` raises it to `min`, `"high"` lowers it to `max`, `"both"` does either. `"none"`
   * (default) rejects the message.
   */
  readonly clip?: "none" | "low" | "high" | "both" | undefined;
}

/** A Standard Schema validator, such as one from zod or valibot, for the array of all arguments. */
export interface ArgumentSchema<Output extends readonly unknown[] = readonly unknown[]> {
  /** See https://standardschema.dev. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Returns the arguments, or the issues found. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For the compiler only. */
    readonly types?:
      | {
          /** Input type. */
          readonly input: unknown;
          /** Output type. */
          readonly output: Output;
        }
      | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** How a method's value can be used. */
export type MethodAccess = "none" | "read" | "write" | "readwrite";

/** Describes a method: its arguments, and metadata for people and programs. */
export interface MethodDescription<Types extends string = string, Checked extends readonly unknown[] = readonly unknown[]> {
  /**
   * The type tags of the arguments, such as `"if"`; `T` or `F` is a boolean, `[ ]` an array, and arguments after a `?` are optional.
   * Numbers of another type are accepted if the conversion is lossless (`i` for `f`, `f` for `d`, an integral `f` for `i`); messages with
   * other arguments are rejected. Default: any arguments.
   */
  readonly types?: Types | undefined;
  /** A validator of all arguments; runs after `types` if both are given. It must be synchronous. */
  readonly schema?: ArgumentSchema<Checked> | undefined;
  /** Converts `T` and `F` to 1 and 0, and vice versa. Default false. */
  readonly coerceBooleans?: boolean | undefined;
  /** The range of each argument; `null` for any value. */
  readonly range?: readonly (ArgumentRange | null)[] | undefined;
  /** The unit of each argument, as OSCQuery names it: `"gain.linear"`, `"time.second"`. */
  readonly unit?: string | readonly string[] | undefined;
  /** What the method does, in a sentence. */
  readonly description?: string | undefined;
  /** Default `"readwrite"`. Messages to a method that can't be written are rejected. */
  readonly access?: MethodAccess | undefined;
  /** The value before the first message. Default: none. */
  readonly value?: readonly OscArgument[] | undefined;
  /** Keywords to find it by. */
  readonly tags?: readonly string[] | undefined;
  /** What each argument means, as OSCQuery's extended types name it. */
  readonly extendedType?: readonly string[] | undefined;
  /** Whether clients should send its messages over a reliable transport. Default false. */
  readonly critical?: boolean | undefined;
}

/** A checked description. */
export interface CheckedDescription extends Omit<MethodDescription, "unit" | "types"> {
  /** The type tags as given, without a comma. */
  readonly types: string | undefined;
  /** The types, one by one. @internal */
  readonly parameters: ParameterTypes | null;
  readonly access: MethodAccess;
  /** One for each argument. */
  readonly unit: readonly string[] | undefined;
  readonly coerceBooleans: boolean;
  readonly critical: boolean;
}

const CHECKS = {
  types: typeString,
  schema: argumentSchema,
  coerceBooleans: boolean(false),
  range: listOf(argumentRange),
  unit: (value, name) => (typeof value === "string" ? [value] : listOf(text(undefined))(value, name)),
  description: (value, name) => (value === undefined || typeof value === "string" ? value : refuse(name, "a string", value)),
  access: oneOf(["none", "read", "write", "readwrite"], "readwrite"),
  value: (value, name) =>
    value === undefined || Array.isArray(value) ? (value as readonly OscArgument[] | undefined) : refuse(name, "an array of values", value),
  tags: listOf(text(undefined)),
  extendedType: listOf(text(undefined)),
  critical: boolean(false),
} satisfies OptionChecks<MethodDescription>;

const RANGE_CHECKS = {
  min: finite,
  max: finite,
  values: listOf(unchecked<OscValue>()),
  clip: oneOf(["none", "low", "high", "both"], undefined),
} satisfies OptionChecks<ArgumentRange>;

/**
 * Checks a description and fills in the defaults.
 *
 * @throws OscServerError `OSC_OPTION` for a property with a bad value or an unknown name
 */
export function checkDescription(address: string, description: MethodDescription): CheckedDescription {
  const checked = readOptions(`the description of ${address}`, description, CHECKS);
  const parameters = checked.types === undefined ? null : parseParameterTypes(checked.types);
  return { ...checked, parameters };
}

function typeString(value: unknown, name: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") return refuse(name, 'a type tag string such as "if"', value);
  const types = value.replace(/^,/, "");
  if (parseParameterTypes(types) === null) {
    return refuse(name, 'type tags of "ifsbhtdScrmTFNI", paired [ ], and at most one ? before the optional ones', value);
  }
  return types;
}

function argumentSchema(value: unknown, name: string): ArgumentSchema | undefined {
  if (value === undefined) return undefined;
  const standard =
    (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value ? value["~standard"] : null;
  const isSchema = typeof standard === "object" && standard !== null && "validate" in standard && typeof standard.validate === "function";
  return isSchema ? (value as ArgumentSchema) : refuse(name, "a Standard Schema validator, such as one from zod 4 or valibot", value);
}

/** An entry check for listOf(): keeps null, which allows any value. */
function argumentRange(value: unknown, name: string): ArgumentRange | null | undefined {
  if (value === null || value === undefined) return null;
  const range = readOptions(name, value, RANGE_CHECKS);
  if (range.min !== undefined && range.max !== undefined && range.min > range.max) {
    throw optionError(`${name}.min must not be above ${name}.max; got ${range.min} and ${range.max}.`);
  }
  return range;
}

function finite(value: unknown, name: string): number | undefined {
  return value === undefined || Number.isFinite(value) ? (value as number | undefined) : refuse(name, "a finite number", value);
}

function refuse(name: string, expected: string, value: unknown): never {
  throw bad(name, expected, value);
}

/** The type of one described argument: a type tag, or the types in an array. */
export type ParameterType = string | readonly ParameterType[];

/** The types of all described arguments. */
export interface ParameterTypes {
  readonly all: readonly ParameterType[];
  /** Number of required arguments. */
  readonly required: number;
}

const TAGS = "ifsbhtdScrmTFNI";

/** Reads a type tag string with `[ ]` and `?`; null if it isn't one. */
export function parseParameterTypes(types: string): ParameterTypes | null {
  const outer: ParameterType[][] = [];
  let list: ParameterType[] = [];
  let required: number | null = null;
  for (const tag of types) {
    if (tag === "[") {
      outer.push(list);
      list = [];
    } else if (tag === "]") {
      const before = outer.pop();
      if (before === undefined) return null;
      before.push(list);
      list = before;
    } else if (tag === "?") {
      if (required !== null || outer.length > 0) return null;
      required = list.length;
    } else if (TAGS.includes(tag)) list.push(tag);
    else return null;
  }
  return outer.length > 0 ? null : { all: list, required: required ?? list.length };
}
