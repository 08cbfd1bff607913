/**
 * The pieces that an address pattern is made of, and how they are read from its text (OSC 1.0, "OSC Message Dispatching and Pattern
 * Matching"). Nothing here becomes a regular expression: the text may come from the network.
 */

/** One piece of an address pattern. Every kind but `literal` is a wildcard; `source` is its text in the pattern. */
export type Token =
  | { readonly kind: "literal"; readonly text: string }
  /** `?`: any one character but `/`. */
  | { readonly kind: "any"; readonly source: string }
  /** `*`, or several in a row: any run of characters, the empty one too. */
  | { readonly kind: "run"; readonly source: string }
  /** `[…]`: one character inside (or, negated, outside) the ranges, never `/`. */
  | { readonly kind: "set"; readonly source: string; readonly negated: boolean; readonly ranges: readonly Range[] }
  /** `{…}`: one of the texts, which stand in order of their lengths; `lengths` are the lengths that occur, ascending. */
  | { readonly kind: "choice"; readonly source: string; readonly texts: ReadonlySet<string>; readonly lengths: readonly number[] };

/** A wildcard: a token that is not literal text. */
export type Wildcard = Exclude<Token, { kind: "literal" }>;

/** An inclusive range of code points. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** The tokens of a pattern's text, or the reason why it is malformed. */
export type Tokens =
  | { readonly tokens: readonly Token[]; readonly problem?: never }
  | { readonly tokens?: never; readonly problem: string };

/**
 * How many braces of one pattern may list the empty text. Where every token takes at least one character, the work of matching an address is
 * bounded by that address alone; tokens that may take none have to be bounded by number instead. The OSC texts do not say what an empty
 * alternative means.
 */
export const MAX_EMPTY_CHOICES = 8;

/**
 * Reads the text of a pattern, or of one part of it. A `[` or `{` has to be closed before the next `/`. A stray `]` or `}` is itself,
 * and so are `*`, `?`, `[` and `]` inside braces, and everything but `]`, a `-` between two characters and a leading `!` inside brackets.
 */
export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  let literalStart = 0;
  let emptyChoices = 0;
  let index = 0;
  for (;;) {
    while (index < text.length && !opensWildcard(text.charCodeAt(index))) index += 1;
    if (literalStart < index) tokens.push({ kind: "literal", text: text.slice(literalStart, index) });
    if (index === text.length) return { tokens };
    const token = wildcardAt(text, index);
    if (typeof token === "string") return { problem: token };
    if (token.kind === "choice" && token.lengths[0] === 0) emptyChoices += 1;
    if (emptyChoices > MAX_EMPTY_CHOICES) return { problem: `more than ${MAX_EMPTY_CHOICES} braces have an empty alternative` };
    tokens.push(token);
    index += token.source.length;
    literalStart = index;
  }
}

/** Whether this UTF-16 unit begins a wildcard. */
export function opensWildcard(unit: number): boolean {
  return unit === STAR || unit === QUESTION_MARK || unit === OPENING_BRACKET || unit === OPENING_BRACE;
}

const STAR = 0x2a;
const MINUS = 0x2d;
const QUESTION_MARK = 0x3f;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/** The wildcard that begins at `index`, or why it is malformed. */
function wildcardAt(text: string, index: number): Wildcard | string {
  switch (text.charCodeAt(index)) {
    case STAR: {
      let end = index + 1;
      while (text[end] === "*") end += 1;
      return { kind: "run", source: text.slice(index, end) };
    }
    case OPENING_BRACKET: {
      const source = enclosed(text, index, "]");
      return source === undefined ? `the [ at character ${index + 1} is never closed` : readSet(source);
    }
    case OPENING_BRACE: {
      const source = enclosed(text, index, "}");
      if (source === undefined) return `the { at character ${index + 1} is never closed`;
      return source.includes("{", 1) ? `the { at character ${index + 1} holds another {: braces cannot be nested` : readChoice(source);
    }
    default:
      return { kind: "any", source: "?" };
  }
}

function enclosed(text: string, open: number, close: "]" | "}"): string | undefined {
  const end = text.indexOf(close, open + 1);
  if (end < 0) return undefined;
  const source = text.slice(open, end + 1);
  return source.includes("/") ? undefined : source;
}

function readChoice(source: string): Wildcard {
  const texts = new Set(
    source
      .slice(1, -1)
      .split(",")
      .toSorted((a, b) => a.length - b.length),
  );
  const lengths = [...new Set(Array.from(texts, (text) => text.length))];
  return { kind: "choice", source, texts, lengths };
}

function readSet(source: string): Wildcard {
  const negated = source[1] === "!";
  const members = Array.from(source.slice(negated ? 2 : 1, -1), (character) => character.codePointAt(0) ?? 0);
  const ranges: number[] = [];
  for (let index = 0; index < members.length; index += 1) {
    const first = members[index] ?? 0;
    const last = members[index + 1] === MINUS ? members[index + 2] : undefined;
    if (last === undefined) {
      ranges.push(first * CODE_POINTS + first);
    } else {
      // A range that runs backwards, such as [9-0], holds nothing.
      if (first <= last) ranges.push(first * CODE_POINTS + last);
      index += 2;
    }
  }
  return { kind: "set", source, negated, ranges: merged(ranges) };
}

/** More than there are: a range is sorted as one number, `first * CODE_POINTS + last`, which is several times quicker than as an object. */
const CODE_POINTS = 0x200000;

/** The same characters as sorted ranges that do not touch, so that membership is a binary search however long the brackets are. */
function merged(ranges: readonly number[]): Range[] {
  const result: Range[] = [];
  for (const range of Float64Array.from(ranges).toSorted()) {
    const first = Math.floor(range / CODE_POINTS);
    const last = range % CODE_POINTS;
    const previous = result.at(-1);
    if (previous === undefined || first > previous.last + 1) result.push({ first, last });
    else if (last > previous.last) result[result.length - 1] = { first: previous.first, last };
  }
  return result;
}

/** Whether the sorted ranges hold this code point. */
export function inRanges(ranges: readonly Range[], codePoint: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined || codePoint < range.first) high = middle;
    else if (codePoint > range.last) low = middle + 1;
    else return true;
  }
  return false;
}
