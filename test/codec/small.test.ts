import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as full from "../../src/codec/index.ts";
import * as small from "../../src/codec/small/index.ts";
import { OscDecodeError, OscEncodeError, OscError } from "../../src/errors.ts";
import { bytes, hex, thrownBy, vectors } from "./support.ts";

/** The small codec does what the other does: the same bytes, values and errors, but for the sentences of the errors. */

type Codec = typeof full;
const CODECS = [full, small as unknown as Codec] as const;

/** What a piece of work comes to with either codec: a value that can be compared, or the error that is thrown. */
function outcomes(work: (codec: Codec) => unknown): readonly [full: unknown, small: unknown] {
  const [one, other] = CODECS.map((codec) => {
    try {
      return work(codec);
    } catch (error) {
      return faultOf(error);
    }
  });
  return [one, other];
}

function expectAlike(work: (codec: Codec) => unknown): void {
  const [one, other] = outcomes(work);
  expect(other).toEqual(one);
}

function faultOf(error: unknown): unknown {
  if (error instanceof OscDecodeError) return { name: error.name, code: error.code, offset: error.offset };
  // What the memory holds that is too small is not said.
  if (error instanceof OscEncodeError && error.code === "OSC_BUFFER_TOO_SMALL") return { name: error.name, code: error.code };
  if (error instanceof OscEncodeError) return { name: error.name, code: error.code, value: error.value };
  if (error instanceof TypeError || error instanceof RangeError) return error.name;
  throw error;
}

/** All that a packet holds, with the order of its fields, and without its classes. */
function plain(packet: full.OscPacket): unknown {
  const { errors, ...fields } = packet;
  const parts = "elements" in fields ? { ...fields, elements: fields.elements.map(plain) } : fields;
  return [packet.constructor.name, Object.keys(packet), parts, errors.map(faultOf)];
}

const corpus = ["packets", "malformed"].flatMap((name) => vectors<{ readonly hex: string }>(name)).map((one) => bytes(one.hex));
const DECODE_OPTIONS: readonly full.DecodeOptions[] = [
  {},
  { strict: true },
  { copyBlobs: true, maxNesting: 2 },
  { maxNesting: 51, maxPacketSize: 64 },
  { strict: true, maxNesting: 5000 },
];
const ENCODE_OPTIONS: readonly full.EncodeOptions[] = [{}, { numbers: "float" }, { maxNesting: 1 }, { maxNesting: 60, maxPacketSize: 40 }];

function decodeAlike(packet: Uint8Array): void {
  for (const options of DECODE_OPTIONS) {
    expectAlike((codec) => plain(codec.decode(packet, options)));
    // The address pattern and the values as they are written again.
    expectAlike((codec) => hex(codec.encode(codec.decode(packet, options))));
  }
}

function encodeAlike(make: (codec: Codec) => full.OscPacket): void {
  expectAlike((codec) => plain(make(codec)));
  for (const options of ENCODE_OPTIONS) expectAlike((codec) => hex(codec.encode(make(codec), options)));
}

describe("the small codec", () => {
  test("has the same names as the other", () => {
    expect(Object.keys(small).toSorted()).toEqual(Object.keys(full).toSorted());
  });

  test("shares the time tag and the errors with the other, and has packets of its own", () => {
    expect(small.TimeTag).toBe(full.TimeTag);
    const error = thrownBy(() => small.decode(bytes("")));
    expect(error).toBeInstanceOf(OscDecodeError);
    expect(error).toBeInstanceOf(OscError);
    expect(String(error)).toBe("OscDecodeError: OSC_EMPTY_PACKET: see docs/errors.md (at byte 0)");
    expect(String(thrownBy(() => small.int(0.5)))).toBe("OscEncodeError: OSC_VALUE_OUT_OF_RANGE: see docs/errors.md");
    expect(thrownBy(() => full.encode(new small.OscMessage("/a") as never))).toMatchObject({ code: "OSC_VALUE_TYPE" });
    expect(thrownBy(() => small.encode(new full.OscMessage("/a") as never))).toMatchObject({ code: "OSC_VALUE_TYPE" });
  });
});

describe("decodes as the other does", () => {
  test("packets of real programs, malformed ones, and past failures", () => {
    expect(corpus.length).toBeGreaterThan(1300);
    for (const packet of corpus) decodeAlike(packet);
    const failures = vectors<{ readonly target: string; readonly input: string }>("regressions").filter(
      ({ target }) => target === "decode",
    );
    expect(failures.length).toBeGreaterThan(5);
    for (const { input } of failures) decodeAlike(bytes(input));
  });

  test("those packets, changed", () => {
    const change = fc.record({
      at: fc.nat(),
      value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0x5b, 0x5d, 0x23, 0x2f)),
    });
    const cut = fc.option(fc.nat(), { nil: undefined });
    fc.assert(
      fc.property(fc.constantFrom(...corpus), fc.array(change, { maxLength: 4 }), cut, (original, changes, end) => {
        const packet = original.slice(0, end === undefined ? undefined : end % (original.length + 1));
        for (const { at, value } of changes) if (packet.length > 0) packet[at % packet.length] = value;
        decodeAlike(packet);
      }),
      { numRuns: 1500 },
    );
  });

  test("those packets as elements of a bundle, with sizes that may be wrong", () => {
    const element = fc.tuple(fc.constantFrom(...corpus.filter(({ length }) => length < 200)), fc.constantFrom(0, 0, 0, 0, -4, 1, 4, 1000));
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), fc.constantFrom(1, 2 ** 31, 2 ** 31 + 5), (elements, seconds) => {
        const header = [...bytes("'#bundle' 00"), ...uint32(seconds), ...uint32(1)];
        decodeAlike(Uint8Array.from([...header, ...elements.flatMap(([part, more]) => [...uint32(part.length + more), ...part])]));
      }),
      { numRuns: 500 },
    );
  });

  test("any arguments of any types", () => {
    const types = fc.string({ unit: fc.constantFrom(..."ifsbhtdScrmTFNI[]ifsb?é"), maxLength: 12 });
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 60 }), (tags, rest) => {
        const text = new TextEncoder().encode(`/a\0\0,${tags}\0`);
        decodeAlike(Uint8Array.from([...text, ...new Uint8Array(-text.length & 3), ...rest]));
      }),
      { numRuns: 1000 },
    );
  });

  test("more faults than are recorded, and nesting at the limits", () => {
    const bundle = (...elements: readonly Uint8Array[]): Uint8Array =>
      Uint8Array.from([...bytes("'#bundle' 00 0000000000000001"), ...elements.flatMap((one) => [...uint32(one.length), ...one])]);
    const odd = bytes("'/a' 00 01 ',' 00 00 00");
    const bad = bytes("00 00 00 00");
    for (const count of [30, 31, 32, 33, 34, 60]) {
      decodeAlike(bundle(...Array<Uint8Array>(count).fill(odd), bad, bad, odd));
      decodeAlike(bundle(bundle(...Array<Uint8Array>(count).fill(bad)), bad, odd));
    }
    for (const depth of [1, 2, 3, 31, 32, 33, 51, 999, 1000, 1001]) {
      const tags = new TextEncoder().encode(`,${"[".repeat(depth)}${"]".repeat(depth)}\0`);
      decodeAlike(Uint8Array.from([...bytes("'/a' 0000"), ...tags, ...new Uint8Array(-tags.length & 3)]));
      if (depth < 60) decodeAlike(Array.from({ length: depth }).reduce<Uint8Array>((inner) => bundle(inner), odd));
    }
  });

  test("headers of bundles, with the NUL and without, cut at every byte", () => {
    for (const header of ["'#bundle' 00", "'#bundle'", "'#bundla' 00"]) {
      const packet = bytes(`${header} 0000000000000001 00000004 '/a' 0000 00000004 '/b' 0000`);
      for (let end = 1; end <= packet.length; end++) decodeAlike(packet.slice(0, end));
    }
    // Of the size of the last element the last byte may look like the beginning of one.
    for (const size of [0x23, 0x2f]) {
      const packet = bytes("'#bundle' 00 0000000000000001 00000000 '/a'");
      decodeAlike(Uint8Array.from([...packet.with(19, size), ...new Uint8Array(size - 2)]));
    }
  });

  test("text with a mark of its byte order, and blobs that are copied", () => {
    decodeAlike(bytes("'/a' 0000 ',s' 0000 efbbbf61 00000000"));
    const packet = bytes("'/a' 0000 ',b' 0000 00000004 01020304");
    for (const copyBlobs of [false, true]) {
      expectAlike((codec) => ((codec.decode(packet, { copyBlobs }) as full.OscMessage).args[0] as Uint8Array).buffer === packet.buffer);
    }
  });

  test("what is no packet at all", () => {
    for (const value of [undefined, "text", [47, 97, 0, 0], new ArrayBuffer(4)]) expectAlike((codec) => codec.decode(value as never));
  });

  test("a Buffer, of which no value is one", () => {
    const [message] = [small.decode(Buffer.from(small.encode(new small.OscMessage("/a", new Uint8Array([1, 2, 3])))))];
    expect((message as small.OscMessage).args[0]?.constructor).toBe(Uint8Array);
  });
});

/** An argument, as either codec makes it. */
type Making = (codec: Codec) => full.OscArgument;

const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.float(),
  fc.double(),
  fc.constantFrom(2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 53 + 2, 1e300, -0, Infinity, -Infinity, Number.NaN),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("", "a\0b", "\ud800", "x\udc00", "\u{1f600}", "ab"),
  fc.boolean(),
  fc.uint8Array({ maxLength: 9 }),
  fc.constantFrom(null, undefined, Symbol("x"), () => 0, {}, new Date(0), [undefined]),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => full.TimeTag.fromBigInt(bits)),
  fc.record({ r: fc.nat(256), g: fc.nat(255), b: fc.nat(255), a: fc.constantFrom(0, 255, "1", 0.5) }),
  fc.array(fc.nat(256), { minLength: 3, maxLength: 5 }),
);
const FUNCTIONS = ["int", "float", "double", "long", "string", "symbol", "char", "color", "blob", "timeTag"] as const;
const typed: fc.Arbitrary<Making> = fc.oneof(
  fc.tuple(fc.constantFrom(...FUNCTIONS), anything).map(
    ([name, value]): Making =>
      (codec) =>
        (codec[name] as (value: unknown) => full.TypedValue)(value),
  ),
  fc.tuple(fc.nat(256), fc.nat(255), fc.nat(255), fc.nat(255)).map(
    (parts): Making =>
      (codec) =>
        codec.midi(...parts),
  ),
  fc.constant<Making>((codec) => codec.infinitum()),
);
const { making } = fc.letrec<{ making: Making }>((tie) => ({
  making: fc.oneof(
    { maxDepth: 3 },
    anything.map(
      (value): Making =>
        () =>
          value as full.OscArgument,
    ),
    typed,
    fc.array(tie("making"), { maxLength: 4 }).map(
      (list): Making =>
        (codec) =>
          list.map((make) => make(codec)),
    ),
  ),
}));
const address = fc.oneof({ weight: 9, arbitrary: fc.string({ maxLength: 9 }).map((name) => `/${name}`) }, anything as fc.Arbitrary<string>);
const types = fc.option(
  fc.oneof(fc.string({ unit: fc.constantFrom(..."ifsbhtdScrmTFNI[]x"), maxLength: 6 }), anything as fc.Arbitrary<string>),
  {
    nil: undefined,
  },
);

describe("makes and encodes as the other does", () => {
  test("any one value, alone and for each type tag", () => {
    fc.assert(
      fc.property(making, (make) => encodeAlike((codec) => new codec.OscMessage("/a", make(codec)))),
      { numRuns: 400 },
    );
    fc.assert(
      fc.property(anything, (value) => {
        for (const tag of "ifsbhtdScrmTFNI[]x,") encodeAlike((codec) => new codec.OscMessage("/a", [value] as never, tag));
      }),
      { numRuns: 80 },
    );
  });

  test("any arguments, with types and without", () => {
    fc.assert(
      fc.property(address, fc.array(making, { maxLength: 5 }), types, (address, list, types) =>
        encodeAlike(
          (codec) =>
            new codec.OscMessage(
              address,
              list.map((make) => make(codec)),
              types,
            ),
        ),
      ),
      { numRuns: 1500 },
    );
  });

  test("arguments with the types that they get by themselves, and with one changed", () => {
    fc.assert(
      fc.property(fc.array(making, { maxLength: 5 }), fc.nat(), fc.constantFrom(..."ifsbhtdScrmTFNI[]"), (list, at, tag) => {
        const [made] = outcomes(
          (codec) =>
            new codec.OscMessage(
              "/a",
              list.map((make) => make(codec)),
            ),
        );
        if (!(made instanceof full.OscMessage)) return;
        const place = at % (made.types.length + 1);
        for (const types of [made.types, `${made.types.slice(0, place)}${tag}${made.types.slice(place + 1)}`]) {
          encodeAlike(
            (codec) =>
              new codec.OscMessage(
                "/a",
                list.map((make) => make(codec)),
                types,
              ),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("messages without type tags", () => {
    fc.assert(fc.property(address, (address) => encodeAlike((codec) => codec.OscMessage.withoutTypeTags(address))));
  });

  test("arrays that nest deep, or hold themselves", () => {
    const nested = (depth: number): full.OscArgument => Array.from({ length: depth }).reduce<full.OscArgument>((inner) => [inner], []);
    for (const depth of [0, 1, 30, 31, 32, 59, 60, 61, 997, 998, 999, 1000]) {
      encodeAlike((codec) => new codec.OscMessage("/a", [1, nested(depth), 2]));
      encodeAlike((codec) => new codec.OscMessage("/a", [nested(depth)], "[".repeat(depth + 1) + "]".repeat(depth + 1)));
    }
    const endless: full.OscArgument[] = [];
    endless.push(endless);
    for (const codec of CODECS) expect(thrownBy(() => new codec.OscMessage("/a", endless))).toMatchObject({ code: "OSC_NESTING_TOO_DEEP" });
  });

  test("bundles, of what may be in one and what may not", () => {
    type MakingPacket = (codec: Codec) => full.OscPacket;
    const timeTag = fc.constantFrom(
      undefined,
      null,
      0,
      ...[0n, 1n, 5n << 32n, 6n << 32n, (2n ** 32n - 3n) << 32n].map((bits) => full.TimeTag.fromBigInt(bits)),
    );
    const { packet } = fc.letrec<{ packet: MakingPacket }>((tie) => ({
      packet: fc.oneof(
        { maxDepth: 3 },
        {
          weight: 5,
          arbitrary: fc.integer().map(
            (value): MakingPacket =>
              (codec) =>
                new codec.OscMessage("/a", value),
          ),
        },
        {
          weight: 1,
          arbitrary: anything.map(
            (value): MakingPacket =>
              () =>
                value as full.OscPacket,
          ),
        },
        {
          weight: 5,
          arbitrary: fc.tuple(fc.array(tie("packet"), { maxLength: 3 }), timeTag).map(
            ([list, at]): MakingPacket =>
              (codec) =>
                new codec.OscBundle(
                  list.map((make) => make(codec)),
                  at as never,
                ),
          ),
        },
      ),
    }));
    fc.assert(
      fc.property(packet, timeTag, (make, at) => {
        expectAlike((codec) => hex(codec.encode(make(codec))));
        encodeAlike((codec) => new codec.OscBundle(make(codec), at as never));
      }),
      { numRuns: 1000 },
    );
  });

  test("into memory of the caller", () => {
    const offset = fc.oneof(fc.integer({ min: -1, max: 30 }), fc.constantFrom(0.5, Number.NaN, undefined));
    fc.assert(
      fc.property(making, fc.nat(60), offset, (make, size, offset) =>
        expectAlike((codec) => {
          const target = new Uint8Array(size).fill(7);
          const written = codec.encodeInto(new codec.OscMessage("/a", make(codec)), target, offset);
          return [written, hex(target)];
        }),
      ),
    );
  });

  test("a large blob, in memory of its own", () => {
    const blob = new Uint8Array(30_000).fill(5);
    encodeAlike((codec) => new codec.OscBundle([new codec.OscMessage("/a", [blob, "x".repeat(9000)])]));
    const encoded = small.encode(new small.OscMessage("/a", 1));
    expect(encoded.buffer.byteLength).toBe(encoded.length);
  });
});

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
