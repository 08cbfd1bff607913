import { AddressSpace } from "../address/index.ts";
import { OscServerError } from "../errors.ts";
import { describe } from "../options.ts";
import { aloneInBundle, type MessageEdit, editPacket, withAddress } from "./packet-edit.ts";
import { RateLimit } from "./rate-limit.ts";

/**
 * What a bridge does with messages that pass. Patterns are those that handlers are mapped to: `*` matches any run of characters, including
 * `/`; `?`, `[…]` and `{…}` are those of OSC.
 *
 * The address of a message may itself be a pattern, which the receiver matches against its own addresses. Such a message passes `only` if
 * everything that it can match is allowed, and `drop` if it can match nothing that is dropped. If in doubt it is left out: a bridge compares
 * what stands before the first wildcard, because receivers differ in what follows.
 */
export type BridgeRule =
  | {
      /** Messages that match none of these patterns are left out. */
      readonly only: string | readonly string[];
    }
  | {
      /** Messages that match one of these patterns are left out. */
      readonly drop: string | readonly string[];
    }
  | {
      /** The beginning of an address, which is renamed: `{ rename: "/a", to: "/b" }` makes `/a/1` into `/b/1`. May contain wildcards. */
      readonly rename: string;
      /** The new beginning. Its first `*` is replaced by what the first wildcard of `rename` matched, and so on: `{ rename: "/ch/?/gain", to: "/gain/*" }`. */
      readonly to: string;
    }
  | {
      /** How many messages per second pass for each address. The newest of those that come faster is kept, and passes when it may. */
      readonly maxRate: number;
      /** The addresses that `maxRate` applies to. Default: all. */
      readonly match?: string | readonly string[];
    };

/** What rules report. */
export interface RuleEvents {
  /** `only` or `drop` left out a message. */
  onFiltered(): void;
  /** A newer message replaced one that was kept for `maxRate`. */
  onReplaced(): void;
}

/** One step for one message: another address, the same one, or null to leave the message out. */
type Step = (address: string, context: { readonly message: Uint8Array; readonly header: Uint8Array; readonly emit: Emit }) => string | null;

type Emit = (packet: Uint8Array) => void;

/** The rules of one direction. */
export class Rules {
  readonly #steps: readonly Step[];
  readonly #limits: RateLimit[] = [];

  /** @throws OscServerError `OSC_OPTION` for a rule without a meaning, OscDispatchError for an address that nothing can match */
  constructor(rules: readonly BridgeRule[], events: RuleEvents) {
    if (!Array.isArray(rules)) throw ruleError(`Rules must be an array such as [{ drop: "/debug/*" }]; got ${describe(rules)}.`);
    const addresses: Step[] = [];
    const rates: Step[] = [];
    for (const rule of rules as readonly BridgeRule[]) {
      if ("maxRate" in rule) rates.push(this.#rateStep(rule, events));
      else addresses.push(addressStep(rule, events));
    }
    // Rates come last: what they keep for later has passed all other rules.
    this.#steps = [...addresses, ...rates];
  }

  /**
   * Applies the rules to a packet.
   *
   * @param emit gets messages that pass later
   * @returns what passes now: the packet itself if no rule changed it; null for nothing; undefined if it isn't OSC
   */
  apply(packet: Uint8Array, emit: Emit): Uint8Array | null | undefined {
    if (this.#steps.length === 0) return packet;
    const edit: MessageEdit = (address, message, header) => {
      let current: string | null = address;
      for (const step of this.#steps) {
        current = step(current, { message, header, emit });
        if (current === null) return null;
      }
      return current;
    };
    return editPacket(packet, edit);
  }

  /** Sends what is kept for later. */
  flush(): void {
    for (const limit of this.#limits) limit.flush();
  }

  #rateStep({ maxRate, match }: Extract<BridgeRule, { maxRate: number }>, events: RuleEvents): Step {
    if (!(typeof maxRate === "number" && maxRate > 0 && maxRate < Infinity)) {
      throw ruleError(`maxRate must be a number of messages per second, more than 0; got ${String(maxRate)}.`);
    }
    const limit = new RateLimit(maxRate, () => events.onReplaced());
    this.#limits.push(limit);
    const space = match === undefined ? null : spaceOf(match);
    return (address, { message, header, emit }) => {
      if (space !== null && space.find(address).length === 0) return address;
      // A copy: a view would retain everything that was read with it.
      const later = (): Uint8Array => aloneInBundle(withAddress(message, address), header);
      return limit.pass(address, () => ({ packet: later(), emit })) ? address : null;
    };
  }
}

function addressStep(rule: Exclude<BridgeRule, { maxRate: number }>, events: RuleEvents): Step {
  if ("rename" in rule) return renameStep(rule.rename, rule.to);
  if (!("only" in rule || "drop" in rule)) {
    throw ruleError(`A rule must have only, drop, rename or maxRate; got ${JSON.stringify(rule)}.`);
  }
  const patterns = listOf("only" in rule ? rule.only : rule.drop);
  const passes = "only" in rule ? allows(patterns) : dropsNot(patterns);
  return (address) => {
    if (passes(address)) return address;
    events.onFiltered();
    return null;
  };
}

/** Whether everything that an address can match is among the patterns. */
function allows(patterns: readonly string[]): (address: string) => boolean {
  const space = spaceOf(patterns);
  const literal = new Set(patterns);
  const wholes = patterns.filter((pattern) => pattern.endsWith("*") && literalPart(pattern).length === pattern.length - 1);
  return (address) => {
    if (!mayBePattern(address)) return space.find(address).length > 0;
    const start = literalPart(address);
    // The wildcards of a rule match at least what the same ones of a message do.
    return literal.has(address) || wholes.some((whole) => start.startsWith(whole.slice(0, -1)));
  };
}

/** Whether an address can match none of the patterns. */
function dropsNot(patterns: readonly string[]): (address: string) => boolean {
  const space = spaceOf(patterns);
  const starts = patterns.map(literalPart);
  return (address) => {
    if (!mayBePattern(address)) return space.find(address).length === 0;
    const start = literalPart(address);
    return !starts.some((dropped) => dropped.startsWith(start) || start.startsWith(dropped));
  };
}

/** What some receiver may take for a pattern, more than Oscine does. */
const WILDCARD = /[?*[\]{}]|\/\//;

function mayBePattern(address: string): boolean {
  return WILDCARD.test(address);
}

/** What stands before the first wildcard, or between the slashes of the first `//`, which OSC 1.1 matches at any depth. */
function literalPart(pattern: string): string {
  const wildcard = pattern.search(WILDCARD);
  if (wildcard === -1) return pattern;
  return pattern.slice(0, pattern[wildcard] === "/" ? wildcard + 1 : wildcard);
}

function listOf(patterns: string | readonly string[]): readonly string[] {
  const list = typeof patterns === "string" ? [patterns] : patterns;
  if (!Array.isArray(list) || list.length === 0) {
    throw ruleError(`A rule must have at least one address pattern; got ${JSON.stringify(patterns)}.`);
  }
  return list as readonly string[];
}

function spaceOf(patterns: string | readonly string[]): AddressSpace<true> {
  const space = new AddressSpace<true>();
  for (const pattern of listOf(patterns)) space.add(pattern, true);
  return space;
}

function renameStep(from: string, to: string): Step {
  if (typeof to !== "string" || !to.startsWith("/") || to.includes("\0")) {
    throw ruleError(`The new address of a rename must begin with "/"; got ${JSON.stringify(to)}.`);
  }
  if (typeof from === "string" && !mayBePattern(from)) return prefixStep(from, to);
  const space = new AddressSpace<true>();
  space.add(from, true);
  const parts = to.split("*");
  const holes = space.find(sampleOf(from))[0]?.captures.length;
  if (holes !== undefined && parts.length - 1 > holes) {
    throw ruleError(`${JSON.stringify(to)} has more * than ${JSON.stringify(from)} has wildcards.`);
  }
  return (address) => {
    // Only the receiver knows what a pattern matches.
    if (mayBePattern(address)) return address;
    const [found] = space.find(address);
    if (found === undefined) return address;
    return parts.map((part, index) => part + (index < parts.length - 1 ? (found.captures[index] ?? "") : "")).join("");
  };
}

/** An address that the pattern matches, if it contains only `*` and `?`. */
function sampleOf(mapped: string): string {
  return mapped.replaceAll(/[*?]/g, "x");
}

function prefixStep(from: string, to: string): Step {
  if (!from.startsWith("/")) throw ruleError(`The old address of a rename must begin with "/"; got ${JSON.stringify(from)}.`);
  const prefix = from.endsWith("/") ? from : `${from}/`;
  const start = to.endsWith("/") ? to : `${to}/`;
  return (address) => {
    if (address === from) return to;
    return address.startsWith(prefix) ? start + address.slice(prefix.length) : address;
  };
}

function ruleError(message: string): OscServerError {
  return new OscServerError("OSC_OPTION", message);
}
