import { AddressSpace } from "../address/index.ts";

/** How many of the addresses that a message may match are covered by a set of patterns. */
export type Coverage = "all" | "some" | "none";

/** Characters that some receiver may treat as wildcards, including ones that Oscine doesn't. */
const WILDCARD = /[?*[\]{}]|\/\//;

/** Whether a message's address may be a pattern, which only its receiver can match. */
export function mayBePattern(address: string): boolean {
  return WILDCARD.test(address);
}

/**
 * Matches addresses against patterns with the syntax of handler addresses. If the address is itself a pattern and the result can't be determined, it is `some`.
 *
 * @throws OscDispatchError for a pattern that nothing can match
 */
export function coverageBy(patterns: readonly string[]): (address: string) => Coverage {
  const space = new AddressSpace<true>();
  for (const pattern of patterns) space.add(pattern, true);
  const literal = new Set(patterns);
  const starts = patterns.map(literalPart);
  const wholes = patterns.filter((pattern) => pattern.endsWith("*") && literalPart(pattern).length === pattern.length - 1);
  return (address) => {
    if (!mayBePattern(address)) return space.find(address).length > 0 ? "all" : "none";
    const start = literalPart(address);
    // A rule's wildcards match at least as much as the same wildcards in a message.
    if (literal.has(address) || wholes.some((whole) => start.startsWith(whole.slice(0, -1)))) return "all";
    return starts.some((one) => one.startsWith(start) || start.startsWith(one)) ? "some" : "none";
  };
}

/** The part before the first wildcard or inside the first `//`, which OSC 1.1 matches at any depth. */
function literalPart(pattern: string): string {
  const wildcard = pattern.search(WILDCARD);
  if (wildcard === -1) return pattern;
  return pattern.slice(0, pattern[wildcard] === "/" ? wildcard + 1 : wildcard);
}

/** Returns an address's new name, or the same address if the rule doesn't apply. */
export type Rename = (address: string) => string;

/** Renames the start of addresses. */
export function prefixRename(from: string, to: string): Rename {
  const prefix = from.endsWith("/") ? from : `${from}/`;
  const start = to.endsWith("/") ? to : `${to}/`;
  return (address) => {
    if (address === from) return to;
    return address.startsWith(prefix) ? start + address.slice(prefix.length) : address;
  };
}

/**
 * Renames addresses that match a pattern: each `*` of `to` becomes what a wildcard of `from` matched.
 *
 * @returns null if `to` has more `*` than `from` has wildcards
 * @throws OscDispatchError for a pattern that nothing can match
 */
export function patternRename(from: string, to: string): Rename | null {
  const space = new AddressSpace<true>();
  space.add(from, true);
  const parts = to.split("*");
  // An address that matches the pattern, if it contains only * and ?.
  const sample = from.replaceAll(/[*?]/g, "x");
  const holes = space.find(sample)[0]?.captures.length;
  if (holes !== undefined && parts.length - 1 > holes) return null;
  return (address) => {
    if (mayBePattern(address)) return address;
    const [found] = space.find(address);
    if (found === undefined) return address;
    return parts.map((part, index) => part + (index < parts.length - 1 ? (found.captures[index] ?? "") : "")).join("");
  };
}
