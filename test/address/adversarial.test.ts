/** Texts that take other libraries seconds to hours. Each of these would outlast the test runner if matching tried ways one by one. */

import { describe, expect, test } from "vitest";
import { AddressSpace, compilePattern, matchAddress } from "../../src/address/index.ts";

const LONG = 60_000;

describe("patterns made to stall a matcher", () => {
  test("nested repetition, as a regular expression would have it", () => {
    expect(matchAddress("/{a+}+b", `/${"a".repeat(100)}`)).toBe(false);
    expect(matchAddress("/{a+}+b", "/a++b")).toBe(true);
  });

  test("12 stars and a letter that is missing; 2,000 stars too", () => {
    expect(matchAddress(`/${"*a".repeat(12)}X`, `/${"a".repeat(2000)}`)).toBe(false);
    expect(matchAddress(`/${"*".repeat(12)}X`, `/${"a".repeat(2000)}`)).toBe(false);
    expect(matchAddress(`/${"*?".repeat(2000)}X`, `/${"a".repeat(2001)}`)).toBe(false);
    expect(matchAddress(`/${"*?".repeat(2000)}X`, `/${"a".repeat(2000)}X`)).toBe(true);
  });

  test("braces that share prefixes, 1,000 in a row", () => {
    const braces = "{a,aa,aaa,aaaa}".repeat(1000);
    expect(matchAddress(`/${braces}X`, `/${"a".repeat(2000)}`)).toBe(false);
    expect(matchAddress(`/${braces}X`, `/${"a".repeat(2000)}X`)).toBe(true);
  });

  test("5,000 braces nested and never closed, or nested and closed", () => {
    expect(matchAddress(`/${"{a,".repeat(5000)}`, "/a")).toBe(false);
    expect(matchAddress(`/${"{a,".repeat(5000)}${"}".repeat(5000)}`, "/a")).toBe(false);
  });

  test.each(["*", "?", "[", "{", "]", "}", ",", "[]", "{}", "[!", "{,", "*?", "*a", "[a]*", "{a,b}*", "/", "//", "/*", "[/"])(
    "60,000 characters of %s",
    (unit) => {
      const text = `/${unit.repeat(LONG / unit.length)}`;
      const pattern = compilePattern(text);
      for (const address of ["/", "/a", "/a/b", `/${"a".repeat(50)}`, `/${"a/".repeat(50)}b`])
        expect(typeof pattern.matches(address)).toBe("boolean");
      expect(pattern.matches("/nothing")).toBe(unit === "*");
    },
  );

  test("brackets and braces with 60,000 members", () => {
    const members = Array.from({ length: 20_000 }, (_, index) => String.fromCodePoint(0x4e00 + (index % 20_000)));
    expect(matchAddress(`/[${members.join("")}]`, "/日")).toBe(true);
    expect(matchAddress(`/[!${members.join("")}]`, "/日")).toBe(false);
    const texts = Array.from({ length: 10_000 }, (_, index) => `t${index}`).join(",");
    expect(matchAddress(`/*{${texts}}*{${texts}}`, `/${"t".repeat(500)}9999-t1234`)).toBe(true);
  });

  test("thousands of // against deep addresses", () => {
    const deep = "/a".repeat(20_000);
    expect(matchAddress("//a".repeat(20_000), deep)).toBe(true);
    expect(matchAddress("//a".repeat(20_001), deep)).toBe(false);
    expect(matchAddress(`${"//a".repeat(10_000)}//b`, deep)).toBe(false);
    expect(matchAddress(`${"//*".repeat(10_000)}//b`, `${deep}/b`)).toBe(true);
    expect(matchAddress(`//${"a/".repeat(1000)}b`, deep)).toBe(false);
  });
});

describe("patterns made to stall the search in an address space", () => {
  const space = new AddressSpace<number>();
  for (let index = 0; index < 2000; index += 1) space.add(`/aaaaaaaa/aaaaaaaa/a${index}`, index);
  space.add("/a".repeat(3000), -1);

  test.each([
    ["//a".repeat(3000), 1],
    ["//a".repeat(3001), 0],
    [`${"//*".repeat(2999)}//b`, 0],
    [`/${"*a".repeat(8)}/${"*a".repeat(8)}/*a*`, 2000],
    [`/${"*a".repeat(9)}/*/*`, 0],
    [`/${"{,a}".repeat(8)}/*/*`, 2000],
    [`//${"{a,aa}".repeat(5000)}`, 0],
    [`/aaaaaaaa/aaaaaaaa/${"{a,".repeat(5000)}`, 0],
    [`/aaaaaaaa/aaaaaaaa/${"?".repeat(LONG)}`, 0],
    ["/*".repeat(LONG / 2), 0],
  ])("%#", (pattern, count) => {
    expect(space.find(pattern)).toHaveLength(count);
  });

  test("long addresses against mapped wildcards", () => {
    const space = new AddressSpace<number>();
    space.add("/*a*a*a*a*X", 1);
    space.add("/*{a,aa}*{a,aa}*[!b]X", 2);
    space.add("/*", 3);
    const text = "a".repeat(LONG);
    expect(space.find(`/${text}`).map((found) => found.value)).toEqual([3]);
    expect(space.find(`/${text}X`).map((found) => found.value)).toEqual([1, 2, 3]);
    expect(space.find(`/${"/".repeat(LONG)}X`).map((found) => found.value)).toEqual([3]);
  });
});
