/**
 * The one validator of what callers pass: options, addresses, callbacks. Plain JavaScript fails as early as TypeScript would, with the
 * offending value.
 */
import { OscServerError } from "./errors.ts";

/** The longest delay that timers support, about 24 days. A longer one would fire immediately. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** Checks the value of the option `name`, and returns it, or the default if it is `undefined`. */
export type OptionCheck<V> = (value: unknown, name: string) => V;

/** One check for each option of the interface `O`; write it as `{ ... } satisfies OptionChecks<O>`. */
export type OptionChecks<O> = { readonly [K in keyof O]-?: OptionCheck<O[K] | undefined> };

/** What {@link readOptions} returns: every option with its checked value or default. */
export type CheckedOptions<C> = { readonly [K in keyof C]: C[K] extends OptionCheck<infer V> ? V : never };

/**
 * Checks a whole options object and fills in the defaults. Each option is read once.
 *
 * @param owner the class or function that accepts the options, for messages: `"UDPClient"` or `"client.request"`
 * @param options `undefined` means none
 * @throws OscServerError `OSC_OPTION` if it isn't an object, has an unknown name (the message suggests the closest match) or a bad value
 *
 * With `CHECKS = { strict: boolean(false), maxQueue: integer(1, 65_536), onError: callback() } satisfies OptionChecks<MyOptions>`, a
 * constructor does `const { strict, maxQueue, onError } = readOptions("MyServer", options, CHECKS);`.
 */
export function readOptions<C extends Readonly<Record<string, OptionCheck<unknown>>>>(
  owner: string,
  options: unknown,
  checks: C,
): CheckedOptions<C> {
  checkOptionNames(owner, options, Object.keys(checks));
  return checkOptionValues(options ?? {}, checks);
}

/** The second half of {@link readOptions}: checks the options listed in `checks`, and fills in their defaults. */
export function checkOptionValues<C extends Readonly<Record<string, OptionCheck<unknown>>>>(options: object, checks: C): CheckedOptions<C> {
  const given = options as Readonly<Record<string, unknown>>;
  const checked: Record<string, unknown> = {};
  for (const [name, check] of Object.entries(checks)) checked[name] = check(given[name], name);
  return checked as CheckedOptions<C>;
}

/**
 * The first half of {@link readOptions}: checks that `options` is `undefined` or an object with only these names.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function checkOptionNames(owner: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return;
  const isObject = typeof options === "object" && options !== null && !Array.isArray(options);
  const given: string[] = [];
  if (isObject) for (const name in options) given.push(name);
  // A class instance may hold options, but one without any of ours is a mistake, such as an event loop, a socket or a promise.
  if (!isObject || !(isPlain(options) || names.some((name) => given.includes(name)))) {
    throw optionError(`The options of ${owner} must be an object, such as { ${names[0] ?? "name"}: … }; got ${describe(options)}.`);
  }
  for (const name of given) {
    if (names.includes(name)) continue;
    const right = nearest(name, names);
    const advice = right === undefined ? `The options are ${names.toSorted().join(", ")}.` : `Did you mean ${right}?`;
    throw optionError(`${owner} has no option ${JSON.stringify(name)}. ${advice}`);
  }
}

/** A boolean. */
/* @__NO_SIDE_EFFECTS__ */ export function boolean<F extends boolean | undefined>(fallback: F): OptionCheck<boolean | F> {
  return (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === "boolean") return value;
    throw bad(name, "true or false", value);
  };
}

/** An integer from `least` to `most`. */
/* @__NO_SIDE_EFFECTS__ */ export function integer<F extends number | undefined>(
  least: number,
  fallback: F,
  most: number = Number.MAX_SAFE_INTEGER,
): OptionCheck<number | F> {
  return (value, name) => {
    if (value === undefined) return fallback;
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw bad(name, `an integer ${range}`, value);
  };
}

/** A duration in milliseconds, possibly fractional, from `least` to `most`; `Infinity` only if that is `most`. */
/* @__NO_SIDE_EFFECTS__ */ export function milliseconds<F extends number | undefined>(
  fallback: F,
  least: number = 0,
  most: number = Infinity,
): OptionCheck<number | F> {
  const range = most === Infinity ? `of at least ${least}, or Infinity` : `from ${least} to ${most}`;
  return (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw bad(name, `a number of milliseconds ${range}`, value);
  };
}

/** One of several strings or other literals, such as `false`. */
/* @__NO_SIDE_EFFECTS__ */ export function oneOf<const V, F extends V | undefined>(values: readonly V[], fallback: F): OptionCheck<V | F> {
  return (value, name) => {
    if (value === undefined) return fallback;
    if (values.includes(value as V)) return value as V;
    throw bad(name, values.map((each) => (typeof each === "string" ? JSON.stringify(each) : String(each))).join(" or "), value);
  };
}

/** A non-empty string. */
/* @__NO_SIDE_EFFECTS__ */ export function text<F extends string | undefined>(fallback: F, example?: string): OptionCheck<string | F> {
  return (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === "string" && value !== "") return value;
    throw bad(name, example === undefined ? "a string with at least one character" : `a string such as ${JSON.stringify(example)}`, value);
  };
}

/** A function. */
/* @__NO_SIDE_EFFECTS__ */ export function callback<T extends (...args: never[]) => unknown>(): OptionCheck<T | undefined> {
  return (value, name) => {
    if (value === undefined || typeof value === "function") return value as T | undefined;
    throw bad(name, "a function", value);
  };
}

/** A required option. */
/* @__NO_SIDE_EFFECTS__ */ export function required<V>(check: OptionCheck<V | undefined>): OptionCheck<V> {
  return (value, name) => {
    const checked = check(value, name);
    if (checked === undefined) throw optionError(`${name} must be given; got undefined.`);
    return checked;
  };
}

/** Accepts `null`, and checks everything else. */
/* @__NO_SIDE_EFFECTS__ */ export function orNull<V>(check: OptionCheck<V>): OptionCheck<V | null> {
  return (value, name) => (value === null ? null : check(value, name));
}

/** A list: checks each entry. */
/* @__NO_SIDE_EFFECTS__ */ export function listOf<V>(check: OptionCheck<V | undefined>): OptionCheck<readonly V[] | undefined> {
  return (value, name) => {
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw bad(name, "an array", value);
    return value.map((entry, index) => {
      const checked = check(entry, `${name}[${index}]`);
      if (checked === undefined) throw bad(`${name}[${index}]`, "a value", entry);
      return checked;
    });
  };
}

/** An abort signal, by duck typing, because its `AbortController` may come from another library. */
/* @__NO_SIDE_EFFECTS__ */
export function abortSignal(): OptionCheck<AbortSignal | undefined> {
  return hasMethods<AbortSignal>("an AbortSignal", "addEventListener", "throwIfAborted");
}

/** A plain object. The code that reads it checks its contents. */
/* @__NO_SIDE_EFFECTS__ */
export function plainObject<V extends object>(): OptionCheck<V | undefined> {
  return (value, name) => {
    if (value === undefined || (typeof value === "object" && value !== null && isPlain(value))) return value as V | undefined;
    throw bad(name, "an object", value);
  };
}

/** A caller's object that must have these methods. */
/* @__NO_SIDE_EFFECTS__ */
export function hasMethods<V extends object>(expected: string, ...methods: readonly (keyof V)[]): OptionCheck<V | undefined> {
  return (value, name) => {
    const object = Object(value) as V;
    if (value === undefined || (object === value && methods.every((method) => typeof object[method] === "function"))) return value as V;
    throw bad(name, expected, value);
  };
}

/** @throws OscServerError `OSC_OPTION` if an argument isn't a string; the message calls it `name` */
export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw bad(name, "a string", value);
}

/** No check here, because the code that reads the value checks it: an `AbortSignal` or a nested options object, for example. */
/* @__NO_SIDE_EFFECTS__ */ export function unchecked<V>(): OptionCheck<V | undefined> {
  return (value) => value as V | undefined;
}

/**
 * A host and a port: `[host, port]`, or a `serverAddress` of a server.
 *
 * @param leastPort 0 if the system may choose, 1 for an address to send to
 * @throws OscServerError `OSC_OPTION`
 */
export function hostAndPort(value: unknown, leastPort: 0 | 1 = 0): { readonly host: string; readonly port: number } {
  if (Array.isArray(value) && value.length === 2) return checkHostAndPort(value[0], value[1], leastPort);
  if (typeof value === "object" && value !== null && "address" in value && "port" in value) {
    return checkHostAndPort(value.address, value.port, leastPort);
  }
  const host = typeof value === "string" && value.trim() !== "" && !value.includes(":") ? value.trim() : "127.0.0.1";
  throw optionError(`An address must be an array [host, port], such as ["${host}", 9000]; got ${describe(value)}.`);
}

/** Like {@link hostAndPort}, but with host and port as separate arguments. */
export function checkHostAndPort(host: unknown, port: unknown, leastPort: 0 | 1 = 0): { readonly host: string; readonly port: number } {
  if (typeof host !== "string" || host.trim() === "") {
    throw optionError(`Host must be a name or an IP address, such as "127.0.0.1"; got ${describe(host)}.`);
  }
  if (/\s/.test(host)) {
    throw optionError(`Host must not contain spaces: write ${JSON.stringify(host.replaceAll(/\s+/g, ""))}; got ${describe(host)}.`);
  }
  if (!Number.isInteger(port) || (port as number) < leastPort || (port as number) > 65_535) {
    const isText = typeof port === "string" && /^\d+$/.test(port.trim());
    const advice = isText ? ` Convert it with Number(…).` : "";
    throw optionError(`Port must be an integer from ${leastPort} to 65535; got ${describe(port)}.${advice}`);
  }
  return { host, port: port as number };
}

/** The error for an invalid option or argument. */
export function bad(name: string, expected: string, value: unknown): OscServerError {
  return optionError(`${name} must be ${expected}; got ${describe(value)}.`);
}

export function optionError(message: string, options?: ErrorOptions): OscServerError {
  return new OscServerError("OSC_OPTION", message, options);
}

const MAX_DESCRIPTION = 80;

/** A short description of any value for a message, with its type: `"1337" (string)`. Never throws, even if inspecting the value does. */
export function describe(value: unknown): string {
  try {
    if (value === undefined || value === null) return String(value);
    if (typeof value === "string") return `${cut(JSON.stringify(value))} (string)`;
    if (typeof value === "function")
      return `the ${/^class\b/.test(String(value)) ? "class" : "function"} ${value.name || "without a name"}`;
    if (Array.isArray(value)) return `${cut(`[${value.map(entryText).join(", ")}]`)} (array)`;
    if (typeof value !== "object") return `${cut(String(value))} (${typeof value})`;
    if (isPlain(value)) return `${cut(`{ ${Object.keys(value).join(", ")} }`.replace("{  }", "{}"))} (object)`;
    const name: unknown = value.constructor.name;
    return typeof name === "string" && name !== "" ? `an object of class ${cut(name)}` : "an object";
  } catch {
    return `an unreadable ${typeof value}`;
  }
}

/** Formats a thrown value. Never throws itself. */
export function thrownText(thrown: unknown): string {
  try {
    // Declared as a string, but nothing enforces that.
    const { message } = (thrown instanceof Error ? thrown : {}) as { readonly message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // A proxy that can't be inspected.
  }
  return describe(thrown);
}

function entryText(entry: unknown): string {
  if (typeof entry === "string") return JSON.stringify(entry);
  return typeof entry === "object" && entry !== null ? "{…}" : String(entry);
}

function cut(shown: string): string {
  return shown.length <= MAX_DESCRIPTION ? shown : `${shown.slice(0, MAX_DESCRIPTION)}…`;
}

/** Whether it is a plain object, from this realm or another, not a class instance. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The candidate that `name` most likely means: another spelling of it, or a typo away. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const plain = plainSpelling(name);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const candidate of candidates) {
    const other = plainSpelling(candidate);
    const contains = other.length >= 4 && (plain.endsWith(other) || other.endsWith(plain)) && Math.min(plain.length, other.length) >= 4;
    const distance = Math.min(contains ? 1 : Infinity, editDistance(plain, other, bestDistance));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Makes `max_threads`, `max-threads` and `MaxThreads` equal. */
function plainSpelling(name: string): string {
  return name.replaceAll(/[_\s-]/g, "").toLowerCase();
}

/** Number of insertions, deletions, replacements and adjacent swaps between two strings; at most `limit`. */
function editDistance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1));
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    if (Math.min(...current) >= limit) return limit;
    beforeLast = last;
    last = current;
  }
  return Math.min(limit, last[right.length] ?? limit);
}
