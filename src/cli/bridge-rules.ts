import { readFileSync } from "node:fs";
import type { BridgeRule } from "../bridge/index.ts";
import { checkRule } from "../bridge/rule.ts";
import { OscDispatchError } from "../errors.ts";
import { describe, nearest } from "../options.ts";
import { UsageError } from "../text/usage-error.ts";
import { asUsage } from "./endpoint.ts";
import { JsonError, readJson } from "./json-lines.ts";

/** The rule flags of `oscine bridge`, in the order in which they apply. */
export const RULE_OPTIONS = {
  rules: { type: "string" },
  only: { type: "string", multiple: true },
  drop: { type: "string", multiple: true },
  rename: { type: "string", multiple: true },
  pick: { type: "string", multiple: true },
  scale: { type: "string", multiple: true },
  clip: { type: "string", multiple: true },
  cast: { type: "string", multiple: true },
  changes: { type: "string", multiple: true },
  rate: { type: "string", multiple: true },
} as const;

/** The values of these flags. */
type RuleFlags = { readonly [Name in keyof typeof RULE_OPTIONS]?: (Name extends "rules" ? string : string[]) | undefined };

/** The rules for each direction. */
export interface RulePair {
  readonly rules: readonly BridgeRule[];
  readonly rulesBack: readonly BridgeRule[];
}

/** Allows `--changes` without a pattern, which `parseArgs` doesn't support. */
export function withAllChanges(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words.map((word, index) => (word === "--changes" && (end === -1 || index < end) ? "--changes=*" : word));
}

/**
 * Reads the rules from the file of `--rules` and then from the flags.
 *
 * @throws UsageError that names the flag or the line in the file
 */
export function readRules(flags: RuleFlags): RulePair {
  const { rules, rulesBack } = flags.rules === undefined ? { rules: [], rulesBack: [] } : readRulesFile(flags.rules);
  return { rules: [...rules, ...rulesOfFlags(flags)], rulesBack };
}

function rulesOfFlags({ only, drop, rename = [], ...values }: RuleFlags): BridgeRule[] {
  const rules: BridgeRule[] = [];
  const add = (flag: string, word: string, rule: unknown): void => {
    check(rule, `--${flag} "${word}"`);
    rules.push(rule as BridgeRule);
  };
  if (only !== undefined) add("only", only.join(" "), { only });
  if (drop !== undefined) add("drop", drop.join(" "), { drop });
  for (const word of rename) add("rename", word, readRename(word));
  const read = (flag: Exclude<keyof typeof values, "rules">, ruleOf: (text: string) => object): void => {
    for (const word of values[flag] ?? []) {
      const at = word.lastIndexOf("=");
      add(flag, word, { ...ruleOf(word.slice(at + 1)), ...(at !== -1 && { match: word.slice(0, at) }) });
    }
  };
  read("pick", (text) => ({ pick: numbersOf(text) }));
  read("scale", (text) => {
    const [from = "", to = ""] = text.split(":");
    return { scale: numbersOf(from), to: numbersOf(to) };
  });
  read("clip", (text) => ({ clip: numbersOf(text) }));
  read("cast", (text) => ({ cast: text }));
  for (const match of values.changes ?? []) add("changes", match, { changes: true, match });
  read("rate", (text) => ({ maxRate: numbersOf(text)[0] }));
  return rules;
}

/**
 * Reads the value of `--rename`.
 *
 * @throws UsageError if it isn't an old and a new address
 */
export function readRename(word: string): BridgeRule {
  const at = word.indexOf("=");
  if (at === -1) throw new UsageError(`--rename must be an old and a new address, as in /a=/b; got "${word}".`);
  return { rename: word.slice(0, at), to: word.slice(at + 1) };
}

/** Parses a list such as `0,127`. Other text is kept, so the error message can quote it. */
function numbersOf(text: string): (number | string)[] {
  if (text === "") return [];
  return text.split(",").map((part) => (part.trim() === "" || Number.isNaN(Number(part)) ? part : Number(part)));
}

const FILE_KEYS = ["rules", "rulesBack"] as const;

/** Reads `{ "rules": […], "rulesBack": […] }` or just a list of rules. */
function readRulesFile(file: string): RulePair {
  const fault = (line: number, message: string): UsageError => new UsageError(`${file}:${line}: ${message}`);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`The rules file can't be read: ${(error as Error).message}`);
  }
  try {
    const { value, lines } = readJson(text);
    const lineOf = (part: unknown): number => lines.get(part) ?? 0;
    const pair = Array.isArray(value) ? { rules: value } : value;
    const isObject = typeof pair === "object" && pair !== null;
    if (!isObject) throw new JsonError(1, `the file must be { "rules": […], "rulesBack": […] } or a list of rules; got ${describe(value)}`);
    const unknown = Object.keys(pair).find((key) => !FILE_KEYS.includes(key as "rules"));
    if (unknown !== undefined) {
      const right = nearest(unknown, FILE_KEYS);
      throw new JsonError(
        lineOf(value),
        `unknown property "${unknown}": the file may have ${FILE_KEYS.join(" and ")}${right === undefined ? "" : `. Did you mean ${right}?`}`,
      );
    }
    const [rules, rulesBack] = FILE_KEYS.map((key) => {
      const list = (pair as Readonly<Record<string, unknown>>)[key] ?? [];
      if (!Array.isArray(list)) throw new JsonError(lineOf(value), `${key} must be a list of rules; got ${describe(list)}`);
      for (const [index, rule] of list.entries()) check(rule, `${file}:${lineOf(rule) || lineOf(list)}: ${key}[${index}]`);
      return list as BridgeRule[];
    });
    return { rules: rules ?? [], rulesBack: rulesBack ?? [] };
  } catch (error) {
    throw error instanceof JsonError ? fault(error.line, `${error.message}.`) : error;
  }
}

function check(rule: unknown, path: string): void {
  try {
    asUsage(() => checkRule(rule, path));
  } catch (error) {
    throw error instanceof OscDispatchError ? new UsageError(error.message) : error;
  }
}
