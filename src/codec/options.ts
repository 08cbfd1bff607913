import { OscServerError } from "../errors.ts";

// The codec checks its few options itself, so that pages that only need packets don't load the full validator.

/** The default of `maxPacketSize`, in bytes: 16 MiB. */
export const MAX_PACKET_SIZE = 16_777_216;
/** The default of `maxNesting`: the maximum nesting depth of bundles, and of arrays. */
export const MAX_NESTING = 32;
/** The upper limit of `maxNesting`. Prevents stack overflows, even for arrays that contain themselves. */
export const DEEPEST_NESTING = 1000;
/** The default of `maxArguments`: the maximum number of values in a decoded packet. */
export const MAX_ARGUMENTS = 65_536;

/**
 * Checks that options are undefined or an object with only the given names.
 *
 * @param owner the function that accepts them, for the message
 * @throws OscServerError `OSC_OPTION`
 */
export function checkNames(owner: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return;
  // Rejects lists, maps and promises.
  const isObject = Object.prototype.toString.call(options) === "[object Object]";
  const wrong = isObject ? Object.keys(options as object).find((name) => !names.includes(name)) : options;
  if (isObject && wrong === undefined) return;
  throw bad(`The options of ${owner}`, `an object with ${names.join(", ")}`, wrong);
}

/** The value of a limit option: a number, or the default. */
export function limit(value: unknown, name: string, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 0) return value;
  throw bad(name, "a number of at least 0, or Infinity", value);
}

/** The error for an invalid option. */
export function bad(name: string, expected: string, value: unknown): OscServerError {
  return new OscServerError("OSC_OPTION", `${name} must be ${expected}; got ${describe(value)}.`);
}

/** A short description of any value for a message, with its type: `"1337" (string)`. Never throws, even if inspecting the value does. */
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
