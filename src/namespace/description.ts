import type { OscArgument, OscColor, OscMidi, OscValue, TimeTag } from "../codec/index.ts";
import { bad, boolean, listOf, oneOf, optionError, type OptionChecks, readOptions, text, unchecked } from "../options.ts";

/** What a handler gets for each type tag. */
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
 * The arguments of a handler, from a literal type tag string: `ArgumentsOf<"if[ss]?s">` is `[number, number, [string, string], string?]`. What follows a `?` may be left
 * out. A string that isn't a literal gives {@link OscValue}s.
 */
export type ArgumentsOf<Types extends string> = string extends Types
  ? readonly OscValue[]
  : Types extends `${infer Required}?${infer Optional}`
    ? [...TagValues<Required>, ...Partial<TagValues<Optional>>]
    : TagValues<Types>;

/** Takes one tag after the other; an array that is open keeps the values before it in `Outer`. */
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

/** In place of an argument whose tag isn't one: no parameter of a handler has this type. */
interface BadTag<Tag extends string> {
  readonly badTypeTag: Tag;
}

/** What a value may be. */
export interface ArgumentRange {
  /** The least number. */
  readonly min?: number | undefined;
  /** The greatest number. */
  readonly max?: number | undefined;
  /** The only values that are allowed. */
  readonly values?: readonly OscValue[] | undefined;
  /**
   * What to do with a number beyond `min` or `max`: `"low"` raises it to `min`, `"high"` lowers it to `max`, `"both"` does either. `"none"` (default): the message is
   * rejected.
   */
  readonly clip?: "none" | "low" | "high" | "both" | undefined;
}

/** A validator of the Standard Schema interface, such as those of zod and valibot, for all arguments as one array. */
export interface ArgumentSchema<Output extends readonly unknown[] = readonly unknown[]> {
  /** See https://standardschema.dev. */
  readonly "~standard": {
    /** Of the interface. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** Gives the arguments, or what is wrong with them. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For the compiler only. */
    readonly types?:
      | {
          /** What it takes. */
          readonly input: unknown;
          /** What it gives. */
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

/** What a method is: its arguments, and what people and programs should know of it. */
export interface MethodDescription<Types extends string = string, Checked extends readonly unknown[] = readonly unknown[]> {
  /**
   * The type tags of the arguments, such as `"if"`; `T` or `F` is a boolean, `[ ]` an array, and what follows a `?` may be left out. Numbers of another type are taken
   * if nothing is lost (`i` for `f`, `f` for `d`, a whole `f` for `i`); messages with other arguments are rejected. Default: any arguments.
   */
  readonly types?: Types | undefined;
  /** A validator of all arguments, after `types` if both are given. It must not be asynchronous. */
  readonly schema?: ArgumentSchema<Checked> | undefined;
  /** Takes `T` and `F` for 1 and 0, and the other way round. Default false. */
  readonly coerceBooleans?: boolean | undefined;
  /** What each argument may be; `null` for anything. */
  readonly range?: readonly (ArgumentRange | null)[] | undefined;
  /** The unit of each argument, as OSCQuery names it: `"gain.linear"`, `"time.second"`. */
  readonly unit?: string | readonly string[] | undefined;
  /** What the method does, in a sentence. */
  readonly description?: string | undefined;
  /** Default `"readwrite"`. Messages to a method that can't be written are rejected. */
  readonly access?: MethodAccess | undefined;
  /** The value before the first message. Default: none. */
  readonly value?: readonly OscArgument[] | undefined;
  /** Words to find it by. */
  readonly tags?: readonly string[] | undefined;
  /** What each argument means, as OSCQuery's extended types name it. */
  readonly extendedType?: readonly string[] | undefined;
  /** Whether clients should send its messages by a transport that loses none. Default false. */
  readonly critical?: boolean | undefined;
}

/** A description that was checked. */
export interface CheckedDescription extends Omit<MethodDescription, "unit" | "types"> {
  /** The type tags without a comma, as they were given. */
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
 * Checks a description and fills in what it leaves out.
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
    return refuse(name, 'type tags of "ifsbhtdScrmTFNI", [ ] in pairs, and at most one ? before those that may be left out', value);
  }
  return types;
}

function argumentSchema(value: unknown, name: string): ArgumentSchema | undefined {
  if (value === undefined) return undefined;
  const standard =
    (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value ? value["~standard"] : null;
  const isSchema = typeof standard === "object" && standard !== null && "validate" in standard && typeof standard.validate === "function";
  return isSchema
    ? (value as ArgumentSchema)
    : refuse(name, "a validator of the Standard Schema interface, such as one of zod 4 or valibot", value);
}

/** As listOf() wants it: null stays, for an argument that may be anything. */
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

/** One argument as a description wants it: a type tag, or the types in an array. */
export type ParameterType = string | readonly ParameterType[];

/** The arguments that a description wants. */
export interface ParameterTypes {
  readonly all: readonly ParameterType[];
  /** How many may not be left out. */
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
