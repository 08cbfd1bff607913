/** Small random patterns and addresses that are likely to match one another. */

import * as fc from "fast-check";
import { ranges } from "./reference.ts";

const character: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "-", "🎵", "]", "}", " ");
const text: fc.Arbitrary<string> = fc.array(character, { maxLength: 3 }).map((characters) => characters.join(""));
const safeText: fc.Arbitrary<string> = text.map((value) => value.replaceAll(/[\]}]/g, "b"));

const element: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom("*", "**", "?") },
  fc
    .tuple(fc.constantFrom("", "!"), fc.constantFrom("a", "ab", "a-c", "a-b-", "-a", "c-a", "🎵", "a!", "!", "*", "{"), safeText)
    .map(([not, first, more]) => `[${not}${first}${more}]`),
  fc.array(safeText, { minLength: 1, maxLength: 3 }).map((texts) => `{${texts.join(",")}}`),
);

/** A well-formed address pattern, `//` now and then included. */
export const pattern: fc.Arbitrary<string> = fc
  .array(fc.tuple(fc.constantFrom("/", "/", "/", "//", "///"), fc.array(element, { maxLength: 3 })), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.map(([slashes, elements]) => slashes + elements.join("")).join(""));

/** An address, with empty parts now and then. */
export const address: fc.Arbitrary<string> = fc.array(text, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);

/** A mapped address with or without wildcards; one with a set that holds no character would be refused. */
export const mappedAddress: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("/", "/", "*"), fc.array(fc.oneof({ weight: 3, arbitrary: element }, fc.constant("/")), { maxLength: 5 }))
  .map(([first, elements]) => first + elements.join(""))
  .filter((mapped) => (mapped.match(/\[[^!][^\]]*\]/g) ?? []).every((set) => ranges(set.slice(1, -1)).length > 0));

/** A pattern together with an address made along with it, which it matches more often than not. */
export const patternWithAddress: fc.Arbitrary<readonly [string, string]> = fc
  .array(
    fc.tuple(
      fc.constantFrom<readonly [string, string]>(["/", "/"], ["/", "/"], ["//", "/"], ["//", "/a/b/"], ["///", "//"]),
      fc.array(pair(), { maxLength: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((levels) => {
    const pieces = levels.flatMap(([slashes, pairs]) => [slashes, ...pairs]);
    return [pieces.map(([left]) => left).join(""), pieces.map(([, right]) => right).join("")] as const;
  });

/** An element of a pattern, and a text that it takes, mostly. */
function pair(): fc.Arbitrary<readonly [string, string]> {
  return fc.oneof(
    text.map((value) => [value, value] as const),
    fc.tuple(fc.constantFrom("*", "**", "*?*"), text),
    fc.tuple(fc.constant("?"), character),
    fc.tuple(fc.constantFrom("[a-c]", "[!a]", "[🎵b]", "[!-]", "[-c-a!]"), character),
    fc.tuple(fc.constantFrom("{a,ab,abc}", "{bc,c,}", "{a,b,c}", "{🎵}"), fc.constantFrom("a", "ab", "abc", "bc", "c", "", "🎵")),
  );
}
