import { AddressSpace } from "../address/index.ts";

/** Which of the addresses that a message can mean are among some patterns. */
export type Coverage = "all" | "some" | "none";

/** What some receiver may take for a pattern, more than Oscine does. */
const WILDCARD = /[?*[\]{}]|\/\//;

/** True if the address of a message may be a pattern, which only its receiver can match. */
export function mayBePattern(address: string): boolean {
  return WILDCARD.test(address);
}

/**
 * Compares addresses with patterns as handlers are mapped to. If the address is itself a pattern, the answer is `some` if that can't be known.
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
    // The wildcards of a rule match at least what the same ones of a message do.
    if (literal.has(address) || wholes.some((whole) => start.startsWith(whole.slice(0, -1)))) return "all";
    return starts.some((one) => one.startsWith(start) || start.startsWith(one)) ? "some" : "none";
  };
}

/** What stands before the first wildcard, or between the slashes of the first `//`, which OSC 1.1 matches at any depth. */
function literalPart(pattern: string): string {
  const wildcard = pattern.search(WILDCARD);
  if (wildcard === -1) return pattern;
  return pattern.slice(0, pattern[wildcard] === "/" ? wildcard + 1 : wildcard);
}

/** Gives an address its new name; the same one if it isn't concerned. */
export type Rename = (address: string) => string;

/** Renames the beginning of addresses. */
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
  // An address that the pattern matches, if it contains only * and ?.
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
