import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blob,
  char,
  color,
  decode,
  double,
  encode,
  encodeInto,
  encodeMessage,
  float,
  infinitum,
  int,
  long,
  midi,
  type OscArgument,
  OscBundle,
  OscMessage,
  type OscPacket,
  string,
  symbol,
  TimeTag,
} from "../../src/codec/index.ts";
import { OscDecodeError, OscEncodeError } from "../../src/errors.ts";
import { bytes, errorsIn, hex, vectors } from "./support.ts";

const text = fc.string({ unit: "grapheme", maxLength: 80 }).map((value) => value.replaceAll("\0", ""));
const byte = fc.integer({ min: 0, max: 255 });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bigint64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyTimeTag = fc.tuple(uint32, uint32).map(([seconds, fraction]) => new TimeTag(seconds, fraction));
const aBlob = fc.uint8Array({ maxLength: 50 });
const aColor = fc.record({ r: byte, g: byte, b: byte, a: byte });
const aFloat = fc.float({ noNaN: true });

const scalar: fc.Arbitrary<OscArgument> = fc.oneof(
  int32,
  aFloat,
  fc.maxSafeInteger(),
  bigint64,
  text,
  fc.boolean(),
  fc.constant(null),
  aBlob,
  anyTimeTag,
  aColor,
  int32.map(int),
  aFloat.map(float),
  fc.double({ noNaN: true }).map(double),
  bigint64.map(long),
  text.map(string),
  text.map(symbol),
  int32.map(char),
  aBlob.map(blob),
  aColor.map(color),
  fc.tuple(byte, byte, byte, byte).map((parts) => midi(...parts)),
  fc.constant(infinitum()),
);
const { argument } = fc.letrec<{ argument: OscArgument }>((tie) => ({
  argument: fc.oneof({ maxDepth: 4, withCrossShrink: true }, scalar, fc.array(tie("argument"), { maxLength: 5 })),
}));
const run = fc.array(fc.oneof(int32, aFloat), { maxLength: 60 });
const list = fc.oneof(fc.array(argument, { maxLength: 12 }), run);
const message = fc.oneof(
  fc.tuple(text, list).map(([name, args]) => new OscMessage(`/${name}`, args)),
  text.map((name) => OscMessage.withoutTypeTags(`/${name}`)),
);
/** A bundle whose inner bundles have its own time tag, or a later one. */
const { packet } = fc.letrec<{ packet: OscPacket; bundle: OscBundle }>((tie) => ({
  packet: fc.oneof({ maxDepth: 3, withCrossShrink: true }, message, tie("bundle")),
  bundle: fc
    .tuple(
      fc.array(tie("packet"), { maxLength: 6 }),
      fc.constantFrom(TimeTag.IMMEDIATELY, new TimeTag(0, 0), new TimeTag(3_900_000_000, 5), new TimeTag(3_900_000_000, 9)),
    )
    .map(([elements, timeTag]) => bundleOf(elements, timeTag)),
}));

/** The bundle, at once where its time tag would be later than that of a bundle inside it. */
function bundleOf(elements: readonly OscPacket[], timeTag: TimeTag): OscBundle {
  try {
    return new OscBundle(elements, timeTag);
  } catch (error) {
    if (!(error instanceof OscEncodeError)) throw error;
    return new OscBundle(elements);
  }
}

const corpus = vectors<{ readonly hex: string }>("packets").map((vector) => bytes(vector.hex));

describe("any packet that can be built", () => {
  test("survives encoding and strict decoding, byte for byte", () => {
    fc.assert(
      fc.property(packet, (built) => {
        const encoded = encode(built);
        expect(encoded.length % 4).toBe(0);
        const decoded = decode(encoded, { strict: true });
        expect(errorsIn(decoded)).toEqual([]);
        expect(hex(encode(decoded))).toBe(hex(encoded));
        expect(shape(decoded)).toEqual(shape(built));
      }),
    );
  });

  test("is encoded alike into memory of the caller, and fits exactly", () => {
    fc.assert(
      fc.property(packet, fc.nat(9), (built, offset) => {
        const encoded = encode(built);
        const target = new Uint8Array(encoded.length + offset);
        expect(encodeInto(built, target, offset)).toBe(encoded.length);
        expect(hex(target.subarray(offset))).toBe(hex(encoded));
        expect(() => encodeInto(built, target.subarray(1), offset)).toThrow(`needs ${encoded.length} bytes`);
      }),
    );
  });

  test("with numbers as floats is as long as with the types that say so, and is decoded", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(int32, text), { maxLength: 30 }), (args) => {
        const built = new OscMessage("/a", args);
        const typed = new OscMessage(
          "/a",
          args.map((value) => (typeof value === "number" ? float(value) : value)),
        );
        expect(hex(encode(built, { numbers: "float" }))).toBe(hex(encode(typed)));
      }),
    );
  });
});

/** What a caller who uses plain JavaScript may pass for an argument. */
const anything = fc.oneof(
  argument,
  fc.anything({ maxDepth: 2, withBigInt: true, withTypedArray: true, withDate: true, withNullPrototype: true }),
  fc.double(),
  fc.string({ unit: "binary" }),
  fc.float32Array({ maxLength: 5 }),
);
const tags = fc.oneof(
  fc.constant(undefined),
  fc.string({ unit: fc.constantFrom(..."ifsbhtdScrmTFNI[]q,"), maxLength: 6 }),
  fc.constantFrom("i", "f", "s", "h", "d"),
);

describe("encodeMessage, for any input, gives", () => {
  const options = fc.record(
    { numbers: fc.constantFrom("auto" as const, "float" as const), maxPacketSize: fc.constantFrom(20, 60, 1e6), maxNesting: fc.nat(3) },
    { requiredKeys: [] },
  );

  test("the bytes or the error of encode(new OscMessage(…))", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          { weight: 5, arbitrary: text.map((name) => `/${name}`) },
          fc.constantFrom("", "a", "/a\0b", "/\ud800", 5),
        ) as fc.Arbitrary<string>,
        fc.oneof(anything, fc.array(anything, { maxLength: 6 }), run, fc.float32Array({ maxLength: 20 })) as fc.Arbitrary<OscArgument>,
        tags,
        fc.oneof(fc.constant(undefined), options),
        (address, args, types, given) => {
          expect(outcome(() => encodeMessage(address, args, types, given))).toEqual(
            outcome(() => encode(new OscMessage(address, args, types), given)),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("the bytes or the error of encode(new OscMessage(…)) if most of the types fit, in short messages and in long ones", () => {
    const tagged = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant("f"), aFloat) },
      fc.tuple(fc.constantFrom("f", "d"), fc.double()),
      fc.tuple(fc.constantFrom("i", "h", "c", "f"), int32),
      fc.tuple(fc.constantFrom("s", "S"), fc.string({ unit: "binary", maxLength: 100 })),
      fc.tuple(fc.constantFrom("s", "b"), text),
      fc.tuple(fc.constant("h"), bigint64),
      fc.tuple(fc.constantFrom("f", "i"), aFloat.map(float)),
      fc.tuple(fc.constantFrom("[f]", "[ff]"), fc.float32Array({ minLength: 1, maxLength: 2 })),
    );
    const copies = fc.constantFrom(1, 1, 1, 1, 1, 2, 12, 40, 400);
    fc.assert(
      fc.property(text, fc.array(tagged, { maxLength: 6 }), copies, fc.boolean(), options, (name, pairs, times, given, how) => {
        const many = Array.from({ length: times }, () => pairs).flat();
        const args = many.map(([, value]) => value as OscArgument);
        const types = given ? many.map(([tag]) => tag).join("") : undefined;
        expect(outcome(() => encodeMessage(`/${name}`, args, types, how))).toEqual(
          outcome(() => encode(new OscMessage(`/${name}`, args, types), how)),
        );
      }),
      { numRuns: 400 },
    );
  });

  test("the bytes that the tags of the inferred message give", () => {
    fc.assert(
      fc.property(list, (args) => {
        const { types } = new OscMessage("/a", args);
        expect(hex(encodeMessage("/a", args))).toBe(hex(encodeMessage("/a", new OscMessage("/a", args).args as OscArgument, types)));
      }),
    );
  });
});

/** The bytes, or what is in the error. */
function outcome(work: () => Uint8Array): unknown {
  try {
    return hex(work());
  } catch (error) {
    if (!(error instanceof OscEncodeError)) throw error;
    // The message itself isn't the same one.
    return [error.code, error.message, error.value instanceof OscMessage ? "the message" : error.value];
  }
}

describe("any bytes at all", () => {
  test("are a packet or an OscDecodeError, and encode gives back the bytes of what was decoded", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), checkBytes), { numRuns: 500 });
  });

  test("that begin like a packet, too", () => {
    const beginnings = [
      "'/a' 0000 2c",
      "'/a' 0000 ',[' ",
      "'#bundle' 00 0000000000000001",
      "'#bundle' 00 0000000000000001 00000010",
      "'#bundle'",
    ].map(bytes);
    fc.assert(
      fc.property(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 100 }), (beginning, rest) =>
        checkBytes(Uint8Array.of(...beginning, ...rest)),
      ),
      { numRuns: 500 },
    );
  });

  test("made of packets of real programs by changing, cutting, doubling and joining", () => {
    const change = fc.record({ at: fc.nat(), kind: fc.constantFrom("set", "cut", "double", "insert"), value: byte });
    fc.assert(
      fc.property(fc.constantFrom(...corpus), fc.array(change, { minLength: 1, maxLength: 6 }), (original, changes) => {
        checkBytes(changes.reduce(changed, original));
      }),
      { numRuns: 1000 },
    );
  });

  test("inside a bundle, cost at most themselves", () => {
    const good = new OscMessage("/good", 1);
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 10 }), { maxLength: 10 }), (elements) => {
        const parts = elements.flatMap((element) => [padded(element), encode(good)]);
        const whole = Buffer.concat([encode(new OscBundle([])), ...parts.flatMap((part) => [size(part.length), part])]);
        const decoded = decode(whole) as OscBundle;
        expect(decoded.elements.filter((element) => element instanceof OscMessage && element.address === "/good").length).toBe(
          elements.length,
        );
        expect(decoded.elements.length + decoded.errors.length).toBeGreaterThanOrEqual(2 * elements.length);
      }),
    );
  });
});

function checkBytes(given: Uint8Array): void {
  let decoded: OscPacket | undefined;
  try {
    decoded = decode(given);
  } catch (error) {
    expect(error).toBeInstanceOf(OscDecodeError);
  }
  let strict: OscPacket | undefined;
  try {
    strict = decode(given, { strict: true });
  } catch (error) {
    expect(error).toBeInstanceOf(OscDecodeError);
    expect((error as OscDecodeError).offset).toBeLessThanOrEqual(given.length);
  }
  if (decoded === undefined) {
    expect(strict).toBeUndefined();
    return;
  }
  expect(strict !== undefined).toBe(errorsIn(decoded).length === 0 && given.length % 4 === 0);
  expect(hex(encode(decoded))).toBe(hex(given));
  if (strict !== undefined) expect(hex(encode(strict))).toBe(hex(given));
}

/** What a packet says, without what was wrong with it. Floats as what 32 bits hold. */
function shape(given: OscPacket): unknown {
  if (given instanceof OscBundle) return [given.timeTag.toBigInt().toString(), given.elements.map(shape)];
  return [given.address, given.types, given.hasTypeTags, given.args.map(shapeOf)];
}

function shapeOf(value: unknown): unknown {
  if (typeof value === "number") return String(Math.fround(value));
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return hex(value);
  return Array.isArray(value) ? value.map(shapeOf) : value;
}

function changed(
  original: Uint8Array,
  { at, kind, value }: { readonly at: number; readonly kind: string; readonly value: number },
): Uint8Array {
  const place = original.length === 0 ? 0 : at % original.length;
  if (kind === "set" && original.length > 0) return original.with(place, value);
  if (kind === "cut") return original.slice(0, place);
  if (kind === "double") return Uint8Array.of(...original.slice(0, 2000), ...original.slice(place, place + 2000));
  return Uint8Array.of(...original.slice(0, place), value, ...original.slice(place));
}

function padded(element: Uint8Array): Uint8Array {
  const whole = new Uint8Array((element.length + 3) & ~3);
  whole.set(element);
  return whole;
}

function size(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
