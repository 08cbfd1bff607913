import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCommentedHex } from "../../src/text/hex.ts";
import { encode, OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
import { packet } from "./arbitrary.ts";

const malformed = readFileSync(new URL("../vectors/malformed.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => Buffer.from((JSON.parse(line) as { hex: string }).hex, "hex"));

/** The bytes that the lines show. */
function bytesOf(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/^[\da-f]{4,} */, "").replace(/ *#.*$/, ""))
    .join("")
    .replaceAll(" ", "");
}

function comments(bytes: Uint8Array): string[] {
  return [...formatCommentedHex(bytes).matchAll(/ # (.*)$/gm)].map(([, comment = ""]) => comment);
}

test("every field of a bundle has its line and its meaning", () => {
  const message = new OscMessage("/a/b", [1, 0.5, "text", Uint8Array.of(1, 2, 3), [true, 5n], { r: 1, g: 2, b: 3, a: 4 }]);
  const bundle = new OscBundle([message, new OscBundle(new OscMessage("/c"), TimeTag.from(1_600_000_000_000))]);
  expect(comments(encode(bundle))).toEqual([
    "#bundle",
    "time tag now",
    "element of 56 bytes",
    "  /a/b",
    "  ,ifsb[Th]r",
    "  i 1",
    "  f 0.5",
    '  s "text"',
    "  b of 3 bytes",
    "  b bytes",
    "  h 5",
    "  r #01020304",
    "element of 28 bytes",
    "  #bundle",
    "  time tag 2020-09-13T12:26:40Z",
    "  element of 8 bytes",
    "    /c",
    "    ,",
  ]);
});

test("a long field goes on without a comment", () => {
  const lines = formatCommentedHex(encode(new OscMessage("/x", "0123456789abcdefg"))).split("\n");
  expect(lines.slice(2)).toEqual(['0008  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  # s "0123456789abcdefg"', "0018  67 00 00 00"]);
});

describe("what is wrong is said", () => {
  test.each([
    ["", ["no bytes"]],
    ["6a756e6b", ['not OSC: neither "/" nor "#bundle"']],
    ["2f780000", ["/x"]],
    ["2f780000 00000001", ["/x", "no type tags, so not read"]],
    ["2f780000 2c690000 0000", ["/x", ",i", "i cut short"]],
    ["2f780000 2c690000 00000001 00000002", ["/x", ",i", "i 1", "not read"]],
    ["2f780000 2c7a6900 00000001", ["/x", ",zi", "z is not known"]],
    ["2f780000 2c1b6900 00000001", ["/x", ",\\u001bi", "\\u001b is not known"]],
    ["2f780000 2c620000 00000009 01020304", ["/x", ",b", "b of 9 bytes, but 4 follow"]],
    ["2f780000 2c620000 ffffffff", ["/x", ",b", "b of -1 bytes, but 0 follow"]],
    ["2f780000 2c620000 0000", ["/x", ",b", "b cut short"]],
    ["2362756e646c6500 00000000", ["#bundle", "time tag cut short"]],
    ["2362756e646c6500 0000000000000001 fffffffc 2f780000", ["#bundle", "time tag now", "element of -4 bytes, but 4 follow", "not read"]],
    ["2362756e646c6500 0000000000000001 0000", ["#bundle", "time tag now", "too short for an element"]],
    ["2f781b00", ["/x\\u001b"]],
  ])("%s", (hex, expected) => {
    expect(comments(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toEqual(expected);
  });
});

describe("all bytes are shown, none twice", () => {
  const expectAll = (bytes: Uint8Array): void => {
    expect(bytesOf(formatCommentedHex(bytes))).toBe(Buffer.from(bytes).toString("hex"));
  };

  test("of packets", () => {
    fc.assert(fc.property(packet, (one) => expectAll(encode(one))));
  });

  test("of packets that were damaged, and of any bytes", () => {
    const damaged = fc.tuple(packet, fc.nat(), fc.nat(255), fc.boolean()).map(([one, place, value, cut]) => {
      const bytes = encode(one);
      const at = place % bytes.length;
      bytes[at] = value;
      return cut ? bytes.subarray(0, at) : bytes;
    });
    fc.assert(fc.property(fc.oneof(damaged, fc.uint8Array(), fc.constantFrom(...malformed)), expectAll));
  });
});
