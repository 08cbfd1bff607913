import { describe, expect, test } from "vitest";
import { decode, encode } from "../../src/codec/index.ts";
import { OscDecodeError } from "../../src/errors.ts";
import { bytes, errorsIn, hex, type Meaning, meaning, packetOf, thrownBy, vectors } from "./support.ts";

interface PacketVector {
  readonly id: string;
  readonly case: string;
  readonly hex: string;
  readonly expect: Meaning | null;
  readonly valid: boolean;
  readonly lenient?: boolean;
}

interface MalformedVector {
  readonly id: string;
  readonly case: string;
  readonly hex: string;
  readonly verdict: "bad" | "odd" | "ok";
  readonly strict: { readonly decoded: Meaning } | { readonly error: string } | null;
}

const packets = vectors<PacketVector>("packets");
const malformed = vectors<MalformedVector>("malformed");

describe("packets of real programs", () => {
  test("there are as many as there should be", () => {
    expect(packets.filter(({ valid }) => valid).length).toBeGreaterThan(1200);
    expect(packets.filter(({ lenient }) => lenient).length).toBeGreaterThan(3);
  });

  test.each(packets.filter(({ valid }) => valid))("$id $case", (vector) => {
    const packet = decode(bytes(vector.hex));
    expect(meaning(packet)).toEqual(vector.expect);
    expect(errorsIn(packet)).toEqual([]);
    expect(meaning(decode(bytes(vector.hex), { strict: true }))).toEqual(vector.expect);
    if (JSON.stringify(vector.expect).includes('"NaN"')) return;
    expect(hex(encode(packetOf(vector.expect!)))).toBe(vector.hex);
    expect(hex(encode(packet))).toBe(vector.hex);
  });

  test.each(packets.filter(({ lenient }) => lenient))("$id $case: read all the same, and reported", (vector) => {
    const packet = decode(bytes(vector.hex));
    expect(meaning(packet)).toEqual(vector.expect);
    expect(errorsIn(packet).map(({ code }) => code)).toEqual(["OSC_BAD_PADDING"]);
    expect(thrownBy(() => decode(bytes(vector.hex), { strict: true }))).toMatchObject({ code: "OSC_BAD_PADDING" });
  });

  /** The others break the text in ways that a tolerant reader may take or refuse. */
  const others: Record<string, string> = {
    "npm-osc-js-027": "OSC_BAD_TEXT",
    "perl-Protocol-OSC-043": "OSC_TRUNCATED",
    "perl-Protocol-OSC-044": "OSC_TRUNCATED",
    "perl-Protocol-OSC-045": "OSC_TRUNCATED",
    "perl-Protocol-OSC-046": "OSC_TRUNCATED",
    "perl-Protocol-OSC-048": "OSC_TRUNCATED",
    "sclang-093": "OSC_BAD_ADDRESS",
  };

  test.each(packets.filter(({ valid, lenient }) => !valid && !lenient))("$id $case: an error says what is wrong", ({ id, hex: digits }) => {
    expect(outcome(digits, false)).toContain(others[id]);
    expect(outcome(digits, true)).toMatch(/^OSC_/);
  });
});

describe("malformed packets", () => {
  /** Where strict decoding refuses what the verdict of the vectors lets pass: the code, and why. */
  const differs: Record<string, readonly [code: string, why: string]> = {
    "bun-nest-50": ["OSC_NESTING_TOO_DEEP", "its 51 levels are more than the default maxNesting of 32; the next test decodes it with 51"],
    "bun-nest-early": [
      "OSC_TIME_TAG_ORDER",
      'OSC 1.0, "OSC Bundles" forbids an earlier time tag inside, and the vector itself is marked bad',
    ],
  };

  test.each(malformed)("$id $case", (vector) => {
    expect(outcome(vector.hex, false)).toBeTypeOf("string");
    const strict = outcome(vector.hex, true);
    if (vector.strict === null) return;
    const difference = differs[vector.case];
    if (difference) expect(strict, difference[1]).toBe(difference[0]);
    else if ("error" in vector.strict) expect(strict).toMatch(/^OSC_/);
    else expect(meaning(decode(bytes(vector.hex), { strict: true }))).toEqual(vector.strict.decoded);
  });

  test.each(malformed.filter(({ verdict }) => verdict === "ok"))("$id $case is legal, so nothing is reported", (vector) => {
    const packet = decode(bytes(vector.hex), { maxNesting: 51 });
    expect(errorsIn(packet)).toEqual([]);
    if (vector.strict !== null && "decoded" in vector.strict) expect(meaning(packet)).toEqual(vector.strict.decoded);
  });

  test.each(malformed.filter(({ verdict }) => verdict === "bad"))("$id $case is never taken in silence", (vector) => {
    expect(outcome(vector.hex, false)).toMatch(/^OSC_/);
  });
});

/** The code of what was thrown, or those of what was recorded. Anything but our own error goes through. */
function outcome(digits: string, strict: boolean): string {
  try {
    return errorsIn(decode(bytes(digits), { strict }))
      .map(({ code }) => code)
      .join(" ");
  } catch (error) {
    if (error instanceof OscDecodeError) return error.code;
    throw error;
  }
}
