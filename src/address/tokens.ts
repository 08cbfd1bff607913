/**
 * The tokens of an address pattern, and how they match text (OSC 1.0, "OSC Message Dispatching and Pattern Matching"). Avoids regular
 * expressions and backtracking, because the text may come from the network: matching takes at most tokens × characters.
 */

/** One piece of an address pattern. Every kind except `literal` is a wildcard; `source` is its text in the pattern. */
export type Token =
  | { readonly kind: "literal"; readonly text: string }
  /** `?`: any one character except `/`. */
  | { readonly kind: "any"; readonly source: string }
  /** One or more `*`: any run of characters, possibly empty. */
  | { readonly kind: "run"; readonly source: string }
  /** `[…]`: one character inside (or, negated, outside) the ranges, never `/`. */
  | { readonly kind: "set"; readonly source: string; readonly negated: boolean; readonly ranges: readonly Range[] }
  /** `{…}`: one of the texts, ordered by length; `lengths` are the distinct lengths, ascending. */
  | { readonly kind: "choice"; readonly source: string; readonly texts: ReadonlySet<string>; readonly lengths: readonly number[] };

/** A wildcard: a token that is not literal text. */
export type Wildcard = Exclude<Token, { kind: "literal" }>;

/** An inclusive range of code points. */
interface Range {
  readonly first: number;
  readonly last: number;
}

/** The tokens of a pattern's text, or why it is malformed. */
type Tokens = { readonly tokens: readonly Token[]; readonly problem?: never } | { readonly tokens?: never; readonly problem: string };

/**
 * Maximum number of braces with an empty alternative in one pattern. If every token consumes at least one character, the address bounds the
 * work; tokens that may match nothing need a limit of their own. The OSC specifications don't define an empty alternative.
 */
export const MAX_EMPTY_CHOICES = 8;

/**
 * Parses the text of a pattern, or of one part of it. A `[` or `{` must be closed before the next `/`. A stray `]` or `}` is literal. So
 * are `*`, `?`, `[` and `]` inside braces, and everything inside brackets except `]`, a `-` between two characters and a leading `!`.
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

const SLASH = 0x2f;
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
      return source.includes("{", 1) ? `the { at character ${index + 1} contains another {: braces cannot be nested` : readChoice(source);
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
      // A reversed range such as [9-0] is empty.
      if (first <= last) ranges.push(first * CODE_POINTS + last);
      index += 2;
    }
  }
  return { kind: "set", source, negated, ranges: merged(ranges) };
}

/** An upper bound. Ranges are sorted as single numbers, `first * CODE_POINTS + last`, which is faster than as objects. */
const CODE_POINTS = 0x200000;

/** The same characters as sorted, disjoint ranges, so that membership is a binary search. */
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

/** Whether the sorted ranges contain this code point. */
function inRanges(ranges: readonly Range[], codePoint: number): boolean {
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

/**
 * A part of an address pattern, or a mapped address with wildcards. Here `*` matches any run of characters, including `/` (which a single
 * part can't contain); `?` and `[…]` never match a `/`.
 *
 * Tokens are matched from last to first. Each maps the positions where the rest may begin to the positions where the token may begin.
 */
export class TokenSequence {
  /** The text, if there are no wildcards. */
  readonly literal: string | undefined;
  /** The literal text before the first wildcard. */
  readonly prefix: string;
  /** The literal text after the last wildcard; may be empty. */
  readonly suffix: string;
  /** The wildcards, in order. */
  readonly wildcards: readonly Wildcard[];
  /** The tokens from the last wildcard back to the first. */
  readonly #backward: readonly Token[];
  /** The wildcard, if there is only one: the usual case. */
  readonly #only: Token | undefined;
  /** No text shorter than this (in UTF-16 units) can match. */
  readonly #minLength: number;

  constructor(tokens: readonly Token[]) {
    const first = tokens[0];
    const last = tokens.at(-1);
    this.wildcards = tokens.filter((token) => token.kind !== "literal");
    this.prefix = first?.kind === "literal" ? first.text : "";
    this.literal = this.wildcards.length === 0 ? this.prefix : undefined;
    this.suffix = this.literal === undefined && last?.kind === "literal" ? last.text : "";
    this.#backward = tokens.slice(this.prefix === "" ? 0 : 1, this.suffix === "" ? undefined : -1).toReversed();
    this.#only = this.#backward.length === 1 ? this.#backward[0] : undefined;
    this.#minLength = tokens.reduce((sum, token) => sum + minLengthOf(token), 0);
  }

  /** Whether the whole text matches. */
  accepts(text: string): boolean {
    if (this.literal !== undefined) return text === this.literal;
    if (!this.#framed(text)) return false;
    const from = this.prefix.length;
    const end = text.length - this.suffix.length;
    if (this.#only?.kind === "run") return true;
    if (this.#only?.kind === "choice") return this.#only.texts.has(text.slice(from, end));
    let places: readonly number[] = [end];
    for (const token of this.#backward) {
      places = placesBefore(token, text, from, places);
      if (places.length === 0) return false;
    }
    return places.at(-1) === from;
  }

  /**
   * What each wildcard matched, in order, or undefined if the text doesn't match. Wildcards are non-greedy: the first matches as little as
   * possible, then the second, and so on.
   */
  capture(text: string): readonly string[] | undefined {
    if (this.literal !== undefined) return text === this.literal ? NO_CAPTURES : undefined;
    if (!this.#framed(text)) return undefined;
    const from = this.prefix.length;
    const end = text.length - this.suffix.length;
    if (this.#only?.kind === "run") return Object.freeze([text.slice(from, end)]);
    const steps: Step[] = [];
    let places: readonly number[] = [end];
    for (const token of this.#backward) {
      steps.push({ token, ends: places });
      places = placesBefore(token, text, from, places);
      if (places.length === 0) return undefined;
    }
    return places.at(-1) === from ? captured(steps.toReversed(), text, from) : undefined;
  }

  /** Cheap checks that most texts fail: length, prefix and suffix. */
  #framed(text: string): boolean {
    return text.length >= this.#minLength && text.startsWith(this.prefix) && text.endsWith(this.suffix);
  }
}

/** What a literal address captures: nothing. */
export const NO_CAPTURES: readonly string[] = /* @__PURE__ */ Object.freeze([]);

function minLengthOf(token: Token): number {
  switch (token.kind) {
    case "literal":
      return token.text.length;
    case "any":
    case "set":
      return 1;
    case "choice":
      return token.lengths[0] ?? 0;
    case "run":
      return 0;
  }
}

/** The positions, from `from` on, where this token may begin so that it ends at one of `ends`. Both lists are in descending order. */
function placesBefore(token: Token, text: string, from: number, ends: readonly number[]): readonly number[] {
  const starts: number[] = [];
  switch (token.kind) {
    case "literal":
      for (const end of ends) {
        const start = end - token.text.length;
        if (start >= from && text.startsWith(token.text, start)) starts.push(start);
      }
      return starts;
    case "any":
    case "set":
      for (const end of ends) {
        const start = end - (splitsPair(text, end - 1) ? 2 : 1);
        if (start >= from && takesCharacter(token, text.codePointAt(start) ?? 0)) starts.push(start);
      }
      return starts;
    case "run":
      for (let start = ends[0] ?? -1; start >= from; start -= 1) if (!splitsPair(text, start)) starts.push(start);
      return starts;
    case "choice": {
      const nearest = Math.max(from, (ends.at(-1) ?? 0) - (token.lengths.at(-1) ?? 0));
      for (let start = (ends[0] ?? 0) - (token.lengths[0] ?? 0); start >= nearest; start -= 1) {
        if (choiceEnd(token, text, start, ends) !== undefined) starts.push(start);
      }
      return starts;
    }
  }
}

/** Up to this many texts in a `{…}`, comparing each is faster than slicing the text and looking it up. */
const FEW_TEXTS = 8;

/** The nearest of the positions `ends` (descending) that one of the texts of a `{…}` reaches from `start`. */
function choiceEnd(token: Extract<Token, { kind: "choice" }>, text: string, start: number, ends: readonly number[]): number | undefined {
  const few = token.texts.size <= FEW_TEXTS;
  for (const option of few ? token.texts : token.lengths) {
    const end = start + (typeof option === "string" ? option.length : option);
    if (ends[lastAtLeast(ends, end)] !== end) continue;
    if (typeof option === "string" ? text.startsWith(option, start) : token.texts.has(text.slice(start, end))) return end;
  }
  return undefined;
}

/** A token, and the positions (descending) where it may end so that the rest matches. */
interface Step {
  readonly token: Token;
  readonly ends: readonly number[];
}

/** Walks forward through positions known to lead to a match, and records what each wildcard matches. */
function captured(steps: readonly Step[], text: string, from: number): readonly string[] {
  const captures: string[] = [];
  let start = from;
  for (const { token, ends } of steps) {
    const end = shortestEnd(token, text, start, ends);
    if (token.kind !== "literal") captures.push(text.slice(start, end));
    start = end;
  }
  return Object.freeze(captures);
}

/** The nearest of the positions `ends` (descending) that this token reaches from `start`. There always is one. */
function shortestEnd(token: Token, text: string, start: number, ends: readonly number[]): number {
  switch (token.kind) {
    case "literal":
      return start + token.text.length;
    case "any":
    case "set":
      return start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
    case "run":
      return ends[lastAtLeast(ends, start)] ?? start;
    case "choice":
      return choiceEnd(token, text, start, ends) ?? start;
  }
}

/** The index of the smallest number of a descending list that is at least `limit`; -1 if there is none. */
function lastAtLeast(descending: readonly number[], limit: number): number {
  let low = 0;
  let high = descending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((descending[middle] ?? 0) >= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function takesCharacter(token: Token, codePoint: number): boolean {
  if (codePoint === SLASH) return false;
  return token.kind !== "set" || inRanges(token.ranges, codePoint) !== token.negated;
}

/** Whether `index` splits a surrogate pair. */
function splitsPair(text: string, index: number): boolean {
  if (index <= 0 || (text.charCodeAt(index) & 0xfc00) !== 0xdc00) return false;
  return (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
}
