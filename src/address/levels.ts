/** An address pattern as its levels, the texts between the slashes, each of which one part of an address has to match. */

import { MAX_EMPTY_CHOICES, tokenize } from "./token.ts";
import type { Token } from "./token.ts";
import { TokenSequence } from "./token-sequence.ts";

/** One level of a pattern. */
export interface Level {
  /** What the part of the address has to match. */
  readonly part: TokenSequence;
  /** True where `//` stands before it: any number of other parts may come first (OSC 1.1). */
  readonly skip: boolean;
}

/** The levels of a pattern, or the reason why it is malformed. */
export type Levels =
  | { readonly levels: readonly Level[]; readonly problem?: never }
  | { readonly levels?: never; readonly problem: string };

/** Reads a pattern. Three and more slashes in a row mean what `//` means; after a slash at the end comes an empty part, as in an address. */
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
    // No part stands before the slash with which a pattern begins.
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
 * No address that is shorter than this (in UTF-16 units) matches the pattern. Found in one pass, far more quickly than the pattern is read:
 * one that is longer than all that is mapped, as patterns are that were made to take time, need not be read.
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
    // It is malformed.
    if (index < 0) return Infinity;
  }
  return length - Math.min(choices, MAX_EMPTY_CHOICES);
}

const STAR = 0x2a;
const SLASH = 0x2f;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/** The texts between the slashes of an address (`/a/b` has `a` and `b`) that begins with a slash. */
export function partsOf(address: string): string[] {
  return address.slice(1).split("/");
}

/**
 * Whether the levels match the parts of an address. After a `//` the next levels are put at the first place where they fit; a later place is
 * tried only when they then fail before the next `//`, because whatever a later place of them would reach, the next `//` reaches as well.
 */
export function matchLevels(levels: readonly Level[], parts: readonly string[]): boolean {
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
