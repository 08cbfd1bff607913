import { AddressSpace, isPattern } from "../address/index.ts";
import { OscServerError } from "../errors.ts";
import { type MessageEdit, aloneAgain, editPacket, withAddress } from "./packet-edit.ts";
import { RateLimit } from "./rate-limit.ts";

/**
 * What a bridge does with the messages that pass. Addresses to match are like those that handlers are mapped to: `*` matches any run of
 * characters, `/` included; `?`, `[…]` and `{…}` are those of OSC.
 */
export type BridgeRule =
  | {
      /** Messages that match none of these addresses are left out. */
      readonly only: string | readonly string[];
    }
  | {
      /** Messages that match one of these addresses are left out. */
      readonly drop: string | readonly string[];
    }
  | {
      /** The beginning of an address, which gets another: `{ rename: "/a", to: "/b" }` makes `/b/1` of `/a/1`. May hold wildcards. */
      readonly rename: string;
      /** The new beginning. What the first wildcard of `rename` matched takes the place of its first `*`, and so on: `{ rename: "/ch/?/gain", to: "/gain/*" }`. */
      readonly to: string;
    }
  | {
      /** So many messages a second pass for each address. Of those that come faster, the newest is kept, and passes in its turn. */
      readonly maxRate: number;
      /** The addresses that `maxRate` holds for. Default: all. */
      readonly match?: string | readonly string[];
    };

/** What is told of messages that do not pass as they came. */
export interface RuleEvents {
  /** Left out by `only` or `drop`. */
  onFiltered(): void;
  /** A newer message took the place of one that was kept for `maxRate`. */
  onReplaced(): void;
}

/** One step for one message: another address, the same one, or null for nothing. */
type Step = (address: string, context: { readonly message: Uint8Array; readonly header: Uint8Array; readonly emit: Emit }) => string | null;

type Emit = (packet: Uint8Array) => void;

/** The rules of one direction. */
export class Rules {
  readonly #steps: readonly Step[];
  readonly #limits: RateLimit[] = [];

  /** @throws OscServerError `OSC_OPTION` for a rule that can mean nothing, OscDispatchError for an address that nothing can match */
  constructor(rules: readonly BridgeRule[], events: RuleEvents) {
    const addresses: Step[] = [];
    const rates: Step[] = [];
    for (const rule of rules) {
      if ("maxRate" in rule) rates.push(this.#rateStep(rule, events));
      else addresses.push(addressStep(rule, events));
    }
    // What is kept for later has been through all that decides about addresses.
    this.#steps = [...addresses, ...rates];
  }

  /** True where every packet passes byte for byte, unlooked at. */
  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /**
   * Applies the rules to a packet.
   *
   * @param emit takes messages that pass later
   * @returns what passes now: the packet itself where no rule changed it; null for nothing; undefined where it is no OSC packet
   */
  apply(packet: Uint8Array, emit: Emit): Uint8Array | null | undefined {
    if (this.isEmpty) return packet;
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
      throw ruleError(`maxRate is a number of messages a second, more than 0; got ${String(maxRate)}.`);
    }
    const limit = new RateLimit(maxRate, () => events.onReplaced());
    this.#limits.push(limit);
    const matches = match === undefined ? () => true : matcherOf(match);
    return (address, { message, header, emit }) => {
      if (!matches(address)) return address;
      // A copy, for a view would keep alive all that was read together with it.
      const later = (): Uint8Array => aloneAgain(withAddress(message, address), header);
      return limit.pass(address, () => ({ packet: later(), emit })) ? address : null;
    };
  }
}

function addressStep(rule: Exclude<BridgeRule, { maxRate: number }>, events: RuleEvents): Step {
  if ("rename" in rule) return renameStep(rule.rename, rule.to);
  const isOnly = "only" in rule;
  const matches = matcherOf(isOnly ? rule.only : rule.drop);
  return (address) => {
    if (matches(address) === isOnly) return address;
    events.onFiltered();
    return null;
  };
}

function matcherOf(patterns: string | readonly string[]): (address: string) => boolean {
  const list = typeof patterns === "string" ? [patterns] : patterns;
  if (list.length === 0) throw ruleError("A rule needs one address at least to match.");
  const space = new AddressSpace<true>();
  for (const pattern of list) space.add(pattern, true);
  return (address) => space.find(address).length > 0;
}

function renameStep(from: string, to: string): Step {
  if (typeof to !== "string" || !to.startsWith("/") || to.includes("\0")) {
    throw ruleError(`An address is renamed to another one, which begins with "/"; got ${JSON.stringify(to)}.`);
  }
  if (!isPattern(from) && !from.includes("*")) return prefixStep(from, to);
  const space = new AddressSpace<true>();
  space.add(from, true);
  const parts = to.split("*");
  const holes = space.find(sampleOf(from))[0]?.captures.length;
  if (holes !== undefined && parts.length - 1 > holes) {
    throw ruleError(`${JSON.stringify(to)} has more places (*) than ${JSON.stringify(from)} has wildcards.`);
  }
  return (address) => {
    // What a pattern stands for is known to the receiver alone.
    if (isPattern(address)) return address;
    const [found] = space.find(address);
    if (found === undefined) return address;
    return parts.map((part, index) => part + (index < parts.length - 1 ? (found.captures[index] ?? "") : "")).join("");
  };
}

/** An address that a mapped one matches, where only `*` and `?` are in it. */
function sampleOf(mapped: string): string {
  return mapped.replaceAll(/[*?]/g, "x");
}

function prefixStep(from: string, to: string): Step {
  if (!from.startsWith("/")) throw ruleError(`An address to rename begins with "/"; got ${JSON.stringify(from)}.`);
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
