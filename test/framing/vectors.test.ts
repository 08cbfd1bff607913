import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeFrames } from "../../src/framing/index.ts";
import type { Framing } from "../../src/framing/index.ts";
import { byteByByte, eventsOf, hex, toHex } from "./events.ts";

interface StreamVector {
  readonly id: string;
  readonly framing: "slip" | "length-prefix";
  readonly stream: string;
  readonly chunks?: readonly number[];
  readonly packets: readonly { readonly hex: string }[];
}

const lines = readFileSync(new URL("../vectors/streams.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n");
const vectors = lines.map((line) => JSON.parse(line) as StreamVector);

test("has streams of both framings", () => {
  expect(vectors.length).toBeGreaterThanOrEqual(15);
  expect(new Set(vectors.map((vector) => vector.framing))).toEqual(new Set(["slip", "length-prefix"]));
});

describe.each(vectors)("$id, $framing", (vector) => {
  const framing: Framing = vector.framing === "slip" ? "1.1" : "1.0";
  const stream = hex(vector.stream);
  const expected = vector.packets.map((packet) => packet.hex);

  describe.each([framing, "auto"] as const)("read as %s", (choice) => {
    test("reads it whole", () => {
      expect(eventsOf(choice, stream, [])).toEqual(expected);
    });

    test("reads it as it came from the socket", () => {
      expect(eventsOf(choice, stream, vector.chunks ?? [stream.length])).toEqual(expected);
    });

    test("reads it byte by byte", () => {
      expect(eventsOf(choice, stream, byteByByte(stream))).toEqual(expected);
    });

    test.runIf(stream.length < 4096)("cut at every index", () => {
      const wanted = expected.join(" ");
      const wrong: number[] = [];
      for (let index = 0; index <= stream.length; index++) {
        if (eventsOf(choice, stream, [index]).join(" ") !== wanted) wrong.push(index);
      }
      expect(wrong).toEqual([]);
    });
  });

  test("reads its packets from a stream of ours", () => {
    const frames = encodeFrames(
      expected.map((packet) => hex(packet)),
      framing,
    );
    expect(eventsOf(framing, frames, [])).toEqual(expected);
    // With a size before each packet there is only one way to write a stream; with SLIP, senders differ in their ENDs.
    if (framing === "1.0") expect(toHex(frames)).toBe(vector.stream);
  });
});
