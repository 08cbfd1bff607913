import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearest } from "../options.ts";
import { UsageError } from "../text/usage-error.ts";

type OptionTable = NonNullable<ParseArgsConfig["options"]>;

type Parsed<Options extends OptionTable> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true; strict: true }>
>;

/** Marks a negative number, to distinguish it from an option. No command line can contain NUL. */
const SHIELD = "\u0000";

/**
 * Parses options with Node's `parseArgs`, but treats `-1` and `-inf` as numbers.
 *
 * @throws UsageError if an option is unknown or lacks its value
 */
export function parseOptions<Options extends OptionTable>(command: string, words: readonly string[], options: Options): Parsed<Options> {
  const args = words.map((word) => (/^-(?:\d|\.\d|inf)/i.test(word) ? `${SHIELD}${word}` : word));
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
    const values: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(parsed.values)) values[name] = unshield(value);
    return { ...parsed, values: values as typeof parsed.values, positionals: parsed.positionals.map(unshield) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${describeParseError(error, Object.keys(options))} "oscine ${command} --help" lists the options.`);
  }
}

function describeParseError(error: TypeError, names: readonly string[]): string {
  const [, unknown] = /^Unknown option '(.*?)'/s.exec(error.message) ?? [];
  if (unknown === undefined) return `${unshield(error.message.split(/[.\n]/)[0] ?? "")}.`;
  const right = nearest(unknown.replace(/^-+/, ""), names);
  const advice = right === undefined ? `If it is text, not an option, put -- before it: -- ${unknown}.` : `Did you mean --${right}?`;
  return `Unknown option "${unknown}". ${advice}`;
}

/**
 * Reads a numeric option.
 *
 * @throws UsageError if it isn't a number or is less than `least`
 */
export function readNumberOption(name: string, text: string, { least, whole = false }: NumberRange): number {
  const value = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && Number.isFinite(value) && (!whole || Number.isSafeInteger(value))) return value;
  const kind = whole ? "an integer" : "a number";
  throw new UsageError(`--${name} must be ${kind}, ${least === 0 ? "0 or more" : `at least ${least}`}; got "${text}".`);
}

/**
 * Reads an option with a port to listen on.
 *
 * @throws UsageError if it isn't a port
 */
export function readPortOption(name: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new UsageError(`--${name} must be an integer from 0 to 65535; got "${text}".`);
}

export interface NumberRange {
  readonly least: number;
  /** True if it must be an integer. Default false. */
  readonly whole?: boolean;
}

/**
 * Reads the value of an option that is one of a few words.
 *
 * @throws UsageError that lists the words
 */
export function readChoice<Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  const list = choices.length === 1 ? choices.join() : `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new UsageError(`--${name} must be ${list}; got "${text}".`);
}

function unshield<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(unshield) as Value;
  return (typeof value === "string" ? value.replaceAll(SHIELD, "") : value) as Value;
}
