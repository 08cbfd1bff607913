import { describe, expect, test } from "vitest";
import { OscEncodeError } from "../../src/errors.ts";
import { slipEncode } from "../../src/framing/index.ts";
import { byteByByte, concat, eventsOf, hex, record, toHex } from "./events.ts";

const A = "2f610000";
const B = "2f620000";

/** The same events, whole and byte by byte. */
function slipEvents(stream: Uint8Array, maxPacketSize?: number): string[] {
  const events = eventsOf("1.1", stream, [], maxPacketSize);
  expect(eventsOf("1.1", stream, byteByByte(stream), maxPacketSize)).toEqual(events);
  return events;
}

describe("slipEncode", () => {
  test("puts an END before and after", () => {
    expect(toHex(slipEncode(hex(A)))).toBe(`c0${A}c0`);
  });

  test("escapes END and ESC, and nothing else", () => {
    expect(toHex(slipEncode(hex("c0 db dc dd 00 ff")))).toBe("c0dbdcdbdddcdd00ffc0");
  });

  test("reads a view of larger memory where it lies", () => {
    expect(toHex(slipEncode(hex(`ffff${A}ffff`).subarray(2, 6)))).toBe(`c0${A}c0`);
  });

  test("refuses what isn't a packet", () => {
    expect(() => slipEncode(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "OSC_VALUE_OUT_OF_RANGE" }));
    expect(() => slipEncode("/a" as unknown as Uint8Array)).toThrow(OscEncodeError);
    expect(() => slipEncode(new Uint16Array(2) as unknown as Uint8Array)).toThrow(expect.objectContaining({ code: "OSC_VALUE_TYPE" }));
  });
});

describe("ENDs", () => {
  test.each([
    ["one between frames, one at both ends", `c0 ${A} c0 ${B} c0`, [A, B]],
    ["before and after each frame", `c0 ${A} c0 c0 ${B} c0`, [A, B]],
    ["only after each frame", `${A} c0 ${B} c0`, [A, B]],
    ["many", `c0c0c0 ${A} c0c0c0c0 ${B} c0c0c0`, [A, B]],
    ["nothing else", "c0c0c0c0", []],
    ["none", "", []],
  ])("%s", (_, stream, packets) => {
    expect(slipEvents(hex(stream))).toEqual(packets);
  });

  test("delivers a frame at its END, without waiting for the next read", () => {
    const { decoder, events } = record("1.1");
    decoder.push(hex(`c0 ${A}`));
    expect(events).toEqual([]);
    decoder.push(hex("c0"));
    expect(events).toEqual([A]);
  });

  test("delivers a frame of exactly 4096 bytes", () => {
    const packet = new Uint8Array(4094).fill(0x61);
    expect(slipEvents(slipEncode(packet))).toEqual([toHex(packet)]);
  });
});

describe("broken frames", () => {
  test.each([
    ["another byte after ESC", `c0 2f db 41 ff ff c0 ${B} c0`, ["OSC_FRAME_BAD_ESCAPE@3", B]],
    ["ESC after ESC", `c0 2f db db dc c0 ${B} c0`, ["OSC_FRAME_BAD_ESCAPE@3", B]],
    ["END after ESC", `c0 2f db c0 ${B} c0`, ["OSC_FRAME_BAD_ESCAPE@3", B]],
    ["two bad escapes, one report", `c0 db 41 db 41 db c0 ${B} c0`, ["OSC_FRAME_BAD_ESCAPE@2", B]],
    ["two bad frames, two reports", `c0 db 41 c0 db 42 c0 ${B} c0`, ["OSC_FRAME_BAD_ESCAPE@2", "OSC_FRAME_BAD_ESCAPE@5", B]],
    ["a good frame before", `c0 ${A} c0 db 41 c0 ${B} c0`, [A, "OSC_FRAME_BAD_ESCAPE@7", B]],
    ["complete without its END at the end", `c0 ${A} c0 ${B}`, [A, B]],
    ["cut off after ESC", `c0 db`, ["OSC_FRAME_TRUNCATED@2"]],
    ["cut off, but broken before", `c0 db 41 42`, ["OSC_FRAME_BAD_ESCAPE@2"]],
  ])("%s", (_, stream, events) => {
    expect(slipEvents(hex(stream))).toEqual(events);
  });

  test("reports a last frame without its END if the stream broke", () => {
    const { decoder, events } = record("1.1");
    decoder.push(hex(`c0 ${A} c0 ${B}`));
    decoder.end("broken");
    expect(events).toEqual([A, "OSC_FRAME_TRUNCATED@10"]);
  });

  test("reports and skips an oversize frame once, and delivers one of exactly maxPacketSize", () => {
    const large = "61".repeat(9);
    expect(slipEvents(hex(`c0 ${large} c0 ${large.slice(2)} c0 ${A} c0`), 8)).toEqual(["OSC_FRAME_TOO_LARGE@9", large.slice(2), A]);
  });

  test("counts the packet without its escapes against maxPacketSize", () => {
    const packet = "c0".repeat(8);
    const escaped = "dbdc".repeat(8);
    expect(slipEvents(hex(`c0 ${escaped} c0 ${escaped} dbdd c0 ${A} c0`), 8)).toEqual([packet, "OSC_FRAME_TOO_LARGE@35", A]);
  });

  test.each([
    ["an escape", "dbdc", "OSC_FRAME_TOO_LARGE@6"],
    ["a bad escape", "db41", "OSC_FRAME_BAD_ESCAPE@6"],
    ["an ESC and END", "db", "OSC_FRAME_BAD_ESCAPE@6"],
  ])("reports %s after maxPacketSize bytes", (_, escape, error) => {
    expect(slipEvents(hex(`c0 01020304 ${escape} c0 ${A} c0`), 4)).toEqual([error, A]);
  });

  test("says in the report what to do", () => {
    const { decoder, errors } = record("1.1", 4);
    decoder.push(hex("c0 0102030405 c0 db41 c0"));
    expect(errors.map((error) => error.message)).toEqual([
      expect.stringMatching(/maxPacketSize, 4;.*Raise maxPacketSize/),
      expect.stringMatching(/0xDB is followed by 0x41/),
    ]);
    expect(errors.every((error) => !error.fatal)).toBe(true);
    expect(decoder.closed).toBe(false);
  });
});

describe("memory", () => {
  test("delivers a whole frame without escapes as a view of what was pushed", () => {
    const { decoder, packets } = record("1.1");
    const piece = hex(`c0 ${A} c0 ${B} c0`);
    decoder.push(piece);
    expect(packets.map((packet) => [packet.buffer === piece.buffer, packet.byteOffset])).toEqual([
      [true, 1],
      [true, 6],
    ]);
  });

  test("never writes again to frames that it put together", () => {
    const { decoder, packets } = record("1.1");
    const stream = concat([slipEncode(hex(`${A}c0`)), slipEncode(hex(`${B}db`)), slipEncode(hex("01020304"))]);
    const piece = new Uint8Array(1);
    for (const byte of stream) {
      piece[0] = byte;
      decoder.push(piece);
    }
    expect(packets.map(toHex)).toEqual([`${A}c0`, `${B}db`, "01020304"]);
  });

  test("counts the unfinished frame as buffered, and 0 while it skips one", () => {
    const { decoder } = record("1.1", 8);
    decoder.push(hex(`c0 ${A} c0 2f db`));
    expect(decoder.buffered).toBe(1);
    decoder.push(hex("dc 01 02"));
    expect(decoder.buffered).toBe(4);
    decoder.push(hex("03 04 05 06 07"));
    expect(decoder.buffered).toBe(0);
    decoder.push(new Uint8Array(1000));
    expect(decoder.buffered).toBe(0);
  });
});
