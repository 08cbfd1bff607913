import { OscServerError } from "../errors.ts";

// The codec checks its few options itself, so that a page that only needs packets doesn't load the validator of servers and clients.

/** The default of `maxPacketSize`, in bytes: 16 MiB. */
export const MAX_PACKET_SIZE = 16_777_216;
/** The default of `maxNesting`: how many levels bundles, and arrays, may nest. */
export const MAX_NESTING = 32;
/** The most that `maxNesting` can be. It keeps the stack safe, also from arrays that contain themselves. */
export const DEEPEST_NESTING = 1000;
/** The default of `maxArguments`: how many values a packet may decode to. */
export const MAX_ARGUMENTS = 65_536;

/**
 * Checks that options are an object that has none but the given names, or undefined.
 *
 * @param owner the function that takes them, for the message
 * @throws OscServerError `OSC_OPTION`
 */
export function checkNames(owner: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return;
  // Not a list, a map or a promise.
  const isObject = Object.prototype.toString.call(options) === "[object Object]";
  const wrong = isObject ? Object.keys(options as object).find((name) => !names.includes(name)) : options;
  if (isObject && wrong === undefined) return;
  throw bad(`The options of ${owner}`, `an object with ${names.join(", ")}`, wrong);
}

/** The value of an option that is a limit: a number, or the default. */
export function limit(value: unknown, name: string, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 0) return value;
  throw bad(name, "a number of at least 0, or Infinity", value);
}

/** The error for an option that isn't what it must be. */
export function bad(name: string, expected: string, value: unknown): OscServerError {
  return new OscServerError("OSC_OPTION", `${name} must be ${expected}; got ${describe(value)}.`);
}

/** Any value as a short text for a message, with its type: `"1337" (string)`. Never throws, whatever the value does when looked at. */
export function describe(value: unknown): string {
  try {
    if (value === undefined || value === null) return String(value);
    if (typeof value === "object" && !Array.isArray(value)) return `an object of class ${value.constructor?.name ?? "none"}`;
    const text = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `${part}n` : part)) ?? String(value);
    const number = typeof value === "number" ? String(value) : text;
    return `${number.length > 80 ? `${number.slice(0, 80)}…` : number} (${Array.isArray(value) ? "array" : typeof value})`;
  } catch {
    return `an unreadable ${typeof value}`;
  }
}
