/** Address patterns: which addresses a message's address pattern stands for (OSC 1.0, "OSC Message Dispatching and Pattern Matching"). */

import { matchLevels, parseLevels, partsOf } from "./levels.ts";
import type { Level } from "./levels.ts";
import { opensWildcard } from "./token.ts";

/** An address pattern that was read once and can be compared with many addresses. */
export interface AddressPattern {
  /** The text it was made from. */
  readonly pattern: string;
  /** Why the pattern is malformed and matches nothing; undefined for a good one. */
  readonly problem: string | undefined;
  /** Whether the pattern matches the whole of this address. Never throws. */
  matches(address: string): boolean;
}

/**
 * Reads an address pattern. Never throws, since patterns come from the network: a malformed one has a `problem` and matches nothing.
 *
 * Both the pattern and the address are split at `/`, and each part of the pattern has to match the part at its place:
 * `?` any one character (a code point), `*` any run of characters of the part, `[a-z]` and `[!a-z]` one character inside or outside the set,
 * `{foo,bar}` one of the texts, anything else itself; `//` (OSC 1.1) any number of levels. Where the OSC texts are silent:
 *
 * - a `[` or `{` that is not closed within its part, a `{` inside braces, and more than 8 braces with an empty alternative are malformed;
 * - a stray `]` or `}` is itself, and so are `*`, `?`, `[` and `]` inside braces; an empty alternative matches the empty text;
 * - `[]` and a range that runs backwards hold no character; no set holds `/`;
 * - `/a//` ends in an empty part and matches `/a/` and `/a/b/`, not `/a/b`.
 *
 * Nothing is tried twice: the time to match is bounded by the length of the pattern times that of the address.
 *
 * @example
 * const gains = compilePattern("/mixer/{1,2}/gain*");
 * gains.matches("/mixer/2/gain-left"); // true
 */
export function compilePattern(pattern: string): AddressPattern {
  const { levels, problem } = parseLevels(pattern);
  return { pattern, problem, matches: (address) => levels !== undefined && matchesAddress(levels, address) };
}

/**
 * Whether an address pattern matches an address: {@link compilePattern} for a single use.
 *
 * @example
 * matchAddress("/mixer/{1,2}/gain*", "/mixer/2/gain-left"); // true
 * matchAddress("/mixer/*", "/mixer/2/gain"); // false: * ends at a slash
 */
export function matchAddress(pattern: string, address: string): boolean {
  return compilePattern(pattern).matches(address);
}

/**
 * Whether this text of a message may stand for other addresses than itself: it begins with `/` and holds `*`, `?`, `[`, `{` or `//`.
 *
 * @example
 * isPattern("/mixer/1"); // false
 * isPattern("/mixer/*"); // true
 */
export function isPattern(text: string): boolean {
  if (text.charCodeAt(0) !== SLASH) return false;
  let previous = SLASH;
  for (let index = 1; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (opensWildcard(unit) || (unit === SLASH && previous === SLASH)) return true;
    previous = unit;
  }
  return false;
}

const SLASH = 0x2f;

function matchesAddress(levels: readonly Level[], address: string): boolean {
  return address.startsWith("/") && matchLevels(levels, partsOf(address));
}
