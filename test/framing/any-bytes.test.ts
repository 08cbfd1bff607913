import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFrameDecoder, encodeFrame, encodeFrames, lengthPrefixEncode, slipEncode } from "../../src/framing/index.ts";
import { byteByByte, concat, eventsOf, hex, record, toHex } from "./events.ts";

const GOOD = "2f676f6f64000000";

/** Bytes in which those with a meaning come often. */
const anyByte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xc0, 0xdb, 0xdc, 0xdd, 0x00, 0x04, 0x2f));
const anyBytes = fc.array(anyByte, { maxLength: 120 }).map((bytes) => Uint8Array.from(bytes));
const anyPacket = fc.array(anyByte, { minLength: 1, maxLength: 60 }).map((bytes) => Uint8Array.from(bytes));
const anyCuts = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });

describe.each(["1.0", "1.1"] as const)("framing %s", (framing) => {
  test("delivers the same packets however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 12 }), anyCuts, (packets, cuts) => {
        expect(eventsOf(framing, encodeFrames(packets, framing), cuts)).toEqual(packets.map(toHex));
      }),
    );
  });

  test("encodeFrame and encodeFrames write the same bytes as the encoder of the framing", () => {
    const encode = framing === "1.0" ? lengthPrefixEncode : slipEncode;
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 8 }), (packets) => {
        expect(encodeFrames(packets, framing)).toEqual(concat(packets.map((packet) => encode(packet))));
        for (const packet of packets) expect(encodeFrame(packet, framing)).toEqual(encode(packet));
      }),
    );
  });
});

describe.each(["1.0", "1.1", "auto"] as const)("decoder %s", (framing) => {
  test("reports the same for any bytes however they are cut", () => {
    fc.assert(
      fc.property(anyBytes, anyCuts, fc.constantFrom(4, 7, 20, 0x7fffffff), (stream, cuts, maxPacketSize) => {
        const whole = eventsOf(framing, stream, [], maxPacketSize);
        expect(eventsOf(framing, stream, cuts, maxPacketSize)).toEqual(whole);
        expect(eventsOf(framing, stream, byteByByte(stream), maxPacketSize)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  test("never delivers an empty or too large packet, and nothing after a fatal error", () => {
    fc.assert(
      fc.property(anyBytes, anyCuts, fc.integer({ min: 4, max: 30 }), (stream, cuts, maxPacketSize) => {
        const events = eventsOf(framing, stream, cuts, maxPacketSize);
        const sizes = events.filter((event) => !event.startsWith("OSC_")).map((packet) => packet.length / 2);
        expect(sizes.filter((size) => size < 1 || size > maxPacketSize)).toEqual([]);
        expect(events.slice(0, -1).filter((event) => event.endsWith("fatal"))).toEqual([]);
      }),
    );
  });
});

test("SLIP reads the next frame after any bytes and an END", () => {
  fc.assert(
    fc.property(anyBytes, anyCuts, fc.integer({ min: 8, max: 30 }), (garbage, cuts, maxPacketSize) => {
      const stream = concat([garbage, slipEncode(hex(GOOD))]);
      expect(eventsOf("1.1", stream, cuts, maxPacketSize).at(-1)).toBe(GOOD);
    }),
  );
});

test("SLIP reads any stream as a naive reader does", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const stream = concat([bytes, hex("c0")]);
      const { decoder, packets, errors } = record("1.1");
      decoder.push(stream);
      const frames = toHex(stream)
        .match(/../g)!
        .join(" ")
        .split("c0")
        .map((frame) => frame.trim())
        .filter((frame) => frame !== "");
      const broken = frames.filter((frame) => /db(?! d[cd])/.test(frame.replaceAll("db dc", "--").replaceAll("db dd", "--")));
      const good = frames.filter((frame) => !broken.includes(frame));
      expect(packets.map(toHex)).toEqual(
        good.map((frame) => frame.replace(/db d[cd]/g, (escape) => (escape === "db dc" ? "c0" : "db")).replaceAll(" ", "")),
      );
      expect(errors).toHaveLength(broken.length);
    }),
  );
});

/** The same pseudo-random bytes in every run (a linear congruential generator). */
function garbage(size: number, first: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = first;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  bytes[0] = first;
  return bytes;
}

describe("8 MiB of garbage in pieces of 64 kB holds little memory", () => {
  const limit = 100_000;
  test.each([
    ["1.0", 0],
    ["1.1", 0xc0],
    ["auto", 0],
    ["auto", 0x2f],
    ["auto", 0x41],
  ] as const)("decoder %s, first byte %i", (framing, first) => {
    const piece = garbage(65_536, first);
    let highest = 0;
    let calls = 0;
    const count = (): void => {
      calls++;
    };
    const decoder = createFrameDecoder(framing, { onPacket: count, onError: count, maxPacketSize: limit });
    for (let pushed = 0; pushed < 8 * 1024 * 1024; pushed += piece.length) {
      decoder.push(piece);
      highest = Math.max(highest, decoder.buffered);
    }
    expect(highest).toBeLessThanOrEqual(limit);
    expect(calls).toBeGreaterThan(0);
  });

  test("drops SLIP without any END and an endless announced packet", () => {
    const piece = new Uint8Array(65_536).fill(0x61);
    for (const start of ["c0", "000186a0"]) {
      const { decoder, errors } = record("auto", limit);
      decoder.push(hex(start));
      let highest = 0;
      for (let pushed = 0; pushed < 8 * 1024 * 1024; pushed += piece.length) {
        decoder.push(piece);
        highest = Math.max(highest, decoder.buffered);
      }
      expect(highest).toBeGreaterThan(65_000);
      expect(highest).toBeLessThanOrEqual(limit);
      expect(errors.map((error) => error.code)).toEqual(["OSC_FRAME_TOO_LARGE"]);
    }
  });
});
