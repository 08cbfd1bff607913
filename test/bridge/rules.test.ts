import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { RateLimit } from "../../src/bridge/rate-limit.ts";
import type { BridgeRule } from "../../src/bridge/rule.ts";
import { Rules } from "../../src/bridge/rules.ts";
import { OscMessage, encode } from "../../src/codec/index.ts";

const NO_EVENTS = { onFiltered: vi.fn(), onUnchanged: vi.fn(), onReplaced: vi.fn(), onMalformed: vi.fn() };

function passes(rule: BridgeRule, address: string): boolean {
  let filtered = 0;
  const rules = new Rules([rule], { ...NO_EVENTS, onFiltered: () => (filtered += 1) });
  // A message whose address this encoder would check.
  const packet = new Uint8Array((Math.floor(address.length / 4) + 1) * 4 + 4);
  packet.set(new TextEncoder().encode(address));
  packet[packet.length - 4] = 0x2c;
  const passed = rules.apply(packet, () => undefined);
  expect(filtered).toBe(passed === null ? 1 : 0);
  return passed !== null;
}

describe("drop stops a pattern that can match a dropped address", () => {
  test.each([
    ["/secret/*", "/secret/x", false],
    ["/secret/*", "/public/x", true],
    ["/secret/*", "/secre?/x", false],
    ["/secret/*", "/s*/x", false],
    ["/secret/*", "/[st]ecret/x", false],
    ["/secret/*", "/{secret,public}/x", false],
    ["/secret/*", "//x", false],
    ["/secret/*", "/*", false],
    ["/secret/*", "/public/*", true],
    ["/secret/*", "/public//x", true],
    ["/ch/?/gain", "/ch/*", false],
    ["/ch/?/gain", "/bus/*", true],
    ["*", "/anything", false],
    ["*", "/any?", false],
  ])("drop %s: %s passes: %s", (drop, address, expected) => {
    expect(passes({ drop }, address)).toBe(expected);
  });
});

describe("only passes a pattern if all addresses that it can match are allowed", () => {
  test.each([
    ["/n_set", "/n_set", true],
    ["/n_set", "/{n_set,quit}", false],
    ["/n_set", "/n_se?", false],
    ["/n_set", "//n_set", false],
    ["/ch/*", "/ch/1/gain", true],
    ["/ch/*", "/ch/{1,2}/gain", true],
    ["/ch/*", "/ch/*/gain", true],
    ["/ch/*", "/ch/?", true],
    ["/ch/*", "/ch//gain", true],
    ["/ch/*", "/c*", false],
    ["/ch/*", "//ch/1", false],
    ["/ch/*/gain", "/ch/*/gain", true],
    ["/ch/*/gain", "/ch/*", false],
    ["*", "/any?", true],
  ])("only %s: %s passes: %s", (only, address, expected) => {
    expect(passes({ only }, address)).toBe(expected);
  });
});

test("only and drop check every message of a bundle and every pattern of a list", () => {
  expect(passes({ only: ["/a/*", "/b"] }, "/b")).toBe(true);
  expect(passes({ only: ["/a/*", "/b"] }, "/[ab]")).toBe(false);
  expect(passes({ drop: ["/a", "/b"] }, "/?")).toBe(false);
});

/** How a receiver may read the address of a message, with all that any of them takes for a wildcard; as generous as possible where they differ. */
function generousPattern(address: string): RegExp {
  const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
  const parts = address.match(/\/\/|\*|\?|\[[^\]]*\]|\{[^{}]*\}|[[\]{}]|[^/*?[\]{}]+|\//g) ?? [];
  const source = parts.map((part) => {
    if (part === "//") return "/(?:.*/)?";
    if (part === "*") return ".*";
    if (part === "?") return "[^/]";
    if (part.startsWith("{") && part.endsWith("}"))
      return `(?:${part
        .slice(1, -1)
        .split(",")
        .map((choice) => generousPattern(choice).source.slice(1, -1))
        .join("|")})`;
    if (/^\[.+\]$/.test(part)) return "[^/]";
    return /^[[\]{}]/.test(part) ? ".*" : quoted(part);
  });
  return new RegExp(`^${source.join("")}$`, "s");
}

describe("for any address and any receiver's wildcards", () => {
  const pieces = [
    "/",
    "/",
    "//",
    "a",
    "b",
    "c",
    "ab",
    "*",
    "?",
    "[ab]",
    "[!a]",
    "{a,b}",
    "{b,c*}",
    "{a",
    "}",
    "[",
    "]",
    "{,a}",
    "/*/",
    "**",
  ];
  const address = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 7 }).map((parts) => `/${parts.join("")}`);
  const mapped = fc
    .array(fc.constantFrom("/", "a", "b", "c", "*", "?", "[ab]", "{a,b}"), { minLength: 1, maxLength: 5 })
    .map((parts) => `/${parts.join("")}`)
    .filter((pattern) => !/\/\/|\/$/.test(pattern));
  const plain = ["a", "b", "c", "ab", "ba", "aa"].flatMap((x) => [
    `/${x}`,
    ...["a", "b", "c", "ab"].flatMap((y) => [`/${x}/${y}`, `/${x}/${y}/a`]),
  ]);
  const matches = (pattern: string, target: string): boolean => !passes({ drop: pattern }, target);

  test("no dropped message passes", () => {
    fc.assert(
      fc.property(address, mapped, (sent, drop) => {
        if (!passes({ drop }, sent)) return true;
        const reader = generousPattern(sent);
        return plain.every((target) => !(reader.test(target) && matches(drop, target)));
      }),
      { numRuns: 2000 },
    );
  });

  test("only allowed messages pass", () => {
    fc.assert(
      fc.property(fc.oneof(address, mapped), mapped, (sent, only) => {
        // A rule's own text means the same to the receiver as to the bridge.
        if (sent === only || !passes({ only }, sent)) return true;
        const reader = generousPattern(sent);
        return plain.every((target) => !reader.test(target) || matches(only, target));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("RateLimit", () => {
  test("holds a limited number of bytes, and sends the rest early", () => {
    const sent: number[] = [];
    const limit = new RateLimit(0.001, () => undefined);
    const MIB = 1024 * 1024;
    for (let index = 0; index < 40; index++) {
      const packet = new Uint8Array(MIB);
      const later = (): { packet: Uint8Array; emit: () => void } => ({ packet, emit: () => void sent.push(index) });
      expect(limit.pass(`/${index}`, later)).toBe(true);
      expect(limit.pass(`/${index}`, later)).toBe(false);
      expect(limit.heldBytes).toBeLessThanOrEqual(16 * MIB);
    }
    expect(sent).toEqual(Array.from({ length: sent.length }, (_, index) => index));
    expect(sent.length).toBeGreaterThan(20);
    limit.flush();
    expect(sent).toHaveLength(40);
    expect(limit.heldBytes).toBe(0);
  });

  test("counts the bytes of any number of addresses", () => {
    const limit = new RateLimit(0.001, () => undefined);
    for (let index = 0; index < 300; index++) limit.pass(`/${index}/${"x".repeat(60_000)}`, vi.fn());
    expect(limit.heldBytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    limit.flush();
  });
});

test("a message unaffected by rules stays the same array", () => {
  const rules = new Rules([{ drop: "/x" }], NO_EVENTS);
  const packet = encode(new OscMessage("/y", [1, "a"]));
  expect(rules.apply(packet, () => undefined)).toBe(packet);
});
