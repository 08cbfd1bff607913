import { OscDispatchError, OscServerError } from "../errors.ts";
import { describe, nearest } from "../options.ts";
import { type Coverage, type Rename, coverageBy, mayBePattern, patternRename, prefixRename } from "./patterns.ts";
import { type ArgumentsEdit, caster, clipper, editEach, picker, scaler } from "./values.ts";

/**
 * A rule that a bridge applies to messages. Patterns match like handler addresses: `*` matches any characters, including `/`; `?`, `[…]` and
 * `{…}` work as in OSC.
 *
 * Rules apply in order, with `changes` and `maxRate` after all others. Arguments are numbered from 0. If a rule can't read a message's arguments, or one is
 * missing, the message is dropped and reported.
 *
 * The address of a message may itself be a pattern, which the receiver matches against its own addresses. Such a message passes `only` if all
 * addresses that it can match are allowed, and `drop` if none of them is dropped. `scale`, `clip`, `cast` and `pick` change it if `match` covers
 * all of them, and drop it if `match` covers some. If the bridge can't determine this, it drops the message. It compares only the part before the
 * first wildcard, because receivers differ in how they match the rest.
 */
export type BridgeRule =
  | {
      /** Drops messages that match none of these patterns. */
      readonly only: string | readonly string[];
    }
  | {
      /** Drops messages that match one of these patterns. */
      readonly drop: string | readonly string[];
    }
  | {
      /** The start of the addresses to rename: `{ rename: "/a", to: "/b" }` renames `/a/1` to `/b/1`. May contain wildcards. */
      readonly rename: string;
      /** The new start. Each `*` is replaced by the text that the corresponding wildcard of `rename` matched: `{ rename: "/ch/?/gain", to: "/gain/*" }`. */
      readonly to: string;
    }
  | {
      /** The arguments to keep, in this order: `[1, 0]` swaps two. */
      readonly pick: readonly number[];
      /** The addresses that the rule applies to. Default: all. */
      readonly match?: string | readonly string[];
    }
  | {
      /** The range to map to `to`: `{ scale: [0, 127], to: [0, 1] }`. Ints become floats; numbers outside it are mapped outside `to`. */
      readonly scale: readonly [number, number];
      /** The new range. `[1, 0]` inverts. */
      readonly to: readonly [number, number];
      /** The addresses that the rule applies to. Default: all. */
      readonly match?: string | readonly string[];
      /** The arguments that the rule applies to. Default: all that are numbers. */
      readonly args?: number | readonly number[];
    }
  | {
      /** The minimum and maximum to limit numbers to. Ints stay ints, limited to the nearest ints. */
      readonly clip: readonly [number, number];
      /** The addresses that the rule applies to. Default: all. */
      readonly match?: string | readonly string[];
      /** The arguments that the rule applies to. Default: all that are numbers. */
      readonly args?: number | readonly number[];
    }
  | {
      /** The type to convert numbers and booleans to: int32 (rounded and limited to 32 bits) or float32. */
      readonly cast: "int" | "float";
      /** The addresses that the rule applies to. Default: all. */
      readonly match?: string | readonly string[];
      /** The arguments that the rule applies to. Default: all that are numbers or booleans. */
      readonly args?: number | readonly number[];
    }
  | {
      /**
       * True to pass a message only if its arguments differ from the previous message with the same address. Messages without arguments, or with an
       * impulse (`I`), always pass.
       */
      readonly changes: true;
      /** The addresses that the rule applies to. Default: all. */
      readonly match?: string | readonly string[];
    }
  | {
      /** Maximum messages per second for each address. If messages arrive faster, the newest is kept and sent when allowed. */
      readonly maxRate: number;
      /** The addresses that `maxRate` applies to. Default: all. */
      readonly match?: string | readonly string[];
    };

/** A validated rule. `covers` tells which addresses it applies to; null for all. */
export type CheckedRule =
  | { readonly kind: "filter"; readonly passes: (address: string) => boolean }
  | { readonly kind: "rename"; readonly rename: Rename }
  | { readonly kind: "values"; readonly covers: Covers | null; readonly edit: ArgumentsEdit }
  | { readonly kind: "changes"; readonly covers: Covers | null }
  | { readonly kind: "rate"; readonly covers: Covers | null; readonly maxRate: number };

type Covers = (address: string) => Coverage;

/** The allowed properties of each rule besides its main one. */
const PROPERTIES = {
  only: [],
  drop: [],
  rename: ["to"],
  pick: ["match"],
  scale: ["to", "match", "args"],
  clip: ["match", "args"],
  cast: ["match", "args"],
  changes: ["match"],
  maxRate: ["match"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type RuleName = keyof typeof PROPERTIES;

const NAMES = Object.keys(PROPERTIES) as RuleName[];
const NAMES_TEXT = `${NAMES.slice(0, -1).join(", ")} or ${NAMES.at(-1)}`;

/**
 * Validates a rule of unknown type.
 *
 * @param path its location, such as `rules[2]`, for error messages
 * @throws OscServerError `OSC_OPTION` for an invalid rule, OscDispatchError for an invalid address pattern
 */
export function checkRule(rule: unknown, path: string): CheckedRule {
  if (typeof rule !== "object" || rule === null || Array.isArray(rule)) {
    throw ruleError(path, `a rule must be an object such as { drop: "/debug/*" }; got ${describe(rule)}.`);
  }
  const given = Object.keys(rule);
  const names = NAMES.filter((name) => given.includes(name));
  const [name] = names;
  if (name === undefined) {
    const right = given.map((word) => nearest(word, NAMES)).find((word) => word !== undefined);
    throw ruleError(
      path,
      `a rule must have ${NAMES_TEXT}; got ${JSON.stringify(rule)}.${right === undefined ? "" : ` Did you mean ${right}?`}`,
    );
  }
  if (names.length > 1) throw ruleError(path, `${names.join(" and ")} can't be combined in one rule: use separate rules.`);
  const allowed: readonly string[] = [name, ...PROPERTIES[name]];
  const unknown = given.find((word) => !allowed.includes(word));
  if (unknown !== undefined) {
    const right = nearest(unknown, allowed);
    const advice = right === undefined ? `The properties are ${allowed.join(", ")}.` : `Did you mean ${right}?`;
    throw ruleError(path, `a rule with ${name} has no property "${unknown}". ${advice}`);
  }
  try {
    return new RuleReader(rule as Readonly<Record<string, unknown>>, path).read(name);
  } catch (error) {
    if (!(error instanceof OscDispatchError)) throw error;
    throw new OscDispatchError(error.code, `${path}: ${error.message}`, error.address, { cause: error });
  }
}

/** Reads the properties of one rule. */
class RuleReader {
  readonly #rule: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(rule: Readonly<Record<string, unknown>>, path: string) {
    this.#rule = rule;
    this.#path = path;
  }

  read(name: RuleName): CheckedRule {
    switch (name) {
      case "only":
      case "drop": {
        const covers = coverageBy(this.#patterns(name));
        const passing: Coverage = name === "only" ? "all" : "none";
        return { kind: "filter", passes: (address) => covers(address) === passing };
      }
      case "rename":
        return { kind: "rename", rename: this.#rename() };
      case "pick":
        return { kind: "values", covers: this.#covers(), edit: picker(this.#indexes("pick")) };
      case "scale": {
        const from = this.#range("scale");
        if (from[0] === from[1]) throw this.#fault("scale", "two different numbers, such as [0, 127]");
        return { kind: "values", covers: this.#covers(), edit: editEach(scaler(from, this.#range("to")), this.#args()) };
      }
      case "clip": {
        const range = this.#range("clip");
        if (range[0] > range[1]) throw this.#fault("clip", "a minimum and a maximum, such as [0, 1]");
        return { kind: "values", covers: this.#covers(), edit: editEach(clipper(range), this.#args()) };
      }
      case "cast": {
        const type = this.#rule["cast"];
        if (type !== "int" && type !== "float") throw this.#fault("cast", '"int" or "float"');
        return { kind: "values", covers: this.#covers(), edit: editEach(caster(type), this.#args()) };
      }
      case "changes":
        if (this.#rule["changes"] !== true) throw this.#fault("changes", "true");
        return { kind: "changes", covers: this.#covers() };
      case "maxRate": {
        const { maxRate } = this.#rule;
        if (!(typeof maxRate === "number" && maxRate > 0 && maxRate < Infinity)) {
          throw this.#fault("maxRate", "a number of messages per second, more than 0");
        }
        return { kind: "rate", covers: this.#covers(), maxRate };
      }
    }
  }

  #covers(): Covers | null {
    return this.#rule["match"] === undefined ? null : coverageBy(this.#patterns("match"));
  }

  #patterns(name: string): readonly string[] {
    const value = this.#rule[name];
    const list: unknown = typeof value === "string" ? [value] : value;
    if (Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === "string")) return list;
    throw this.#fault(name, "an address pattern, or a list with at least one");
  }

  #range(name: string): [number, number] {
    const value = this.#rule[name];
    const [least, most, ...rest]: readonly unknown[] = Array.isArray(value) ? (value as unknown[]) : [];
    if (isFiniteNumber(least) && isFiniteNumber(most) && rest.length === 0) return [least, most];
    throw this.#fault(name, "two numbers, such as [0, 1]");
  }

  #args(): readonly number[] | null {
    const { args } = this.#rule;
    if (args === undefined) return null;
    return typeof args === "number" ? this.#indexes("args", [args]) : this.#indexes("args");
  }

  #indexes(name: string, value: unknown = this.#rule[name]): readonly number[] {
    if (Array.isArray(value) && value.every((index) => Number.isSafeInteger(index) && index >= 0)) return value as number[];
    throw this.#fault(name, "a list of arguments, counted from 0, such as [1, 0]");
  }

  #rename(): Rename {
    const { rename: from, to } = this.#rule;
    if (typeof to !== "string" || !to.startsWith("/") || to.includes("\0")) throw this.#fault("to", 'an address that begins with "/"');
    if (typeof from !== "string" || !(from.startsWith("/") || mayBePattern(from))) {
      throw this.#fault("rename", 'an address that begins with "/"');
    }
    if (!mayBePattern(from)) return prefixRename(from, to);
    const rename = patternRename(from, to);
    if (rename === null) throw ruleError(this.#path, `${JSON.stringify(to)} has more * than ${JSON.stringify(from)} has wildcards.`);
    return rename;
  }

  #fault(name: string, expected: string): OscServerError {
    const value = this.#rule[name];
    const shown = typeof value === "object" && value !== null ? JSON.stringify(value) : describe(value);
    return ruleError(this.#path, `${name} must be ${expected}; got ${shown}.`);
  }
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function ruleError(path: string, message: string): OscServerError {
  return new OscServerError("OSC_OPTION", `${path}: ${message}`);
}
