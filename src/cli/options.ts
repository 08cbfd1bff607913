import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "../text/usage-error.ts";

type OptionTable = NonNullable<ParseArgsConfig["options"]>;

type Parsed<Options extends OptionTable> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true; strict: true }>
>;

/** Stands before a word that is a negative number and no option. No word of a command line can hold it. */
const SHIELD = "\u0000";

/**
 * Parts options from other words, as `parseArgs` of Node does, and takes `-1` and `-inf` for what they are.
 *
 * @throws UsageError for an option that is not known, or lacks its value
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
    const [reason] = error.message.split(/[.\n]/);
    throw new UsageError(`${unshield(reason ?? "")}. "oscine ${command} --help" lists the options.`);
  }
}

/**
 * Reads the value of an option that is a number.
 *
 * @throws UsageError where it is not one, or less than `least`
 */
export function readNumberOption(name: string, text: string, { least, whole = false }: NumberRange): number {
  const value = /^[\d.]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && Number.isFinite(value) && (!whole || Number.isSafeInteger(value))) return value;
  throw new UsageError(`--${name} is a ${whole ? "whole " : ""}number, ${least === 0 ? "0 or more" : `at least ${least}`}; got "${text}".`);
}

/**
 * Reads the value of an option that is a port to listen on.
 *
 * @throws UsageError where it is none
 */
export function readPortOption(name: string, text: string): number {
  const port = readNumberOption(name, text, { least: 0, whole: true });
  if (port <= 65_535) return port;
  throw new UsageError(`--${name} is a number from 0 to 65535; got "${text}".`);
}

export interface NumberRange {
  readonly least: number;
  /** True where fractions have no meaning. Default false. */
  readonly whole?: boolean;
}

/**
 * Reads the value of an option that is one of a few words, and gives what the word stands for.
 *
 * @throws UsageError that lists the words
 */
export function readChoice<Choice>(name: string, text: string, choices: ReadonlyMap<string, Choice>): Choice {
  const choice = choices.get(text);
  if (choice !== undefined) return choice;
  throw new UsageError(`--${name} is ${[...choices.keys()].join(" or ")}; got "${text}".`);
}

function unshield<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(unshield) as Value;
  return (typeof value === "string" ? value.replaceAll(SHIELD, "") : value) as Value;
}
