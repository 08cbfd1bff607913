/** Streams that are joined while the sender is sending, and streams without framing. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OscFrameError } from "../../src/errors.ts";
import { type Framing, createFrameDecoder, encodeFrame, encodeFrames } from "../../src/framing/index.ts";
import { byteByByte, concat, cut, hex, toHex } from "./events.ts";

const A = "2f61000000000000";
const B = "2f62000000000000";

function joined(framing: Framing | "auto", stream: Uint8Array, sizes: readonly number[] = [], maxPacketSize = 1000): string[] {
  const events: string[] = [];
  const decoder = createFrameDecoder(framing, {
    midStream: true,
    maxPacketSize,
    onPacket: (packet) => events.push(toHex(packet)),
    onError: (error: OscFrameError) => events.push(`${error.code}@${error.offset}${error.fatal ? " fatal" : ""}`),
  });
  for (const piece of cut(stream, sizes)) decoder.push(piece);
  decoder.end();
  return events;
}

/** Whether four bytes that may be the size of a packet are followed by the beginning of one. */
function looksLikeSize(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && bytes[4] === 0x2f;
}

describe.each(["1.1", "auto"] as const)("a SLIP stream that is joined, decoder %s", (framing) => {
  test.each([
    ["within a packet", `61000000 c0 c0 ${A} c0`, ["OSC_FRAME_TRUNCATED@4", A]],
    ["within a packet, at what looks like an address", `2f62 c0 ${A} c0 ${B} c0`, ["OSC_FRAME_TRUNCATED@2", A, B]],
    ["within an escape", `dc00 c0 ${A} c0`, ["OSC_FRAME_TRUNCATED@2", A]],
    ["within padding that looks like a size", `00000000 c0 ${A} c0`, ["OSC_FRAME_TRUNCATED@4", A]],
    ["between packets", `c0 c0 ${A} c0`, [A]],
    ["before the first packet", `c0 ${A} c0`, [A]],
    ["and ends before an END", `6100`, []],
  ])("%s", (_where, stream, events) => {
    expect(joined(framing, hex(stream))).toEqual(events);
    expect(joined(framing, hex(stream), byteByByte(hex(stream)))).toEqual(events);
  });

  test("delivers every whole packet and nothing else, wherever it is joined and however it is cut", () => {
    const anyPacket = fc.array(fc.constantFrom(0xc0, 0xdb, 0xdc, 0x00, 0x2f, 0x61), { minLength: 1, maxLength: 20 });
    const anyPackets = fc.array(anyPacket, { minLength: 1, maxLength: 6 });
    const anyCuts = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 20 });
    fc.assert(
      fc.property(anyPackets, fc.nat(), anyCuts, (packets, at, cuts) => {
        const bytes = packets.map((packet) => Uint8Array.from(packet));
        const [first = new Uint8Array(0), ...rest] = bytes.map((packet) => encodeFrame(packet, "1.1"));
        // From the second byte of the first frame on: its END is not seen.
        const start = 1 + (at % (first.length - 1));
        // Zeros before an address may as well be the size of a packet: nothing tells the two apart.
        fc.pre(framing === "1.1" || !looksLikeSize(first.subarray(start)));
        const events = joined(framing, concat([first.subarray(start), ...rest]), cuts);
        const isPartSeen = start < first.length - 1;
        expect(events.slice(isPartSeen ? 1 : 0)).toEqual(bytes.slice(1).map(toHex));
        if (isPartSeen) expect(events[0]).toMatch(/^OSC_FRAME_TRUNCATED@/);
      }),
    );
  });

  test("reports bytes without an END once, and keeps none of them", () => {
    const decoder = createFrameDecoder(framing, {
      midStream: true,
      maxPacketSize: 100,
      onPacket: () => expect.unreachable(),
      onError: (error) => codes.push(error.code),
    });
    const codes: string[] = [];
    for (let piece = 0; piece < 50; piece += 1) decoder.push(new Uint8Array(10).fill(0xff));
    expect(decoder.buffered).toBe(0);
    decoder.push(hex("c0"));
    expect(codes).toEqual(["OSC_FRAME_TOO_LARGE"]);
  });
});

test("a stream with sizes is detected from its beginning, joined or not", () => {
  const stream = encodeFrames([hex(A), hex(B)], "1.0");
  expect(joined("auto", stream)).toEqual([A, B]);
  expect(joined("auto", stream, byteByByte(stream))).toEqual([A, B]);
});

describe("without framing", () => {
  test("takes every piece for a packet", () => {
    const events: string[] = [];
    const decoder = createFrameDecoder("none", {
      maxPacketSize: 8,
      onPacket: (packet) => events.push(toHex(packet)),
      onError: ({ code, fatal }) => events.push(`${code} ${fatal}`),
    });
    decoder.push(hex(A));
    decoder.push(hex(""));
    decoder.push(hex(`${A}00`));
    decoder.push(hex(B));
    decoder.end();
    expect(events).toEqual([A, "OSC_FRAME_TOO_LARGE false", B]);
  });

  test("writes packets as they are", () => {
    expect(toHex(encodeFrame(hex(A), "none"))).toBe(A);
    expect(toHex(encodeFrames([hex(A), hex(B)], "none"))).toBe(A + B);
    expect(() => encodeFrame(new Uint8Array(0), "none")).toThrow(/1 to 2147483647 bytes/);
  });
});
