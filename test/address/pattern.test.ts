import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern, isPattern, matchAddress } from "../../src/address/index.ts";
import { address, pattern, patternWithAddress } from "./arbitraries.ts";
import { naiveMatch } from "./reference.ts";

interface Row {
  readonly id: string;
  readonly pattern: string;
  readonly address: string;
  readonly spec11: boolean | null;
}

const rows: Row[] = readFileSync(new URL("../vectors/patterns.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);
const decided = rows.filter((row) => row.spec11 !== null);
const undecided = rows.filter((row) => row.spec11 === null);

describe("the corpus of patterns", () => {
  test.each(decided)("$id $pattern on $address: $spec11", (row) => {
    expect(matchAddress(row.pattern, row.address)).toBe(row.spec11);
  });

  test.each(undecided)("$id $pattern on $address, which the OSC texts leave open, gives an answer", (row) => {
    expect(typeof matchAddress(row.pattern, row.address)).toBe("boolean");
  });

  test("is all there", () => {
    expect([decided.length, undecided.length]).toEqual([303, 100]);
  });
});

describe("what the OSC texts leave open", () => {
  test.each([
    // Unclosed brackets are malformed, also where a slash comes before the closing one.
    ["/[", "/[", false],
    ["/{a,b", "/a", false],
    ["/a[/]b", "/a/b", false],
    ["/{a,b/c}", "/a", false],
    ["/a/b[c/d", "/a/bc/d", false],
    ["/{a,{b,c}}", "/a", false],
    ["/{a,{b,c}}", "/b}", false],
    // Stray closing brackets, and wildcards inside braces, are themselves.
    ["/a]b}", "/a]b}", true],
    ["/{a*,[b]}", "/a*", true],
    ["/{a*,[b]}", "/[b]", true],
    ["/{a*,[b]}", "/ax", false],
    ["/{a*,[b]}", "/b", false],
    // Empty alternatives, empty sets, backward ranges.
    ["/x{,a}", "/x", true],
    ["/x{,a}", "/xa", true],
    ["/x{}", "/x", true],
    ["/[]", "/a", false],
    ["/[!]", "/a", true],
    ["/[!]", "/", false],
    ["/[9-0]", "/9", false],
    ["/[9-02]", "/2", true],
    ["/[a-c-e]", "/-", true],
    ["/[a-c-e]", "/d", false],
    ["/[!-0]", "/1", true],
    // A set never takes a slash.
    ["/a[!b]c", "/a/c", false],
    ["/a[ -~]c", "/a/c", false],
    // A slash at the end is followed by an empty part.
    ["/a//", "/a/", true],
    ["/a//", "/a/b/", true],
    ["/a//", "/a/b", false],
    ["/a//", "/a", false],
    ["//", "/", true],
    ["//", "/a", false],
    // Neither pattern nor address without a slash at the beginning.
    ["a", "a", false],
    ["*", "a", false],
    ["/*", "a", false],
    ["", "", false],
    ["/", "", false],
  ])("%s on %s: %s", (text, target, expected) => {
    expect(matchAddress(text, target)).toBe(expected);
  });

  test("a character is a code point", () => {
    expect(matchAddress("/?", "/🎵")).toBe(true);
    expect(matchAddress("/??", "/🎵")).toBe(false);
    expect(matchAddress("/*?", "/a🎵")).toBe(true);
    expect(matchAddress("/[🎵-🎹]x", "/🎷x")).toBe(true);
    expect(matchAddress("/[!🎵]", "/🎷")).toBe(true);
    expect(matchAddress("/[\ud83c-\udfff]", "/🎵")).toBe(false);
    expect(matchAddress("/é[é-ö]日?", "/éñ日本")).toBe(true);
  });

  test("at most 8 braces may list the empty text", () => {
    expect(matchAddress(`/${"{,a}".repeat(8)}`, `/${"a".repeat(5)}`)).toBe(true);
    expect(compilePattern(`/${"{,a}".repeat(9)}`).problem).toBe("more than 8 braces have an empty alternative");
    expect(matchAddress(`/${"{,a}".repeat(9)}`, "/aa")).toBe(false);
  });
});

describe("any number of levels", () => {
  test.each([
    ["//gain", "/a/b/gain", true],
    ["//gain", "/a/gain/b", false],
    ["/a//gain", "/a/x/y/gain", true],
    ["/a//gain", "/b/a/gain", false],
    ["//a//b//c", "/a/a/x/b/b/c/c", true],
    ["//a//b//c", "/a/c/b", false],
    ["//a/b//a/c", "/a/a/b/a/a/c", true],
    ["//a/b", "/a/a/b", true],
    ["//a/b/a/c", "/a/b/a/b/a/c", true],
    ["//*", "/a/b", true],
    ["//*/*/*", "/a/b", false],
    ["//[ab]?//{x,y}", "/q/a1/z/y", true],
  ])("%s on %s: %s", (text, target, expected) => {
    expect(matchAddress(text, target)).toBe(expected);
  });
});

describe("matches what the plain reading of the rules matches", () => {
  test.each([
    { made: "apart", pairs: fc.tuple(pattern, address), least: 30 },
    { made: "together", pairs: patternWithAddress, least: 600 },
  ])("patterns and addresses made $made", ({ pairs, least }) => {
    let matches = 0;
    fc.assert(
      fc.property(pairs, ([text, target]) => {
        const expected = naiveMatch(text, target);
        if (expected) matches += 1;
        expect(compilePattern(text).problem).toBeUndefined();
        expect([text, target, matchAddress(text, target)]).toEqual([text, target, expected]);
      }),
      { numRuns: 2500 },
    );
    // Were they all to fail to match, nothing would have been compared.
    expect(matches).toBeGreaterThan(least);
  });
});

test("any text at all gives an answer", () => {
  const anything = fc.array(fc.constantFrom("/", "//", "[", "]", "{", "}", ",", "-", "!", "*", "?", "a", "🎵", "\ud83c", "\udfff"), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(anything, anything, (text, target) => {
      expect(typeof matchAddress(text.join(""), target.join(""))).toBe("boolean");
    }),
    { numRuns: 3000 },
  );
});

test("a compiled pattern says what it was made from, and why it matches nothing", () => {
  const good = compilePattern("/a/{b,c}");
  expect([good.pattern, good.problem, good.matches("/a/c"), good.matches("/a/d")]).toEqual(["/a/{b,c}", undefined, true, false]);
  expect(compilePattern("a").problem).toBe("it does not begin with /");
  expect(compilePattern("/a/[b").problem).toBe("the [ at character 4 is never closed");
  expect(compilePattern("/a/{b/c}").problem).toBe("the { at character 4 is never closed");
  expect(compilePattern("/{a,{b}}").problem).toBe("the { at character 2 contains another {: braces cannot be nested");
});

test("tells patterns from addresses", () => {
  for (const text of ["/*", "/a?", "/[a]", "/{a}", "//a", "/a//b", "/a//", "//", "/[", "/{"])
    expect([text, isPattern(text)]).toEqual([text, true]);
  for (const text of ["/", "/a", "/a/b", "/a]", "/a}", "/a b+c", "a*", "*", "", "#bundle"])
    expect([text, isPattern(text)]).toEqual([text, false]);
});
