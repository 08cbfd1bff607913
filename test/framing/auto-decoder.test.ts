import { describe, expect, test } from "vitest";
import { AutoDecoder, encodeFrame } from "../../src/framing/index.ts";
import type { Framing } from "../../src/framing/index.ts";
import { byteByByte, concat, eventsOf, hex, record } from "./events.ts";

const A = "2f610000";
const BUNDLE = "2362756e646c65000000000000000001";

test.each([
  ["a size prefix", `00000004 ${A} 00000010 ${BUNDLE}`, "1.0", [A, BUNDLE]],
  ["SLIP with an END before", `c0 ${A} c0 c0 ${BUNDLE} c0`, "1.1", [A, BUNDLE]],
  ["SLIP without, a message", `${A} c0 ${BUNDLE} c0`, "1.1", [A, BUNDLE]],
  ["SLIP without, a bundle", `${BUNDLE} c0 ${A} c0`, "1.1", [BUNDLE, A]],
])("%s", (_, text, framing, packets) => {
  const stream = hex(text);
  expect(eventsOf("auto", stream, [])).toEqual(packets);
  expect(eventsOf("auto", stream, byteByByte(stream))).toEqual(packets);
  const { decoder } = record("auto");
  expect(decoder.framing).toBeNull();
  decoder.push(new Uint8Array(0));
  expect(decoder.framing).toBeNull();
  decoder.push(stream.subarray(0, 1));
  expect(decoder.framing).toBe(framing);
});

test("knows the framing when the first packet arrives, so that a reply can use it", () => {
  for (const framing of ["1.0", "1.1"] as const) {
    const seen: (Framing | null)[] = [];
    const decoder = new AutoDecoder({
      onPacket: () => seen.push(decoder.framing),
      onError: (error) => {
        throw error;
      },
    });
    decoder.push(encodeFrame(hex(A), framing));
    expect(seen).toEqual([framing]);
  }
});

describe("other protocols", () => {
  test.each([
    ["HTTP", "474554202f"],
    ["TLS", "160301"],
    ["SSH", "5353482d"],
    ["a negative size", "ffffffff"],
    ["a size of 32 MiB", "02000000"],
  ])("%s", (_, text) => {
    const { decoder, events, errors } = record("auto");
    decoder.push(hex(text));
    expect(events).toEqual(["OSC_FRAME_UNKNOWN@0 fatal"]);
    expect(errors[0]?.message).toContain(`0x${text.slice(0, 2).toUpperCase()}`);
    expect(decoder.closed).toBe(true);
    expect(decoder.framing).toBeNull();
    decoder.push(hex(`00000004 ${A}`));
    decoder.end();
    expect(events).toHaveLength(1);
  });

  test("says nothing about an empty stream", () => {
    const { decoder, events } = record("auto");
    decoder.end();
    decoder.push(hex(`c0 ${A} c0`));
    expect(events).toEqual([]);
    expect(decoder.closed).toBe(true);
  });
});

test("accepts a size prefix that begins with any byte that maxPacketSize allows", () => {
  const packet = new Uint8Array(16 * 1024 * 1024).fill(1);
  const { decoder, packets } = record("auto");
  decoder.push(encodeFrame(packet, "1.0"));
  expect(packets.map((bytes) => bytes.length)).toEqual([packet.length]);

  expect(eventsOf("auto", hex("01000001"), [])).toEqual(["OSC_FRAME_TOO_LARGE@0 fatal"]);
  expect(eventsOf("auto", hex("01000000"), [], 0xffffff)).toEqual(["OSC_FRAME_UNKNOWN@0 fatal"]);
  expect(eventsOf("auto", hex("02000000"), [], 0x3000000)).toEqual(["OSC_FRAME_TRUNCATED@4"]);
});

test("reports broken frames as the decoder of that framing does", () => {
  const slip = concat([hex("c0 db 41 c0"), encodeFrame(hex(A), "1.1")]);
  expect(eventsOf("auto", slip, [])).toEqual(["OSC_FRAME_BAD_ESCAPE@2", A]);
  expect(eventsOf("auto", hex("00000000"), [])).toEqual(["OSC_FRAME_BAD_SIZE@0 fatal"]);
});

test("can be closed before the first byte", () => {
  const { decoder, events } = record("auto");
  decoder.close();
  decoder.push(hex("47"));
  expect(events).toEqual([]);
  expect(decoder.buffered).toBe(0);
});
