import type { OscValue } from "../codec/index.ts";
import { type ArgumentRange, type CheckedDescription, type ParameterType, parseParameterTypes } from "./description.ts";

/**
 * Fits the arguments of a message to a description: converts numbers, and clips those out of range.
 *
 * @param types the type tag string of the message
 * @returns the arguments, or a description of what is wrong with them
 */
export function fitArguments(description: CheckedDescription, types: string, args: readonly OscValue[]): readonly OscValue[] | string {
  const { parameters, coerceBooleans, range, schema } = description;
  let fitted: readonly OscValue[] = args;
  // Most messages have exactly these types and need no conversion (bench/dispatch).
  if (parameters !== null && types !== description.types) {
    const { all, required } = parameters;
    if (args.length < required || args.length > all.length) return expected(description, types);
    const list = fitList(all, splitTags(types), args, coerceBooleans);
    if (list === null) return expected(description, types);
    fitted = list;
  }
  if (range !== undefined) {
    for (let index = 0; index < fitted.length; index += 1) {
      const allowed = range[index] ?? null;
      if (allowed === null) continue;
      const before = fitted[index] as OscValue;
      const value = clip(before, allowed);
      if (value === undefined) return `argument ${index + 1} must be ${describeRange(allowed)}; got ${shown(before)}`;
      if (!Object.is(value, before)) fitted = fitted.with(index, value);
    }
  }
  return schema === undefined ? fitted : validate(schema, fitted);
}

/** The type tags of arguments fitted to a description. */
export function fittedTypes({ parameters, types: described }: CheckedDescription, types: string, args: readonly OscValue[]): string {
  return parameters === null || types === described ? types : typesOf(parameters.all, args);
}

function typesOf(wanted: readonly ParameterType[], values: readonly OscValue[]): string {
  let types = "";
  for (const [index, value] of values.entries()) {
    const type = wanted[index] ?? "";
    if (typeof type !== "string") types += `[${typesOf(type, value as readonly OscValue[])}]`;
    else types += typeof value === "boolean" ? (value ? "T" : "F") : type;
  }
  return types;
}

function fitList(
  wanted: readonly ParameterType[],
  tags: readonly ParameterType[],
  values: readonly OscValue[],
  coerceBooleans: boolean,
): OscValue[] | null {
  const list: OscValue[] = [];
  for (const [index, value] of values.entries()) {
    const [type, tag] = [wanted[index], tags[index]];
    if (type === undefined || tag === undefined) return null;
    if (typeof type === "string" || typeof tag === "string") {
      const fitted = typeof type === "string" && typeof tag === "string" ? fitValue(type, tag, value, coerceBooleans) : undefined;
      if (fitted === undefined) return null;
      list.push(fitted);
    } else {
      const inner = type.length === tag.length ? fitList(type, tag, value as readonly OscValue[], coerceBooleans) : null;
      if (inner === null) return null;
      list.push(inner);
    }
  }
  return list;
}

/** The tags of a message's arguments. In a decoded message, brackets are always balanced. */
function splitTags(types: string): readonly ParameterType[] {
  return parseParameterTypes(types)?.all ?? [];
}

/** Converts a value to another type; `undefined` if that would lose information. */
function fitValue(type: string, tag: string, value: OscValue, coerceBooleans: boolean): OscValue | undefined {
  if (type === tag) return value;
  switch (type) {
    case "T":
    case "F":
      if (typeof value === "boolean") return value;
      return coerceBooleans && (value === 0 || value === 1) ? value === 1 : undefined;
    case "s":
    case "S":
      return tag === "s" || tag === "S" ? value : undefined;
    case "i": {
      const number = numberOf(tag, value, coerceBooleans);
      return number !== undefined && (number | 0) === number ? number | 0 : undefined;
    }
    case "h": {
      const number = numberOf(tag, value, coerceBooleans);
      return number !== undefined && Number.isSafeInteger(number) ? BigInt(number) : undefined;
    }
    case "f": {
      const number = numberOf(tag, value, coerceBooleans);
      return number !== undefined && (Math.fround(number) === number || Number.isNaN(number)) ? number : undefined;
    }
    case "d":
      return numberOf(tag, value, coerceBooleans);
    default:
      return undefined;
  }
}

/** The exact numeric value; `undefined` if it isn't a number. */
function numberOf(tag: string, value: OscValue, coerceBooleans: boolean): number | undefined {
  if (tag === "i" || tag === "f" || tag === "d") return value as number;
  if (typeof value === "boolean") return coerceBooleans ? Number(value) : undefined;
  if (typeof value !== "bigint") return undefined;
  const number = Number(value);
  return BigInt(number) === value ? number : undefined;
}

/** Fits a value to its range; `undefined` if that isn't allowed. */
function clip(value: OscValue, { min, max, values, clip: mode = "none" }: ArgumentRange): OscValue | undefined {
  if (values !== undefined && !values.some((allowed) => Object.is(allowed, value))) return undefined;
  if (typeof value !== "number" && typeof value !== "bigint") return value;
  if (Number.isNaN(value)) return min === undefined && max === undefined ? value : undefined;
  const as = (limit: number): OscValue => (typeof value === "bigint" ? BigInt(Math.trunc(limit)) : limit);
  if (min !== undefined && value < min) return mode === "low" || mode === "both" ? as(min) : undefined;
  if (max !== undefined && value > max) return mode === "high" || mode === "both" ? as(max) : undefined;
  return value;
}

function validate(schema: NonNullable<CheckedDescription["schema"]>, args: readonly OscValue[]): readonly OscValue[] | string {
  let result: ReturnType<(typeof schema)["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(args);
  } catch {
    return "the validator of its description threw";
  }
  if (result instanceof Promise) {
    result.catch(() => undefined);
    return "the validator of its description is asynchronous, which isn't supported";
  }
  if (result.issues !== undefined) return result.issues.map(({ message }) => message).join("; ");
  return Array.isArray(result.value) ? (result.value as readonly OscValue[]) : [result.value as OscValue];
}

function expected({ types }: CheckedDescription, got: string): string {
  return `its arguments must be of the types ",${types}"; got ",${got}"`;
}

function describeRange(range: ArgumentRange | null): string {
  const { min, max, values } = range ?? {};
  if (values !== undefined) return `one of ${values.map(shown).join(", ")}`;
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
}

function shown(value: OscValue): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
