/** Bytes that are nearly packets: built after the grammar with faults here and there, and packets of real programs, changed. */
import { vectors } from "../codec/support.ts";
import type { Random } from "./random.ts";

const fromHex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, "hex"));

/** Packets of real programs, and malformed ones; those that are longer than this say nothing more. */
const LONGEST_SEED = 2000;
const seeds: readonly Uint8Array[] = [...vectors<{ hex: string }>("packets"), ...vectors<{ hex: string }>("malformed")]
  .filter(({ hex }) => hex.length <= 2 * LONGEST_SEED)
  .map(({ hex }) => fromHex(hex));

const LONGEST = 4096;
const TAGS = "ifsbhtdScrmTFNI";
const ODD_TAGS = [..."qxZ,/ \x01\x7f[]é"];
const ADDRESSES = ["/", "/a", "/a/b", "/abc", "/abcd", "/*", "//a", "/[a-", "/{a,b}", "/é", "error", "#bundl", "", "/a b+}"];
const TEXTS = ["", "a", "ab", "abc", "abcd", "text", "é", "🎵", "\ufeff", "a\u0001b"];
/** Whole numbers at which something ends, or turns negative. */
const EDGES = [
  0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 255, 256, 65_535, 65_536, 0x7fff_fffc, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff,
];

/** A packet, or something like one. */
export function makePacket(random: Random, kept: readonly Uint8Array[]): Uint8Array {
  const made = startingPoint(random, kept);
  const changes = random.oneIn(3) ? 0 : random.below(5);
  let bytes = made;
  for (let change = 0; change < changes; change++) bytes = changed(random, bytes, kept);
  return bytes.subarray(0, LONGEST);
}

function startingPoint(random: Random, kept: readonly Uint8Array[]): Uint8Array {
  switch (random.below(8)) {
    case 0:
    case 1:
      return random.pick(seeds);
    case 2:
      return kept.length > 0 ? random.pick(kept) : random.pick(seeds);
    case 3:
      return random.bytes(random.below(40));
    default:
      return element(random, kept, 0);
  }
}

function element(random: Random, kept: readonly Uint8Array[], depth: number): Uint8Array {
  if (depth > 0 && random.oneIn(8)) return random.pick(kept.length > 0 ? kept : seeds);
  // Deep ones must occur, wide and deep ones would be long.
  return depth < 40 && random.oneIn(depth === 0 ? 3 : 2) ? bundle(random, kept, depth) : message(random);
}

function bundle(random: Random, kept: readonly Uint8Array[], depth: number): Uint8Array {
  const parts = [text(random, random.oneIn(50) ? "#bundlf" : "#bundle"), timeTag(random)];
  for (let left = random.below(depth > 3 ? 2 : 4); left > 0; left -= 1) {
    const bytes = element(random, kept, depth + 1);
    parts.push(word(random.oneIn(30) ? (bytes.length + random.pick([-4, -1, 1, 4, 400])) >>> 0 : edgeOr(random, bytes.length)), bytes);
  }
  return concat(parts);
}

function message(random: Random): Uint8Array {
  const parts = [text(random, random.pick(ADDRESSES))];
  if (random.oneIn(20)) return concat(parts);
  let types = ",";
  let depth = 0;
  for (let left = random.below(random.oneIn(50) ? 200 : 9); left > 0; left -= 1) {
    const tag = random.oneIn(40)
      ? random.pick(ODD_TAGS)
      : random.oneIn(8)
        ? depth > 0 && random.oneIn(2)
          ? "]"
          : "["
        : (TAGS[random.below(TAGS.length)] as string);
    depth += tag === "[" ? 1 : tag === "]" ? -1 : 0;
    types += tag;
  }
  while (depth-- > 0 && !random.oneIn(20)) types += "]";
  parts.push(text(random, types));
  for (const tag of types.slice(1)) parts.push(value(random, tag));
  return concat(parts);
}

function value(random: Random, tag: string): Uint8Array {
  switch (tag) {
    case "i":
    case "c":
    case "r":
    case "m":
    case "f":
      return word(random.oneIn(2) ? random.pick(EDGES) : random.bits());
    case "h":
    case "d":
      return concat([word(random.bits()), word(random.pick(EDGES))]);
    case "t":
      return timeTag(random);
    case "s":
    case "S":
      return text(random, random.pick(TEXTS));
    case "b": {
      const size = random.below(10);
      return concat([word(edgeOr(random, size)), padded(random, random.bytes(size))]);
    }
    default:
      return new Uint8Array(0);
  }
}

/** Mostly what it should be. */
function edgeOr(random: Random, right: number): number {
  return random.oneIn(25) ? random.pick(EDGES) : right;
}

function timeTag(random: Random): Uint8Array {
  const seconds = random.pick([0, 0, 1, 0x8000_0000, 3_900_000_000, 3_900_000_000, 0xffff_ffff, random.bits()]);
  return concat([word(seconds), word(random.pick([0, 1, 2, random.bits()]))]);
}

function text(random: Random, content: string): Uint8Array {
  const bytes = new TextEncoder().encode(content);
  if (random.oneIn(60) && bytes.length > 0) bytes[random.below(bytes.length)] = 0x80 + random.below(128);
  return padded(random, concat([bytes, Uint8Array.of(0)]));
}

function padded(random: Random, bytes: Uint8Array): Uint8Array {
  if (random.oneIn(80)) return bytes;
  const whole = new Uint8Array((bytes.length + 3) & ~3);
  if (random.oneIn(60)) whole.fill(0xaa);
  whole.set(bytes);
  return whole;
}

/** The same bytes with one change. */
export function changed(random: Random, bytes: Uint8Array, kept: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1);
  const aligned = at & ~3;
  const copy = bytes.slice();
  switch (random.below(9)) {
    case 0:
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 << random.below(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = random.pick([0, 1, 0x2c, 0x2f, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xc0, 0xdb, 0xff, random.below(256)]);
      return copy;
    case 2:
      if (aligned + 4 <= copy.length) copy.set(word(random.oneIn(2) ? random.pick(EDGES) : copy.length + random.below(9) - 4), aligned);
      return copy;
    case 3:
      return copy.subarray(0, random.oneIn(2) ? at : aligned);
    case 4:
      return concat([copy.subarray(0, aligned), copy.subarray(aligned + 4 * (1 + random.below(4)))]);
    case 5:
      return concat([copy.subarray(0, aligned), random.bytes(4 * random.below(3)), copy.subarray(aligned)]);
    case 6:
      return concat([copy, copy.subarray(aligned)]);
    case 7: {
      const other = random.pick(kept.length > 0 && random.oneIn(2) ? kept : seeds);
      return concat([copy.subarray(0, aligned), other.subarray(random.below(other.length + 1) & ~3)]);
    }
    default:
      return concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + 1 + random.below(4)))]);
  }
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
