import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeOrFault } from "../../src/codec/decode.ts";
import { decode, encode, OscBundle, OscMessage, TimeTag } from "../../src/codec/index.ts";
import { OscDecodeError } from "../../src/errors.ts";
import { flatten, formatMessage } from "../../src/text/format.ts";
import { formatJson, packetFromJson, packetToJson } from "../../src/text/json.ts";
import { readLine } from "../../src/text/arguments.ts";
import { formatTime, readTime } from "../../src/text/values.ts";
import { MessageFilter } from "../../src/text/message-filter.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { message, packet } from "./arbitrary.ts";

const ARRIVAL = { time: 0, from: "127.0.0.1:9000", transport: "udp" };
// oxlint-disable-next-line no-control-regex -- control characters are what must not be there
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

interface Vector {
  readonly id: string;
  readonly hex: string;
  readonly expect: unknown;
}

const vectors = readFileSync(new URL("../vectors/packets.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Vector)
  .filter((vector) => vector.expect !== null);

const encodedVectors = vectors.map(({ hex }) => new Uint8Array(Buffer.from(hex, "hex")));

describe("a message as text", () => {
  test.each([
    [new OscMessage("/mixer/gain", 0.5, "f"), "/mixer/gain ,f 0.5"],
    [
      new OscMessage("/f", [0.1, 440, -0, 1e21, Number.NaN, Number.NEGATIVE_INFINITY], "ffffff"),
      "/f ,ffffff 0.1 440.0 -0.0 1e+21 nan -inf",
    ],
    [new OscMessage("/d", [0.1, 1 / 3], "dd"), "/d ,dd 0.1 0.3333333333333333"],
    [new OscMessage("/n", [1, 2n ** 62n], "ih"), "/n ,ih 1 4611686018427387904"],
    [new OscMessage("/s", ["two words", "", 'a"b'], "sSs"), '/s ,sSs "two words" "" "a\\"b"'],
    [new OscMessage("/c", ["x", -1], "cc"), '/c ,cc "x" -1'],
    [new OscMessage("/b", [Uint8Array.of(0, 255), new Uint8Array()], "bb"), "/b ,bb 0x00ff 0x"],
    [new OscMessage("/m", [[0, 0x90, 60, 127]], "m"), "/m ,m 00903c7f"],
    [new OscMessage("/r", [{ r: 255, g: 128, b: 0, a: 255 }], "r"), "/r ,r #ff8000ff"],
    [new OscMessage("/t", [TimeTag.IMMEDIATELY, new TimeTag(0, 0)], "tt"), "/t ,tt now 0x0000000000000000"],
    [new OscMessage("/o", [true, false, null, Number.POSITIVE_INFINITY, [1, ["a"]]], "TFNI[i[s]]"), '/o ,TFNI[i[s]] 1 "a"'],
    [new OscMessage("/none"), "/none ,"],
    [OscMessage.withoutTypeTags("/untyped"), "/untyped"],
    [new OscMessage("/with space\u001b[31m", 1), '"/with space\\u001b[31m" ,i 1'],
  ])("%#", (one, line) => {
    expect(formatMessage({ message: one, timeTag: null })).toBe(line);
  });

  test("of any content is one safe line, and is read back the same", () => {
    fc.assert(
      fc.property(message, (one) => {
        const line = formatMessage({ message: one, timeTag: null });
        expect(line).not.toMatch(UNSAFE);
        expectSame(readLine(line), one);
      }),
    );
  });

  test("is read back with the time and sender of the readable output, and with its time tag", () => {
    const tag = TimeTag.from(1_700_000_000_123.5);
    const line = `20:15:00.125  127.0.0.1:9000   ${formatMessage({ message: new OscMessage("/x", 1), timeTag: tag })}`;
    expect(readLine(line)).toEqual(new OscBundle(new OscMessage("/x", 1), tag));
    expect(readLine("/x @now")).toEqual(new OscBundle(new OscMessage("/x")));
    expect(readLine("/x ,s @now")).toEqual(new OscMessage("/x", "@now"));
  });

  test("comments and empty lines aren't packets", () => {
    expect([readLine(""), readLine("  \t"), readLine("# text")]).toEqual([null, null, null]);
  });
});

test("time tags keep their 64 bits as text", () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (seconds, fraction) => {
      const tag = new TimeTag(seconds, fraction);
      expect(readTime(formatTime(tag))).toEqual(tag);
    }),
  );
  expect(formatTime(TimeTag.from(Date.UTC(2026, 9, 4, 20, 0, 0, 250)))).toBe("2026-10-04T20:00:00.25Z");
});

test("bundles are flattened with the innermost time tag", () => {
  const [outer, inner] = [TimeTag.from(1_000_000), TimeTag.from(2_000_000)];
  const [a, b, c] = [new OscMessage("/a"), new OscMessage("/b"), new OscMessage("/c")];
  expect(flatten(new OscBundle([a, new OscBundle(b, inner), c], outer))).toEqual([
    { message: a, timeTag: outer },
    { message: b, timeTag: inner },
    { message: c, timeTag: outer },
  ]);
});

describe("a packet as JSON", () => {
  test.each(vectors.map((vector) => [vector.id, vector] as const))("%s has the values of the corpus", (_id, vector) => {
    const line = JSON.stringify(vector.expect);
    const unreadable = /"address":"[^/]/.test(line);
    if (unreadable) expect(() => packetFromJson(line)).toThrow(UsageError);
    else expect(packetToJson(packetFromJson(line))).toEqual(vector.expect);
  });

  test("of any content is one safe line, and is read back the same", () => {
    fc.assert(
      fc.property(packet, (one) => {
        const line = formatJson(one, ARRIVAL);
        expect(line).not.toMatch(UNSAFE);
        expectSame(readLine(line), one);
      }),
    );
  });

  test("gives back the bytes of any packet that was decoded, in order or not", () => {
    const changed = fc
      .tuple(fc.constantFrom(...encodedVectors), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(7))
      .map(([original, changes, cut]) => {
        const bytes = original.slice(0, Math.max(1, original.length - cut));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          changed,
          packet.map((one) => encode(one)),
        ),
        (bytes) => {
          const decoded = decodeOrFault(bytes);
          if (decoded instanceof OscDecodeError) return;
          const line = formatJson(decoded, ARRIVAL);
          expect(line).not.toMatch(UNSAFE);
          expect(Buffer.from(encode(readLine(line)!)).toString("hex")).toBe(Buffer.from(bytes).toString("hex"));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["Latin-1", "2f6100002c7300004be4736500000000"],
    ["trailing bytes", "2f6100002c690000000000010a0b0c0d"],
    ["no type tags", "2f61000000000001"],
    ["an unusual NaN", "2f6100002c6600007fc12345"],
    ["a message out of order in a bundle", "2362756e646c65000000000000000001000000102f6100002c7300004be4736500000000"],
    ["an earlier bundle inside", "2362756e646c6500e000000000000000000000102362756e646c65000000000000000001"],
  ])("has the bytes of a packet with %s", (_, raw) => {
    const line = formatJson(decode(Buffer.from(raw, "hex")), ARRIVAL);
    expect(JSON.parse(line)).toMatchObject({ raw });
    expect(Buffer.from(encode(packetFromJson(line))).toString("hex")).toBe(raw);
  });

  test("has no bytes of a packet in order", () => {
    expect(formatJson(new OscBundle(new OscMessage("/x", ["größer", Number.NaN])), ARRIVAL)).not.toContain("raw");
  });

  test.each([["5"], ['"2f6"'], ['"xy"'], ["null"], ['"00"'], ['""']])("refuses raw bytes that are %s", (raw) => {
    expect(() => packetFromJson(`{"address":"/x","raw":${raw}}`)).toThrow(UsageError);
  });

  test("begins with time, sender and transport", () => {
    expect(formatJson(new OscMessage("/x", 0.5), ARRIVAL)).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","from":"127.0.0.1:9000","transport":"udp","address":"/x","types":"f","args":[0.5]}',
    );
  });

  test.each([
    ['{"address":"/x","args":[1,2.5,"a",true,null,[1]]}', new OscMessage("/x", [1, 2.5, "a", true, null, [1]])],
    ['{"address":"/x"}', new OscMessage("/x")],
    ['{"address":"/x","types":",i","args":[1]}', new OscMessage("/x", 1)],
    ['{"address":"/x","types":null,"args":[]}', OscMessage.withoutTypeTags("/x")],
    ['{"address":"/x","timetag":"now"}', new OscBundle(new OscMessage("/x"))],
    ['{"elements":[{"address":"/x"}]}', new OscBundle(new OscMessage("/x"))],
  ])("%s written by hand is understood", (line, expected) => {
    expect(packetFromJson(line)).toEqual(expected);
  });

  test.each([
    ["{", /not JSON/],
    ["[]", /is an object such as/],
    ['{"address":"x"}', /begins with a slash; got "x"/],
    ["{}", /"address" of a message is a string/],
    ['{"address":"/x","args":5}', /"args" of a message is a list; got 5/],
    ['{"address":"/x","types":7}', /"types" of a message/],
    ['{"address":"/x","types":"i","args":[]}', /more tags/],
    ['{"address":"/x","types":"","args":[1]}', /one too many/],
    ['{"address":"/x","types":"i","args":["a"]}', /does not fit type i/],
    ['{"address":"/x","types":"s","args":[1]}', /1 does not fit type s/],
    ['{"address":"/x","types":"i","args":[{}]}', /\{\} does not fit type i/],
    ['{"address":"/x","types":"[i]","args":[1]}', /\[ needs a list/],
    ['{"address":"/x","types":"[ii]","args":[[1]]}', /fewer values/],
    ['{"address":"/x","types":"[i]","args":[[1,2]]}', /type/i],
    ['{"address":"/x","types":"z","args":[1]}', /"z" is not known/],
    ['{"address":"/x","args":[{"a":1}]}', /needs a type/],
    ['{"address":"/x","timetag":1}', /"timetag" is/],
    ['{"elements":1}', /"elements" of a bundle is a list/],
    [`${'{"elements":['.repeat(40)}${"]}".repeat(40)}`, /more than 32 deep/],
  ])("%s is refused in one line", (line, reason) => {
    expect(() => packetFromJson(line)).toThrow(UsageError);
    expect(() => packetFromJson(line)).toThrow(reason);
  });
});

/** Compares packets by what is sent: floats as 32 bits, and `c` as the code it stands for. */
function expectSame(actual: unknown, expected: OscMessage | OscBundle): void {
  expect(actual).not.toBeNull();
  expect(packetToJson(actual as OscMessage)).toEqual(packetToJson(expected));
}

test("a filter keeps what is wanted of a bundle whose inner bundle has the earlier time", () => {
  const bundle = decode(
    Buffer.from(
      "2362756e646c6500e00000000000000000000008" +
        "2f61000000000000" +
        "00000018" +
        "2362756e646c65000000000000000001" +
        "00000004" +
        "2f620000",
      "hex",
    ),
  ) as OscBundle;
  expect(new MessageFilter(["/b"]).select(bundle)).toMatchObject({ elements: [{ elements: [{ address: "/b" }] }] });
  expect(new MessageFilter(["/*"]).select(bundle)).toBe(bundle);
});
