/** Address patterns of messages, and the addresses, with or without wildcards, under which a program maps its handlers. */

import { OscDispatchError } from "../errors.ts";
import { checkString } from "../options.ts";
import { MAX_EMPTY_CHOICES, opensWildcard, type Token, tokenize, TokenSequence } from "./tokens.ts";

const STAR = 0x2a;
const SLASH = 0x2f;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/** An address pattern, parsed once to match many addresses. */
export interface AddressPattern {
  /** The source text. */
  readonly pattern: string;
  /** Why the pattern is malformed and matches nothing; undefined for a well-formed one. */
  readonly problem: string | undefined;
  /** Whether the pattern matches the whole of this address. Never throws. */
  matches(address: string): boolean;
}

/**
 * Parses an address pattern (OSC 1.0, "OSC Message Dispatching and Pattern Matching"). Never throws, because patterns come from the
 * network: a malformed one has a `problem` and matches nothing.
 *
 * Pattern and address are split at `/`, and each part of the pattern must match the corresponding part of the address: `?` matches any one
 * character (code point), `*` any run of characters in the part, `[a-z]` and `[!a-z]` one character inside or outside the set, `{foo,bar}`
 * one of the texts, anything else itself, and `//` (OSC 1.1) any number of levels. Where the OSC specifications are silent:
 *
 * - a `[` or `{` that isn't closed within its part, a `{` inside braces, and more than 8 braces with an empty alternative are malformed;
 * - a stray `]` or `}` is literal, and so are `*`, `?`, `[` and `]` inside braces; an empty alternative matches the empty text;
 * - `[]` and a reversed range contain no characters; no set contains `/`;
 * - `/a//` ends in an empty part and matches `/a/` and `/a/b/`, not `/a/b`.
 *
 * There is no backtracking: matching takes at most the length of the pattern times that of the address.
 *
 * @example
 * const gains = compilePattern("/mixer/{1,2}/gain*");
 * gains.matches("/mixer/2/gain-left"); // true
 */
export function compilePattern(pattern: string): AddressPattern {
  checkString("A pattern", pattern);
  const { levels, problem } = parseLevels(pattern);
  return { pattern, problem, matches: (address) => matchesAddress(levels, address) };
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
 * Whether a message's address may match other addresses than itself: it begins with `/` and contains `*`, `?`, `[`, `{` or `//`.
 *
 * @example
 * isPattern("/mixer/1"); // false
 * isPattern("/mixer/*"); // true
 */
export function isPattern(text: string): boolean {
  checkString("An address", text);
  if (text.charCodeAt(0) !== SLASH) return false;
  let previous = SLASH;
  for (let index = 1; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (opensWildcard(unit) || (unit === SLASH && previous === SLASH)) return true;
    previous = unit;
  }
  return false;
}

function matchesAddress(levels: readonly Level[] | undefined, address: string): boolean {
  checkString("An address", address);
  return levels !== undefined && address.startsWith("/") && matchLevels(levels, partsOf(address));
}

/**
 * Parses an address to be mapped; returns undefined for a literal address.
 *
 * `*` matches any run of characters, `/` included; `?`, `[…]` and `{…}` work as in an address pattern. `//` is just two slashes. Spaces,
 * `+`, `#`, `,` and stray `]` or `}` are literal, because real programs send them. To match a literal `*`, `?`, `[` or `{`, write it in
 * brackets: `[*]`, `[?]`, `[[]`, `[{]`.
 *
 * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS` for an address that no message can match: it begins with neither `/` nor `*`, contains
 *   a NUL, a `[` or `{` that isn't closed before the next `/`, an empty set, nested braces, or more than 8 braces with an empty alternative
 */
export function parseMappedAddress(address: string): TokenSequence | undefined {
  if (typeof address !== "string") throw refused(String(address), `it is not a string`, "Pass a string such as /mixer/1/gain.");
  if (!address.startsWith("/") && !address.startsWith("*")) {
    throw refused(address, "it begins with neither / nor *", address === "" ? "Use /* to see every message." : `Write /${address}.`);
  }
  if (address.includes("\0")) throw refused(address, "it contains a NUL, which terminates OSC strings", "Remove the NUL.");
  if (isLiteral(address)) return undefined;
  const { tokens, problem } = tokenize(address);
  if (tokens === undefined) throw refused(address, problem, "Fix it, or write [[] or [{] for the literal character.");
  const hopeless = tokens.find(isHopeless);
  if (hopeless !== undefined)
    throw refused(
      address,
      `${hopeless.source} contains no characters, so nothing can match`,
      "Add a character, or write ranges from low to high.",
    );
  return new TokenSequence(tokens);
}

/**
 * Checks an address to be mapped, as `map` and `add` do.
 *
 * @throws OscDispatchError `OSC_BAD_MAPPED_ADDRESS` for an address that no message can match; the error message says why and how to fix it
 *
 * @example
 * validateMappedAddress("/mixer/*");
 * validateMappedAddress("/mixer/["); // throws OscDispatchError, OSC_BAD_MAPPED_ADDRESS
 */
export function validateMappedAddress(address: string): void {
  parseMappedAddress(address);
}

function isLiteral(address: string): boolean {
  for (let index = 0; index < address.length; index += 1) if (opensWildcard(address.charCodeAt(index))) return false;
  return true;
}

function isHopeless(token: Token): token is Extract<Token, { kind: "set" }> {
  return token.kind === "set" && !token.negated && token.ranges.length === 0;
}

function refused(address: string, reason: string, cure: string): OscDispatchError {
  return new OscDispatchError("OSC_BAD_MAPPED_ADDRESS", `Cannot map ${JSON.stringify(address)}: ${reason}. ${cure}`, address);
}

/** One level of a pattern. */
export interface Level {
  /** What the part of the address must match. */
  readonly part: TokenSequence;
  /** True after a `//`: any number of other parts may precede it (OSC 1.1). */
  readonly skip: boolean;
}

/** The levels of a pattern, or why it is malformed. */
type Levels = { readonly levels: readonly Level[]; readonly problem?: never } | { readonly levels?: never; readonly problem: string };

/**
 * Parses a pattern. Three or more consecutive slashes mean the same as `//`. A trailing slash is followed by an empty part, as in an
 * address.
 */
export function parseLevels(pattern: string): Levels {
  if (!pattern.startsWith("/")) return { problem: "it does not begin with /" };
  const { tokens, problem } = tokenize(pattern);
  if (tokens === undefined) return { problem };
  const levels: Level[] = [];
  let part: Token[] = [];
  let skip = false;
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "literal") {
      part.push(token);
      continue;
    }
    // No part precedes the leading slash.
    const texts = (index === 0 ? token.text.slice(1) : token.text).split("/");
    for (const [position, text] of texts.entries()) {
      if (position > 0 && part.length === 0) skip = true;
      if (position > 0 && part.length > 0) {
        levels.push({ part: new TokenSequence(part), skip });
        part = [];
        skip = false;
      }
      if (text !== "") part.push({ kind: "literal", text });
    }
  }
  levels.push({ part: new TokenSequence(part), skip });
  return { levels };
}

/**
 * No address shorter than this (in UTF-16 units) matches the pattern. Cheaper than parsing: hostile patterns longer than all mapped
 * addresses are never parsed.
 */
export function leastLengthOf(pattern: string): number {
  let length = 0;
  let choices = 0;
  for (let index = 0; index < pattern.length; index += 1) {
    const unit = pattern.charCodeAt(index);
    if (unit === STAR || (unit === SLASH && pattern.charCodeAt(index - 1) === SLASH)) continue;
    length += 1;
    if (unit !== OPENING_BRACKET && unit !== OPENING_BRACE) continue;
    if (unit === OPENING_BRACE) choices += 1;
    index = pattern.indexOf(unit === OPENING_BRACE ? "}" : "]", index + 1);
    // Malformed.
    if (index < 0) return Infinity;
  }
  return length - Math.min(choices, MAX_EMPTY_CHOICES);
}

/** The parts between the slashes of an address that begins with a slash: `/a/b` has `a` and `b`. */
function partsOf(address: string): string[] {
  return address.slice(1).split("/");
}

/**
 * Whether the levels match the parts of an address. After a `//`, the next levels are tried at the first position where they fit. Later
 * positions are tried only if the levels fail before the next `//`, because that one reaches everything that a later position could.
 */
function matchLevels(levels: readonly Level[], parts: readonly string[]): boolean {
  let levelIndex = 0;
  let partIndex = 0;
  let skipLevel = -1;
  let skipPart = 0;
  while (partIndex < parts.length) {
    if (parts.length - partIndex < levels.length - levelIndex) return false;
    const level = levels[levelIndex];
    if (level?.skip === true && skipLevel !== levelIndex) {
      skipLevel = levelIndex;
      skipPart = partIndex;
    }
    if (level?.part.accepts(parts[partIndex] ?? "") === true) {
      levelIndex += 1;
      partIndex += 1;
    } else if (skipLevel < 0) {
      return false;
    } else {
      skipPart += 1;
      partIndex = skipPart;
      levelIndex = skipLevel;
    }
  }
  return levelIndex === levels.length;
}
