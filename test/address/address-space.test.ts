import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressSpace, isPattern } from "../../src/address/index.ts";
import type { Found } from "../../src/address/index.ts";
import { address, mappedAddress, pattern } from "./arbitraries.ts";
import { naiveCapture, naiveMatch } from "./reference.ts";

/** A space in which the value of each mapped address is that address, with a number where it is mapped again. */
function spaceOf(...addresses: string[]): AddressSpace<string> {
  const space = new AddressSpace<string>();
  for (const mapped of addresses) space.add(mapped, mapped);
  return space;
}

function values<T>(found: readonly Found<T>[]): T[] {
  return found.map(({ value }) => value);
}

describe("finding", () => {
  test("a literal address finds what is mapped under it, and nothing else", () => {
    const space = spaceOf("/a", "/a/b", "/a/bc", "/");
    expect(space.find("/a/b")).toEqual([{ value: "/a/b", captures: [] }]);
    expect(values(space.find("/"))).toEqual(["/"]);
    for (const missing of ["/a/", "/a/b/", "/A", "a", "", "//", "/a/b/c"])
      expect(values(space.find(missing)).filter((value) => value === missing)).toEqual([]);
    expect(space.find("/nothing")).toEqual([]);
  });

  test("a pattern finds the literal addresses that it matches", () => {
    const space = spaceOf("/mixer/1/gain", "/mixer/2/gain", "/mixer/10/gain", "/mixer/1/pan", "/gain", "/a//gain");
    expect(values(space.find("/mixer/?/gain"))).toEqual(["/mixer/1/gain", "/mixer/2/gain"]);
    expect(values(space.find("/mixer/1/*"))).toEqual(["/mixer/1/gain", "/mixer/1/pan"]);
    expect(values(space.find("/*/[12]/{pan,gain}"))).toEqual(["/mixer/1/gain", "/mixer/2/gain", "/mixer/1/pan"]);
    expect(values(space.find("//gain"))).toEqual(["/mixer/1/gain", "/mixer/2/gain", "/mixer/10/gain", "/gain", "/a//gain"]);
    expect(values(space.find("/*"))).toEqual(["/gain"]);
    expect(values(space.find("/a//gain"))).toEqual(["/a//gain"]);
    expect(values(space.find("/mixer/[1/gain"))).toEqual([]);
  });

  test("an exact text finds itself, even with pattern characters", () => {
    const space = spaceOf("/a//b", "/a b+c", "/x}", "/x]", "/c[ab]", "/c*");
    expect(values(space.find("/a//b"))).toEqual(["/a//b"]);
    expect(values(space.find("/a b+c"))).toEqual(["/a b+c"]);
    expect(values(space.find("/x}"))).toEqual(["/x}"]);
    expect(values(space.find("/x?"))).toEqual(["/x}", "/x]"]);
    expect(space.find("/c[ab]")).toEqual([
      { value: "/c[ab]", captures: ["[ab]"] },
      { value: "/c*", captures: ["[ab]"] },
    ]);
    expect(space.find("/c*")).toEqual([
      { value: "/c[ab]", captures: ["[ab]"] },
      { value: "/c*", captures: ["*"] },
    ]);
  });

  test("a pattern finds mapped wildcards whose text it matches, which then have matched themselves", () => {
    const space = spaceOf("/f*/x.y", "/f?/{x,y}", "*/x.y", "/g/x.y");
    expect(space.find("/*/x.y")).toEqual([
      { value: "/f*/x.y", captures: ["*"] },
      { value: "*/x.y", captures: ["/*"] },
      { value: "/g/x.y", captures: [] },
    ]);
    expect(space.find("/f?/*")).toEqual([
      { value: "/f*/x.y", captures: ["*"] },
      { value: "/f?/{x,y}", captures: ["?", "{x,y}"] },
    ]);
    expect(space.find("/fo/x.y")).toEqual([
      { value: "/f*/x.y", captures: ["o"] },
      { value: "*/x.y", captures: ["/fo"] },
    ]);
    space.remove("/f*/x.y", "/f*/x.y");
    expect(values(space.find("/*/x.y"))).toEqual(["*/x.y", "/g/x.y"]);
  });

  test("a mapped * finds every message that begins like it, patterns too", () => {
    const space = spaceOf("/*", "/some/address*", "*/gain", "/some/address");
    expect(values(space.find("/some/address"))).toEqual(["/*", "/some/address*", "/some/address"]);
    expect(values(space.find("/some/address/gain"))).toEqual(["/*", "/some/address*", "*/gain"]);
    expect(values(space.find("/some/add*"))).toEqual(["/*", "/some/address*", "/some/address"]);
    expect(values(space.find("//gain"))).toEqual(["/*", "*/gain"]);
    expect(values(space.find("/a[b"))).toEqual(["/*"]);
    expect(values(space.find("a/gain"))).toEqual(["*/gain"]);
    expect(values(space.find("/"))).toEqual(["/*"]);
  });

  test("what was added first comes first, over all addresses and ways to match", () => {
    const space = new AddressSpace<number>();
    for (const [index, mapped] of ["/b/2", "/*", "/a/1", "/b/?", "/b/2", "/a/2", "*2", "/b/1"].entries()) space.add(mapped, index);
    expect(values(space.find("/b/2"))).toEqual([0, 1, 3, 4, 6]);
    expect(values(space.find("/{a,b}/[12]"))).toEqual([0, 1, 2, 4, 5, 7]);
    expect(values(space.find("/*/2"))).toEqual([0, 1, 4, 5, 6]);
  });

  test("finds each value once for each time it was added", () => {
    const space = spaceOf("/a", "/a", "/a*", "/b");
    expect(values(space.find("/a"))).toEqual(["/a", "/a", "/a*"]);
    expect(values(space.find("/{a,a,b}"))).toEqual(["/a", "/a", "/b"]);
    expect(space.size).toBe(4);
  });

  test("returns the same frozen array for an address that comes again", () => {
    const space = spaceOf("/a/b", "/a/c", "/x/*", "/x/y");
    for (const text of ["/a/b", "/a/?", "/x/y", "/x/z", "/none", "/none/*"]) {
      const found = space.find(text);
      expect(space.find(text)).toBe(found);
      expect(Object.isFrozen(found)).toBe(true);
      expect(found.every((one) => Object.isFrozen(one) && Object.isFrozen(one.captures))).toBe(true);
    }
  });
});

describe("captures", () => {
  test.each([
    ["/mixer/*/gain", "/mixer/3/gain", ["3"]],
    ["/mixer/*/gain", "/mixer/a/b/gain", ["a/b"]],
    ["/mixer/*", "/mixer/", [""]],
    ["/**", "/a/b", ["a/b"]],
    ["*", "/a", ["/a"]],
    ["/*/*", "/a/b/c", ["a", "b/c"]],
    ["/*/x/*/y", "/1/x/2/x/3/y", ["1", "2/x/3"]],
    ["/ch?/[a-c]*{on,off}", "/ch7/b-xoff", ["7", "b", "-x", "off"]],
    ["/{a,ab}*", "/abc", ["a", "bc"]],
    ["/{ab,a}*", "/abc", ["a", "bc"]],
    ["/{a,ab}{c,bcd}", "/abcd", ["a", "bcd"]],
    ["/*a*a", "/xaya", ["x", "y"]],
    ["/*a*a", "/aaa", ["", "a"]],
    ["/?*?", "/🎵🎹🎺", ["🎵", "🎹", "🎺"]],
    ["/v[[]*]", "/v[12]", ["[", "12"]],
  ])("%s on %s: %j", (mapped, text, captures) => {
    expect(spaceOf(mapped).find(text)).toEqual([{ value: mapped, captures }]);
  });

  test.each([
    ["/?", "//"],
    ["/a[!b]c", "/a/c"],
    ["/mixer/*/gain", "/mixer/gain"],
    ["/a*a", "/a"],
    ["/*a*b", "/b/a"],
  ])("%s does not match %s", (mapped, text) => {
    expect(spaceOf(mapped).find(text)).toEqual([]);
  });
});

test("finds what the plain reading of the rules finds, whatever is added, removed and asked", () => {
  const text = fc.oneof(address, pattern, mappedAddress);
  let found = 0;
  const known = new Map<string, readonly string[] | undefined>();
  const capturesOf = (mapped: string, asked: string): readonly string[] | undefined => {
    const key = JSON.stringify([mapped, asked]);
    if (!known.has(key)) known.set(key, plainCaptures(mapped, asked));
    return known.get(key);
  };
  const plainFind = (plain: readonly { mapped: string; value: number }[], asked: string): Found<number>[] =>
    plain.flatMap(({ mapped, value }) => {
      const captures = capturesOf(mapped, asked);
      return captures === undefined ? [] : [{ value, captures }];
    });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(address, mappedAddress), fc.boolean()), { maxLength: 8 }),
      fc.array(text, { maxLength: 4 }),
      (mapped, texts) => {
        const space = new AddressSpace<number>({ maxCachedTexts: 4 });
        const plain: { mapped: string; value: number }[] = [];
        const results: unknown[] = [];
        const expected: unknown[] = [];
        const compare = (asked: string): void => {
          const wanted = plainFind(plain, asked);
          found += wanted.length;
          results.push([asked, space.find(asked)]);
          expected.push([asked, wanted]);
        };
        for (const [value, [one, removeLater]] of mapped.entries()) {
          space.add(one, value);
          plain.push({ mapped: one, value });
          for (const asked of [...texts, one]) {
            compare(asked);
          }
          if (removeLater) {
            const [removed] = plain.splice(value % plain.length, 1);
            expect(space.remove(removed!.mapped, removed!.value)).toBe(true);
            texts.forEach(compare);
          }
          expect(space.size).toBe(plain.length);
        }
        expect(results).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(1000);
});

/** What the wildcards of a mapped address match in a text, by the three rules of AddressSpace; undefined if none of them applies. */
function plainCaptures(mapped: string, text: string): readonly string[] | undefined {
  const literal = !/[*?[{]/.test(mapped);
  const asText = mapped === text || (isPattern(text) && naiveMatch(text, mapped));
  const itself = mapped.match(/\*+|\?|\[[^\]]*\]|\{[^}]*\}/g) ?? [];
  if (literal) return asText ? [] : undefined;
  return naiveCapture(mapped, text) ?? (asText ? (naiveCapture(mapped, mapped) ?? itself) : undefined);
}

describe("removing", () => {
  test("removes one value, the first added, and says whether there was one", () => {
    const space = new AddressSpace<string>();
    for (const value of ["x", "y", "x"]) space.add("/a", value);
    expect(space.remove("/a", "x")).toBe(true);
    expect(values(space.find("/a"))).toEqual(["y", "x"]);
    expect(space.remove("/a", "z")).toBe(false);
    expect(space.remove("/b", "x")).toBe(false);
    expect(space.remove("/[", "x")).toBe(false);
    expect(space.remove("/a", "x")).toBe(true);
    expect(space.remove("/a", "x")).toBe(false);
    expect(space.remove("/a", "y")).toBe(true);
    expect([space.size, space.find("/a"), space.find("/*")]).toEqual([0, [], []]);
  });

  test("keeps what is above, below and beside", () => {
    const space = spaceOf("/a", "/a/b", "/a/b/c", "/a/c", "/a/*", "/a/*/c", "/a/*/d");
    space.remove("/a/b", "/a/b");
    expect(values(space.find("//*"))).toEqual(["/a", "/a/b/c", "/a/c", "/a/*", "/a/*/c", "/a/*/d"]);
    expect(values(space.find("/a/b"))).toEqual(["/a/*"]);
    space.remove("/a/*", "/a/*");
    expect(values(space.find("/a/b/c"))).toEqual(["/a/b/c", "/a/*/c"]);
    space.remove("/a/*/c", "/a/*/c");
    expect(values(space.find("/a/x/c"))).toEqual([]);
    expect(values(space.find("/a/x/d"))).toEqual(["/a/*/d"]);
  });

  test("removes 100,000 addresses under one parent, and 20,000 with wildcards, in any order", () => {
    const space = new AddressSpace<number>();
    const count = 100_000;
    const mapped = Array.from({ length: count }, (_, index) => (index % 5 === 0 ? `/p/*/${index}` : `/p/${index}`));
    for (const [index, one] of mapped.entries()) space.add(one, index);
    expect(space.find("/p/?")).toHaveLength(8);
    expect(space.find("/p/x/500")).toEqual([{ value: 500, captures: ["x"] }]);
    // 7,919 and 100,000 have no common divisor: every index once, far from the order of adding.
    for (let step = 0; step < count; step += 1) {
      const index = (step * 7919) % count;
      if (!space.remove(mapped[index]!, index)) throw new Error(`nothing at ${mapped[index]}`);
    }
    expect([space.size, space.find("//*"), space.find("/p/x/500")]).toEqual([0, [], []]);
  });
});

describe("the cache", () => {
  test("is cleared when something is added or removed", () => {
    const space = spaceOf("/a/1");
    expect(values(space.find("/a/*"))).toEqual(["/a/1"]);
    expect(values(space.find("/b/1"))).toEqual([]);
    space.add("/a/2", "/a/2");
    expect(values(space.find("/a/*"))).toEqual(["/a/1", "/a/2"]);
    space.add("/*/1", "/*/1");
    expect(values(space.find("/a/1"))).toEqual(["/a/1", "/*/1"]);
    expect(values(space.find("/b/1"))).toEqual(["/*/1"]);
    space.remove("/*/1", "/*/1");
    expect(values(space.find("/a/1"))).toEqual(["/a/1"]);
    expect(values(space.find("/b/1"))).toEqual([]);
    space.remove("/a/1", "/a/1");
    expect(values(space.find("/a/*"))).toEqual(["/a/2"]);
  });

  test("limits the number of texts, however many different ones come", () => {
    const space = spaceOf("/a/1", "/*");
    for (let index = 0; index < 5000; index += 1) {
      space.find(`/a/{1,${index}}`);
      space.find(`/unknown/${index}`);
      expect(space.cache.texts).toBeLessThanOrEqual(1024);
    }
    expect(space.cache.texts).toBeGreaterThan(500);
    const before = space.cache;
    space.find("/a/1");
    expect(space.cache).toEqual(before);
  });

  test("limits the length of a text", () => {
    const space = new AddressSpace<number>({ maxCachedTextLength: 20 });
    space.add("/*", 1);
    space.find(`/${"x".repeat(20)}`);
    expect(space.cache.texts).toBe(0);
    space.find(`/${"x".repeat(19)}`);
    expect(space.cache.texts).toBe(1);
  });

  test("limits what was found", () => {
    const space = new AddressSpace<number>({ maxCachedWords: 1000 });
    for (let index = 0; index < 300; index += 1) space.add(`/a/${index}`, index);
    for (let index = 0; index < 100; index += 1) {
      expect(space.find(`/a/{x${index},1}*`)).toHaveLength(111);
      expect(space.cache.words).toBeLessThanOrEqual(1000);
    }
    expect(space.cache.texts).toBeGreaterThan(2);
    const { texts } = space.cache;
    for (let index = 0; index < 60; index += 1) space.add(`/w*${"*?".repeat(index)}`, index);
    expect(space.cache).toEqual({ texts: 0, words: 0 });
    expect(texts).toBeLessThan(10);
    // More than half of the room: found, but not remembered.
    expect(space.find(`/w${"x".repeat(60)}`)).toHaveLength(60);
    expect(space.cache.texts).toBe(0);
  });

  test("keeps a text that comes often, however many others come once", () => {
    const space = spaceOf("/a/1");
    const often = space.find("/a/?");
    for (let index = 0; index < 5000; index += 1) {
      space.find(`/a/{1,${index}}`);
      expect(space.find("/a/?")).toBe(often);
    }
  });

  test("can be switched off", () => {
    const space = new AddressSpace<number>({ maxCachedTexts: 0 });
    space.add("/a", 1);
    expect(values(space.find("/?"))).toEqual([1]);
    expect(values(space.find("/?"))).toEqual([1]);
    expect(space.cache).toEqual({ texts: 0, words: 0 });
  });

  test.each(["maxCachedTexts", "maxCachedTextLength", "maxCachedWords"])("needs a finite limit for %s", (option) => {
    for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new AddressSpace({ [option]: value })).toThrow(
        expect.objectContaining({
          code: "OSC_OPTION",
          message: expect.stringContaining(`${option} must be an integer of at least 0; got ${value}`),
        }),
      );
    }
  });

  test("has a literal address that many wildcards match, too", () => {
    const space = spaceOf("/a", ...Array.from({ length: 5 }, (_, index) => `/${"*".repeat(index + 1)}`));
    expect(space.find("/a")).toHaveLength(6);
    expect(space.cache.texts).toBe(1);
    expect(space.find("/a")).toBe(space.find("/a"));
  });
});
