/** What bounds the work that texts of strangers can make. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AddressSpace, matchAddress } from "../../src/address/index.ts";
import { leastLengthOf } from "../../src/address/pattern.ts";
import { address, pattern, patternWithAddress } from "./arbitraries.ts";

test("no address that is shorter than a pattern's least length matches it", () => {
  let matches = 0;
  fc.assert(
    fc.property(fc.oneof(fc.tuple(pattern, address), patternWithAddress), ([text, target]) => {
      if (!matchAddress(text, target)) return;
      matches += 1;
      expect(leastLengthOf(text)).toBeLessThanOrEqual(target.length);
    }),
    { numRuns: 3000 },
  );
  expect(matches).toBeGreaterThan(100);
});

test.each([
  ["/a/b", 4],
  ["/a//b", 4],
  ["/*a*a", 3],
  ["/??", 3],
  ["/[a-z][!b]", 3],
  ["/{ab,c}x", 2],
  [`/${"{a,}".repeat(20)}`, 13],
  ["/[a", Infinity],
  ["/{a", Infinity],
])("the least length of %s is %d", (text, least) => {
  expect(leastLengthOf(text)).toBe(least);
});

test("counts what a search compares and finds, and nothing if it is cached", () => {
  const space = new AddressSpace<number>();
  for (let index = 0; index < 100; index++) space.add(`/ch${index}`, index);
  const workOf = (text: string): number => {
    const before = space.work;
    space.find(text);
    return space.work - before;
  };
  expect(workOf("/ch1")).toBe(0);
  expect(workOf("/none")).toBe(0);
  expect(workOf("/x*")).toBe(100);
  expect(workOf("/*")).toBe(100 + 100 * 20);
  expect(workOf("/*")).toBe(0);
  expect(workOf(`/${"*a".repeat(50_000)}`), "longer than all that is mapped").toBe(0);
});

test("a long pattern still finds what it matches", () => {
  const space = new AddressSpace<string>();
  for (const mapped of ["/short", "/a".repeat(10)]) space.add(mapped, mapped);
  for (const text of [`/${"*".repeat(5000)}`, `/{${Array.from({ length: 2000 }, (_, index) => `n${index}`).join(",")},short}`])
    expect(space.find(text).map(({ value }) => value)).toEqual(["/short"]);
});
