import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import { bundleTime, clockDoubt, Dispatcher, handlePacket, isEmptyBundle, laterElements } from "../../src/dispatch/index.ts";
import { bundle, CLIENT, message, rawBundle } from "./packets.ts";

const NOON = Date.UTC(2025, 5, 1, 12);

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

describe("bundleTime", () => {
  test("returns the time of a bundle with its fraction, wherever the bytes are in their buffer", () => {
    const data = bundle([new OscMessage("/a")], NOON + 0.5);
    expect(bundleTime(data)).toBeCloseTo(NOON + 0.5, 3);
    const shifted = new Uint8Array(data.length + 3);
    shifted.set(data, 3);
    expect(bundleTime(shifted.subarray(3))).toBe(bundleTime(data));
  });

  test("returns null for a message, an immediate bundle (1 and 0), and anything that isn't a bundle", () => {
    expect(bundleTime(message("/a", 1))).toBeNull();
    expect(bundleTime(bundle([new OscMessage("/a")]))).toBeNull();
    expect(bundleTime(encode(new OscBundle([], new TimeTag(0, 0))))).toBeNull();
    const dated = bundle([], NOON);
    expect(dated).toHaveLength(16);
    for (let length = 0; length < 16; length += 1) expect(bundleTime(dated.subarray(0, length))).toBeNull();
    for (let at = 0; at < 8; at += 1) expect(bundleTime(dated.map((byte, index) => (index === at ? byte ^ 1 : byte)))).toBeNull();
    expect(bundleTime(dated)).toBe(NOON);
  });

  test("reads the era nearest to the present, because the seconds start over in 2036", () => {
    const in2040 = Date.UTC(2040, 0, 1);
    expect(bundleTime(bundle([], in2040))).toBe(in2040);
  });
});

describe("laterElements", () => {
  const at = (ms: number, ...elements: OscPacket[]) => new OscBundle(elements, TimeTag.from(ms));

  test("returns the outermost bundles later than asOf, in order, as views", () => {
    const later = at(NOON + 5, new OscMessage("/later"), at(NOON + 9, new OscMessage("/inside")));
    const deep = at(NOON + 7, new OscMessage("/deep"));
    const data = bundle([new OscMessage("/a"), later, at(NOON - 5, at(NOON), deep), new OscBundle([deep])]);
    const found = laterElements(data, NOON);
    expect(found.map(({ at }) => at)).toEqual([NOON + 5, NOON + 7, NOON + 7]);
    expect(found.map(({ data }) => decode(data))).toEqual([later, deep, deep].map((packet) => decode(encode(packet))));
    for (const element of found) expect(element.data.buffer).toBe(data.buffer);
  });

  test("returns the same empty array if there is none", () => {
    const none = laterElements(message("/a"), NOON);
    expect(none).toEqual([]);
    expect(laterElements(bundle([at(NOON)], NOON), NOON)).toBe(none);
    expect(laterElements(bundle([at(NOON + 1)], NOON), Infinity)).toBe(none);
    expect(laterElements(new Uint8Array(0), NOON)).toBe(none);
    expect(Object.isFrozen(none)).toBe(true);
  });

  test("goes as deep as the decoder and no deeper", () => {
    let packet: OscPacket = at(NOON + 1);
    for (let depth = 2; depth <= 6; depth += 1) packet = new OscBundle([packet]);
    const data = encode(packet);
    expect(laterElements(data, NOON, 6)).toHaveLength(1);
    expect(laterElements(data, NOON, 5)).toHaveLength(0);
  });

  test.each([
    ["a negative size", "fffffffc"],
    ["the most negative size", "80000000"],
    ["a size that is no multiple of 4, but for the last element", "0000000d"],
  ])("%s ends the walk", (_name, size) => {
    const inner = Buffer.from(bundle([], NOON + 1)).toString("hex");
    const header = Buffer.from(bundle([])).toString("hex");
    expect(laterElements(hex(`${header} 00000010 ${inner} ${size} ${inner}`), NOON)).toHaveLength(1);
  });

  test.each(["00000190", "7fffffff", "00000011"])("a last element of size %s is read as far as it goes", (size) => {
    const inner = Buffer.from(bundle([], NOON + 1)).toString("hex");
    const header = Buffer.from(bundle([])).toString("hex");
    const later = laterElements(hex(`${header} 00000010 ${inner} ${size} ${inner}`), NOON);
    expect(later.map(({ data }) => data.length)).toEqual([16, 16]);
  });

  test("skips an element without bytes", () => {
    const header = Buffer.from(bundle([])).toString("hex");
    const inner = Buffer.from(bundle([], NOON + 1)).toString("hex");
    expect(laterElements(hex(`${header} 00000000 00000000 00000010 ${inner}`), NOON)).toHaveLength(1);
  });

  test("walks bundles nested endlessly without using the stack", () => {
    // From the inside out: each is the bundle around all before, 20 bytes of header, time tag and size in front of it.
    const depth = 50_000;
    const header = [...bundle([])];
    const data = new Uint8Array(20 * depth + 16);
    for (let level = 0; level <= depth; level += 1) {
      data.set(header, 20 * level);
      if (level < depth) new DataView(data.buffer).setUint32(20 * level + 16, data.length - 20 * (level + 1));
    }
    expect(laterElements(data, NOON, Infinity)).toEqual([]);
    new DataView(data.buffer).setUint32(20 * depth + 8, 0xffff_ffff);
    expect(laterElements(data, -Infinity, Infinity)).toHaveLength(1);
    expect(laterElements(data, -Infinity)).toEqual([]);
  });
});

describe("clockDoubt", () => {
  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  test.each([
    ["a bundle dated now", 0, null],
    ["one within maxAhead", 10 * MINUTE, null],
    ["one in the past", -HOUR, null],
    ["one an hour ahead", HOUR, "far-ahead"],
    ["one in 2035", Date.UTC(2035, 0) - NOON, "far-ahead"],
    ["one after 2036, which is past in the first era", Date.UTC(2062, 0) - NOON, "other-clock"],
  ])("%s: %d ms ahead", (_name, ahead, doubt) => {
    expect(clockDoubt(NOON + ahead, NOON, 10 * MINUTE)).toBe(doubt);
  });
});

describe("isEmptyBundle", () => {
  const empty = new OscBundle([], TimeTag.from(NOON));
  test.each<[string, Uint8Array, boolean]>([
    ["a bundle without elements", encode(empty).slice(), true],
    ["bundles in one another that hold nothing", encode(new OscBundle([empty, new OscBundle([empty])])).slice(), true],
    ["a message", message("/a"), false],
    ["a bundle with a message", bundle([new OscMessage("/a")]), false],
    ["a message deep inside", encode(new OscBundle([empty, new OscBundle([new OscMessage("/a")])])).slice(), false],
    ["bytes after the elements", Uint8Array.from([...encode(empty), 0, 0]), false],
    ["too few bytes for a bundle", hex("2362756e646c6500"), false],
  ])("%s: %o", (_name, data, expected) => {
    expect(isEmptyBundle(data)).toBe(expected);
  });
});

/** How many messages are handled now, and which bundles are left for later, taken all the way down. */
function handledInStages(data: Uint8Array, asOf: number): string[] {
  const seen: string[] = [];
  const dispatcher = new Dispatcher();
  dispatcher.setDefaultHandler((address) => void seen.push(address));
  const context = {
    handling: { mode: "sync", shutdown: () => undefined },
    clientAddress: CLIENT,
    error: () => undefined,
    reply: () => undefined,
  } as const;
  const run = (bytes: Uint8Array, now: number): void => {
    const result = handlePacket(dispatcher, bytes, { ...context, asOf: now });
    if ("kind" in result && result.kind === "rejected") return;
    for (const later of laterElements(bytes, now)) run(later.data, later.at);
  };
  run(data, asOf);
  return seen;
}

describe("handlePacket leaves out what laterElements finds: in stages or at once, the same messages are handled", () => {
  const leaf = fc.nat(999).map((number) => message(`/${number}`, number, "text", true));
  const times = fc.oneof(
    fc.constant(TimeTag.IMMEDIATELY),
    fc.constant(new TimeTag(0, 0)),
    fc.integer({ min: -3, max: 9 }).map((after) => TimeTag.from(NOON + after)),
  );
  const { packet } = fc.letrec<{ packet: Uint8Array; bundle: Uint8Array }>((tie) => ({
    packet: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, tie("bundle")),
    bundle: fc.tuple(times, fc.array(tie("packet"), { maxLength: 4 })).map(([timeTag, parts]) => rawBundle(timeTag, parts)),
  }));

  test("for bundles of any shape, in any order of time", () => {
    fc.assert(
      fc.property(packet, (data) => {
        expect(handledInStages(data, NOON).toSorted()).toEqual(handledInStages(data, Infinity).toSorted());
      }),
    );
  });

  test("for packets with bytes changed or cut off", () => {
    const change = fc.record({ at: fc.nat(400), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(packet, fc.array(change, { maxLength: 3 }), fc.nat(40), (whole, changes, cut) => {
        const data = whole.subarray(0, Math.max(0, whole.length - (cut > 8 ? 0 : cut)));
        for (const { at, byte } of changes) if (at < data.length) data[at] = byte;
        expect(handledInStages(data, NOON).toSorted()).toEqual(handledInStages(data, Infinity).toSorted());
      }),
      { numRuns: 500 },
    );
  });

  test("for everything that real programs sent, and for every malformed packet", () => {
    let packets = 0;
    for (const file of ["packets", "malformed"]) {
      const lines = readFileSync(new URL(`../vectors/${file}.jsonl`, import.meta.url), "utf8").split("\n");
      for (const line of lines.filter((line) => line !== "")) {
        const { hex: text } = JSON.parse(line) as { hex: string };
        const data = hex(text);
        expect(handledInStages(data, NOON).toSorted()).toEqual(handledInStages(data, Infinity).toSorted());
        packets += 1;
      }
    }
    expect(packets).toBeGreaterThan(500);
  });
});
