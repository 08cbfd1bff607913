import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BridgeRule } from "../../src/bridge/rule.ts";
import { Rules } from "../../src/bridge/rules.ts";
import { EditableMessage } from "../../src/bridge/message.ts";
import { LastArguments } from "../../src/bridge/values.ts";
import { OscBundle, OscMessage, TimeTag, decode, encode, type OscPacket } from "../../src/codec/index.ts";

function ruled(...list: readonly BridgeRule[]) {
  const counts = { filtered: 0, unchanged: 0, replaced: 0 };
  const problems: string[] = [];
  const rules = new Rules(list, {
    onFiltered: () => (counts.filtered += 1),
    onUnchanged: () => (counts.unchanged += 1),
    onReplaced: () => (counts.replaced += 1),
    onMalformed: (message) => problems.push(message),
  });
  const apply = (packet: OscPacket | Uint8Array): OscPacket | null => {
    const passed = rules.apply(packet instanceof Uint8Array ? packet : encode(packet), () => undefined);
    return passed === null || passed === undefined ? null : decode(passed);
  };
  /** Types and arguments of what a message to /x becomes. */
  const edit = (types: string, ...args: readonly never[]): readonly unknown[] | null => {
    const passed = apply(new OscMessage("/x", args, types)) as OscMessage | null;
    return passed === null ? null : [passed.types, ...passed.args];
  };
  return { counts, problems, rules, apply, edit };
}

const values = (...list: readonly unknown[]): never[] => list as never[];

describe("a rule on values", () => {
  test("scale maps one range to another and converts ints to floats", () => {
    const { edit } = ruled({ scale: [0, 127], to: [0, 1] });
    expect(edit("iiifd", ...values(0, 127, 254, 63.5, 63.5))).toEqual(["ffffd", 0, 1, 2, 0.5, 0.5]);
    expect(ruled({ scale: [0, 10], to: [1, 0] }).edit("ih", ...values(2, 10n))).toEqual(["fd", expect.closeTo(0.8), 0]);
  });

  test("clip limits numbers to a range and keeps their type", () => {
    const { edit } = ruled({ clip: [-1, 1] });
    expect(edit("iifdh", ...values(5, 0, -1.5, 2, -7n))).toEqual(["iifdh", 1, 0, -1, 1, -1n]);
    expect(edit("ff", ...values(Number.NaN, Infinity))).toEqual(["ff", -1, 1]);
  });

  test("cast converts numbers and booleans to ints or floats", () => {
    expect(ruled({ cast: "int" }).edit("fdhTFi", ...values(2.6, -1e12, 7n, true, false, 3))).toEqual([
      "iiiiii",
      3,
      -2_147_483_648,
      7,
      1,
      0,
      3,
    ]);
    expect(ruled({ cast: "float" }).edit("ihdT", ...values(3, 4n, 0.5, true))).toEqual(["ffff", 3, 4, 0.5, 1]);
  });

  test("pick keeps arguments in another order, with an array as one", () => {
    expect(ruled({ pick: [2, 0] }).edit("is[ff]", ...values(1, "é", [0.5, 1]))).toEqual(["[ff]i", [0.5, 1], 1]);
    expect(ruled({ pick: [] }).edit("i", ...values(1))).toEqual([""]);
  });

  test("args selects arguments; without it, numbers in arrays change too", () => {
    expect(ruled({ cast: "int", args: 1 }).edit("ff", ...values(0.6, 0.6))).toEqual(["fi", expect.closeTo(0.6), 1]);
    expect(ruled({ cast: "int", args: [0, 9] }).edit("f[f]", ...values(0.6, [0.6]))).toEqual(["i[f]", 1, [expect.closeTo(0.6)]]);
    expect(ruled({ cast: "int" }).edit("sf[f[f]]", ...values("a", 1, [2, [3]]))).toEqual(["si[i[i]]", "a", 1, [2, [3]]]);
  });

  test("rules apply in order, also to messages already renamed", () => {
    const { apply } = ruled({ rename: "/a", to: "/b" }, { scale: [0, 1], to: [0, 100], match: "/b/*" }, { cast: "int", match: "/b/*" });
    const bundle = new OscBundle([new OscMessage("/a/1", 0.257), new OscMessage("/c", 0.25)], new TimeTag(5, 6));
    expect(apply(bundle)).toMatchObject({
      timeTag: new TimeTag(5, 6),
      elements: [
        { address: "/b/1", types: "i", args: [26] },
        { address: "/c", types: "f", args: [0.25] },
      ],
    });
  });

  test("drops and reports a message that it doesn't fit", () => {
    const { edit, apply, problems } = ruled({ pick: [1] });
    expect(edit("i", ...values(1))).toBeNull();
    expect(apply(Buffer.from("/old\0\0\0\0\0\0\0\u0001"))).toBeNull();
    expect(apply(Buffer.from("/cut\0\0\0\0,d\0\0\0\0\0\0"))).toBeNull();
    const nan = ruled({ cast: "int" });
    expect(nan.edit("f", ...values(Number.NaN))).toBeNull();
    expect([...problems, ...nan.problems]).toEqual([
      "A message to /x was not forwarded because a rule doesn't fit it: it has no argument 1.",
      "A message to /old was not forwarded because a rule doesn't fit it: its arguments can't be read.",
      "A message to /cut was not forwarded because a rule doesn't fit it: its arguments can't be read.",
      "A message to /x was not forwarded because a rule doesn't fit it: NaN is not an int.",
    ]);
  });

  test("changes a message whose address is a pattern only if it covers every address that the pattern can match", () => {
    const { apply, counts } = ruled({ clip: [0, 1], match: "/ch/*" });
    expect(apply(new OscMessage("/ch/*/gain", 7))).toMatchObject({ args: [1] });
    expect(apply(new OscMessage("/bus/*", 7))).toMatchObject({ args: [7] });
    expect(apply(new OscMessage("/c*", 7))).toBeNull();
    expect(counts.filtered).toBe(1);
  });
});

describe("changes", () => {
  test("passes a message if its arguments or types differ from the last ones at its address", () => {
    const { apply, counts } = ruled({ changes: true });
    const passed = [1, 1, 2, 1, 1.5].map((value) => apply(new OscMessage("/a", value)) !== null);
    expect(passed).toEqual([true, false, true, true, true]);
    expect(apply(new OscMessage("/b", 1.5))).not.toBeNull();
    expect(apply(new OscMessage("/b", [1.5], "d"))).not.toBeNull();
    expect(apply(new OscBundle([new OscMessage("/b", [1.5], "d"), new OscMessage("/c", 1)]))).toMatchObject({
      elements: [{ address: "/c" }],
    });
    expect(counts.unchanged).toBe(2);
  });

  test("compares arguments after other rules have changed them", () => {
    const { apply } = ruled({ changes: true }, { cast: "int" });
    expect([1.1, 1.2, 2].map((value) => apply(new OscMessage("/a", value)) !== null)).toEqual([true, false, true]);
  });

  test("always passes triggers, and forgets values that a pattern may have changed", () => {
    const { apply } = ruled({ changes: true });
    const passes = (address: string, ...args: readonly never[]): boolean => apply(new OscMessage(address, args)) !== null;
    expect([passes("/cue"), passes("/cue")]).toEqual([true, true]);
    const impulse = (): unknown => apply(new OscMessage("/bang", [1, Infinity] as never, "iI"));
    expect([impulse(), impulse()]).not.toContain(null);
    expect([passes("/ch/1", ...values(0)), passes("/ch/*", ...values(1)), passes("/ch/1", ...values(0))]).toEqual([true, true, true]);
  });

  test("remembers a limited number of addresses and bytes", () => {
    const last = new LastArguments();
    for (let index = 0; index < 300; index++)
      last.hasChanged(new EditableMessage(encode(new OscMessage(`/${index}`, new Uint8Array(100_000)))));
    expect(last.heldBytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(last.hasChanged(new EditableMessage(encode(new OscMessage("/299", new Uint8Array(100_000)))))).toBe(false);
    for (let index = 0; index < 11_000; index++) last.hasChanged(new EditableMessage(encode(new OscMessage(`/n/${index}`, 1))));
    expect(last.hasChanged(new EditableMessage(encode(new OscMessage("/n/0", 1))))).toBe(true);
  });
});

describe("an invalid rule is rejected with its location and the expected value", () => {
  test.each<[object, RegExp]>([
    [{}, /^rules\[1\]: a rule must have only, drop, .* or maxRate; got \{\}\.$/],
    [{ drpo: "/a" }, /Did you mean drop\?$/],
    [{ only: "/a", drop: "/b" }, /only and drop can't be combined in one rule/],
    [{ drop: "/a", mach: "/b" }, /a rule with drop has no property "mach"/],
    [{ clip: [0, 1], mach: "/b" }, /Did you mean match\?/],
    [{ drop: "no-slash" }, /^rules\[1\]: /],
    [{ scale: [0, 127] }, /to must be two numbers, such as \[0, 1\]; got undefined\./],
    [{ scale: [1, 1], to: [0, 1] }, /scale must be two different numbers, such as \[0, 127\]; got \[1,1\]\./],
    [{ scale: [0, "1"], to: [0, 1] }, /got \[0,"1"\]/],
    [{ clip: [1, 0] }, /clip must be a minimum and a maximum/],
    [{ clip: [0, Number.NaN] }, /clip must be two numbers/],
    [{ cast: "string" }, /cast must be "int" or "float"; got "string"/],
    [{ pick: [-1] }, /pick must be a list of arguments, counted from 0, such as \[1, 0\]; got \[-1\]/],
    [{ cast: "int", args: 0.5 }, /args must be a list of arguments/],
    [{ changes: false }, /changes must be true; got false/],
    [{ changes: true, match: [] }, /match must be an address pattern/],
    [{ maxRate: "fast" }, /maxRate must be a number of messages per second/],
  ])("%j", (rule, message) => {
    expect(() => ruled({ drop: "/ok" }, rule as never)).toThrow(message);
  });

  test.each([null, "drop", 7, [{ drop: "/a" }]])("%j", (rule) => {
    expect(() => ruled(rule as never)).toThrow(/^rules\[0\]: a rule must be an object such as/);
  });
});

const argument: fc.Arbitrary<readonly [type: string, value: unknown]> = fc.oneof(
  fc.integer().map((value) => ["i", value] as const),
  fc.float().map((value) => ["f", value] as const),
  fc.double().map((value) => ["d", value] as const),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ["h", value] as const),
  fc
    .string()
    .filter((text) => !text.includes("\0"))
    .map((value) => ["s", value] as const),
  fc.uint8Array({ maxLength: 9 }).map((value) => ["b", value] as const),
  fc.boolean().map((value) => [value ? "T" : "F", value] as const),
  fc.constant(["N", null] as const),
);

const message = fc
  .array(argument, { maxLength: 6 })
  .map((list) => new OscMessage("/x", list.map(([, value]) => value) as never, list.map(([type]) => type).join("")));

describe("for any message", () => {
  test("parts unaffected by a rule stay the same byte for byte", () => {
    const { rules } = ruled({ clip: [0, 1], match: "/other" }, { cast: "int", args: [9] });
    fc.assert(
      fc.property(message, (packet) => {
        const bytes = encode(packet);
        expect([...rules.apply(bytes, () => undefined)!]).toEqual([...bytes]);
      }),
    );
  });

  test("clip leaves only numbers within the range, and doesn't change other values", () => {
    fc.assert(
      fc.property(message, fc.integer({ min: -100, max: 0 }), fc.integer({ min: 1, max: 100 }), (packet, least, most) => {
        const { args, types } = ruled({ clip: [least, most] }).apply(packet) as OscMessage;
        expect(types).toBe(packet.types);
        const expected = (decode(encode(packet)) as OscMessage).args.map((value) => {
          if (typeof value !== "number" && typeof value !== "bigint") return value;
          if (typeof value === "bigint") return value > most ? BigInt(most) : value < least ? BigInt(least) : value;
          return Number.isNaN(value) ? least : Math.min(most, Math.max(least, value));
        });
        expect(args).toEqual(expected);
      }),
    );
  });

  test("a scale and its inverse return the same numbers, apart from rounding", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), fc.integer({ min: 1, max: 999 }), (list, width) => {
        const { apply } = ruled({ scale: [0, width], to: [1, 0] }, { scale: [1, 0], to: [0, width] }, { cast: "int" });
        expect(apply(new OscMessage("/x", list))).toMatchObject({ args: list });
      }),
    );
  });

  test("pick can reorder arguments in any way, and restore them", () => {
    fc.assert(
      fc.property(
        message
          .filter(({ args }) => args.length > 0)
          .chain((packet) =>
            fc.tuple(fc.constant(packet), fc.shuffledSubarray([...packet.args.keys()], { minLength: packet.args.length })),
          ),
        ([packet, order]) => {
          const back = order.map((_index, place) => order.indexOf(place));
          const bytes = encode(packet);
          expect([...ruled({ pick: order }, { pick: back }).rules.apply(bytes, () => undefined)!]).toEqual([...bytes]);
        },
      ),
    );
  });

  test("bytes that aren't OSC never throw", () => {
    const { rules } = ruled({ pick: [0] }, { scale: [0, 1], to: [1, 0] }, { clip: [0, 1] }, { cast: "int" }, { changes: true });
    const tags = fc.string({ unit: fc.constantFrom(..."ifhdsbTFNI[]cx\0"), maxLength: 12 });
    fc.assert(
      fc.property(tags, fc.uint8Array({ maxLength: 40 }), (types, rest) => {
        const bytes = Buffer.concat([Buffer.from(`/x\0\0,${types}\0`), rest]);
        const passed = rules.apply(bytes, () => undefined);
        if (passed !== null && passed !== undefined) expect(decode(passed)).toMatchObject({ address: "/x" });
      }),
    );
  });
});
