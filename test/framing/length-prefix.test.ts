import { describe, expect, test } from "vitest";
import { OscEncodeError } from "../../src/errors.ts";
import { DEFAULT_MAX_PACKET_SIZE, lengthPrefixEncode } from "../../src/framing/index.ts";
import { byteByByte, cut, eventsOf, hex, record, toHex } from "./events.ts";

const A = "2f610000";
const B = "2f620000";

/** The same events, whole and byte by byte. */
function prefixEvents(stream: Uint8Array, maxPacketSize?: number): string[] {
  const events = eventsOf("1.0", stream, [], maxPacketSize);
  expect(eventsOf("1.0", stream, byteByByte(stream), maxPacketSize)).toEqual(events);
  return events;
}

describe("lengthPrefixEncode", () => {
  test("puts the size before the packet", () => {
    expect(toHex(lengthPrefixEncode(hex(A)))).toBe(`00000004${A}`);
    expect(toHex(lengthPrefixEncode(new Uint8Array(0x012345)).subarray(0, 5))).toBe("0001234500");
  });

  test("refuses what isn't a packet", () => {
    expect(() => lengthPrefixEncode(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "OSC_VALUE_OUT_OF_RANGE" }));
    expect(() => lengthPrefixEncode([1, 2, 3, 4] as unknown as Uint8Array)).toThrow(OscEncodeError);
  });
});

describe("sizes and packets", () => {
  test("reads several packets from one piece", () => {
    expect(prefixEvents(hex(`00000004 ${A} 00000008 ${A}${B} 00000004 ${B}`))).toEqual([A, A + B, B]);
  });

  test.each([1, 2, 3, 4, 5, 7])("reads a size that is cut after %i bytes", (index) => {
    const stream = hex(`00000004 ${A}`);
    const { decoder, events } = record("1.0");
    const [first, second] = cut(stream, [index]);
    decoder.push(first!);
    expect(events).toEqual([]);
    decoder.push(second!);
    expect(events).toEqual([A]);
  });

  test("reads a size that isn't a multiple of 4 as it is", () => {
    expect(prefixEvents(hex(`00000003 2f6100 00000004 ${B}`))).toEqual(["2f6100", B]);
  });

  test("uses every byte of the size", () => {
    const packet = new Uint8Array(0x010203).fill(7);
    const { decoder, packets } = record("1.0");
    decoder.push(lengthPrefixEncode(packet));
    expect(packets.map((bytes) => bytes.length)).toEqual([0x010203]);
  });
});

describe("fatal sizes", () => {
  test.each([
    ["zero", "00000000", "OSC_FRAME_BAD_SIZE@8 fatal"],
    ["minus 1", "ffffffff", "OSC_FRAME_BAD_SIZE@8 fatal"],
    ["the lowest", "80000000", "OSC_FRAME_BAD_SIZE@8 fatal"],
    ["the highest", "7fffffff", "OSC_FRAME_TOO_LARGE@8 fatal"],
    ["one byte too many", "00000009", "OSC_FRAME_TOO_LARGE@8 fatal"],
  ])("%s", (_, size, error) => {
    expect(prefixEvents(hex(`00000004 ${A} ${size} 00000004 ${B}`), 8)).toEqual([A, error]);
  });

  test("close the decoder, which ignores what follows", () => {
    const { decoder, events, errors } = record("1.0");
    decoder.push(hex("01000001"));
    expect(decoder.closed).toBe(true);
    decoder.push(hex(`00000004 ${A}`));
    decoder.end();
    expect(events).toEqual(["OSC_FRAME_TOO_LARGE@0 fatal"]);
    expect(errors[0]?.message).toMatch(/16777217 bytes.*maxPacketSize, 16777216.*Raise maxPacketSize/);
  });

  test("don't include exactly maxPacketSize", () => {
    expect(prefixEvents(hex(`00000008 ${A}${B}`), 8)).toEqual([A + B]);
    const { decoder, packets } = record("1.0");
    decoder.push(lengthPrefixEncode(new Uint8Array(DEFAULT_MAX_PACKET_SIZE)));
    expect(packets.map((bytes) => bytes.length)).toEqual([16 * 1024 * 1024]);
  });
});

describe("the end of the stream", () => {
  test.each([
    ["nothing", "", []],
    ["between packets", `00000004 ${A}`, [A]],
    ["within a size", `00000004 ${A} 0000`, [A, "OSC_FRAME_TRUNCATED@10"]],
    ["after a size", `00000004`, ["OSC_FRAME_TRUNCATED@4"]],
    ["within a packet", `00000004 2f6100`, ["OSC_FRAME_TRUNCATED@7"]],
  ])("%s", (_, stream, events) => {
    expect(prefixEvents(hex(stream))).toEqual(events);
  });
});

describe("memory", () => {
  test("delivers a whole packet as a view of what was pushed", () => {
    const { decoder, packets } = record("1.0");
    const piece = hex(`00000004 ${A} 00000004 ${B}`);
    decoder.push(piece);
    expect(packets.map((packet) => [packet.buffer === piece.buffer, packet.byteOffset])).toEqual([
      [true, 4],
      [true, 12],
    ]);
  });

  test("never writes again to packets that it put together", () => {
    const { decoder, packets } = record("1.0");
    const piece = new Uint8Array(1);
    for (const byte of hex(`00000004 ${A} 00000004 ${B} 00000008 ${B}${A}`)) {
      piece[0] = byte;
      decoder.push(piece);
    }
    expect(packets.map(toHex)).toEqual([A, B, B + A]);
  });

  test("counts the bytes that arrived as buffered, not those announced", () => {
    const { decoder } = record("1.0");
    decoder.push(hex("01000000 2f61"));
    expect(decoder.buffered).toBe(2);
    decoder.close();
    expect(decoder.buffered).toBe(0);
  });
});
