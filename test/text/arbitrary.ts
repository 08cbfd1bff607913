import fc from "fast-check";
import { OscBundle, OscMessage, type OscPacket, type OscValue, TimeTag } from "../../src/codec/index.ts";

/** An argument with its type tags: one tag, or a list in brackets. */
interface Argument {
  readonly types: string;
  readonly value: OscValue;
}

// Half of a surrogate pair has no bytes in UTF-8, and NUL ends a string.
const text = fc.string({ unit: "grapheme" }).map((string) => string.replaceAll("\0", ""));
const anyText = fc.oneof(
  text,
  fc.string({ unit: "binary" }).map((string) => string.replaceAll(/[\0\p{Surrogate}]/gu, "")),
);
const byte = fc.nat(255);
const timeTag = fc.oneof(
  fc.constantFrom(new TimeTag(0, 0), new TimeTag(0, 1), new TimeTag(0xffff_ffff, 0xffff_ffff), new TimeTag(0, 2)),
  fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)).map(([seconds, fraction]) => new TimeTag(seconds, fraction)),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2100-01-01") }).map((date) => TimeTag.from(date)),
);

const VALUES: Readonly<Record<string, fc.Arbitrary<OscValue>>> = {
  i: fc.integer(),
  h: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  f: fc.float(),
  d: fc.double(),
  s: anyText,
  S: anyText,
  c: fc.oneof(
    fc.nat(0x10_ffff).map((code) => String.fromCodePoint(code)),
    fc.integer({ min: 0x11_0000, max: 0x7fff_ffff }),
    fc.integer({ max: -1 }),
  ),
  b: fc.uint8Array(),
  t: timeTag,
  r: fc.record({ r: byte, g: byte, b: byte, a: byte }),
  m: fc.tuple(byte, byte, byte, byte),
  T: fc.constant(true),
  F: fc.constant(false),
  N: fc.constant(null),
  I: fc.constant(Number.POSITIVE_INFINITY),
};

const { argument } = fc.letrec<{ argument: Argument; list: Argument; single: Argument }>((tie) => ({
  argument: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("single"), tie("list")),
  list: fc.array(tie("argument"), { maxLength: 4 }).map(joinArguments),
  single: fc
    .constantFrom(...Object.keys(VALUES))
    .chain((tag) => (VALUES[tag] ?? fc.constant(null)).map((value) => ({ types: tag, value }))),
}));

/** Any message that can be built. */
export const message: fc.Arbitrary<OscMessage> = fc.tuple(anyText, fc.array(argument, { maxLength: 6 })).map(
  ([address, args]) =>
    new OscMessage(
      `/${address}`,
      args.map(({ value }) => value),
      args.map(({ types }) => types).join(""),
    ),
);

/** A message, or a bundle with bundles inside. */
export const packet: fc.Arbitrary<OscPacket> = fc.oneof(
  message,
  fc.tuple(fc.array(message, { maxLength: 3 }), fc.array(message, { maxLength: 2 }), timeTag).map(([outer, inner, tag]) => {
    return new OscBundle([...outer, new OscBundle(inner, tag), ...outer], tag);
  }),
);

function joinArguments(list: readonly Argument[]): Argument {
  return { types: `[${list.map(({ types }) => types).join("")}]`, value: list.map(({ value }) => value) };
}
