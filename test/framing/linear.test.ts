import { afterEach, describe, expect, test, vi } from "vitest";
import { createFrameDecoder, encodeFrame } from "../../src/framing/index.ts";
import type { Framing } from "../../src/framing/index.ts";
import { cut, hex } from "./events.ts";

/*
 * Work is counted, not timed: bytes of a piece looked at (one by one or by indexOf), bytes of memory taken, and bytes copied.
 */
interface Work {
  looked: number;
  taken: number;
  copied: number;
}

const NativeBytes = Uint8Array;

/** Counts all memory that is taken and copied by the name of Uint8Array, as the decoders do it. */
function countMemory(work: Work): void {
  class CountedBytes extends NativeBytes {
    constructor(size: number);
    constructor(memory: ArrayBufferLike, offset: number, size: number);
    constructor(sizeOrMemory: number | ArrayBufferLike, offset?: number, size?: number) {
      super(sizeOrMemory as ArrayBuffer, offset, size);
      // A view takes no memory.
      if (typeof sizeOrMemory === "number") work.taken += sizeOrMemory;
    }

    // What is cut out of counted memory is a view and costs nothing.
    static get [Symbol.species](): Uint8ArrayConstructor {
      return NativeBytes;
    }

    override set(source: ArrayLike<number>, offset?: number): void {
      work.copied += source.length;
      super.set(source, offset);
    }
  }
  vi.stubGlobal("Uint8Array", CountedBytes);
}

/** A piece of which every look is counted. */
function countLooks(bytes: Uint8Array, work: Work): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) {
        work.looked++;
        return target[Number(key)];
      }
      if (key === "indexOf") {
        return (byte: number, from = 0): number => {
          const index = target.indexOf(byte, from);
          work.looked += (index < 0 ? target.length : index + 1) - from;
          return index;
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function workOf(framing: Framing, stream: Uint8Array, pieceSize: number): number {
  const work: Work = { looked: 0, taken: 0, copied: 0 };
  const sizes = Array.from({ length: Math.ceil(stream.length / pieceSize) }, () => pieceSize);
  const pieces = cut(stream, sizes);
  let packets = 0;
  const decoder = createFrameDecoder(framing, {
    onPacket: () => packets++,
    onError: (error) => {
      throw error;
    },
  });
  countMemory(work);
  for (const piece of pieces) decoder.push(countLooks(piece, work));
  vi.unstubAllGlobals();
  expect(packets).toBe(1);
  return work.looked + work.taken + work.copied;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each([
  ["1.0", "plain", 0x61],
  ["1.1", "plain", 0x61],
  ["1.1", "all escapes", 0xdb],
] as const)("framing %s, %s", (framing, _, byte) => {
  const stream = (size: number): Uint8Array => encodeFrame(new Uint8Array(size).fill(byte), framing);

  test("reads a frame in a thousand pieces in a fixed number of steps per byte", () => {
    const frame = stream(200_000);
    const steps = workOf(framing, frame, Math.ceil(frame.length / 1000)) / frame.length;
    expect(steps).toBeGreaterThan(1);
    expect(steps).toBeLessThan(8);
  });

  test("takes no more steps per byte for a frame ten times as long in ten times as many pieces", () => {
    const short = workOf(framing, stream(20_000), 20) / 20_000;
    const long = workOf(framing, stream(200_000), 20) / 200_000;
    expect(long / short).toBeLessThan(1.6);
  });

  test("takes no memory for a whole frame, or its size once", () => {
    const frame = stream(20_000);
    const work = workOf(framing, frame, frame.length);
    expect(work).toBeLessThan(4 * frame.length);
  });
});

test("takes no memory for 16 MiB that are announced until they arrive", () => {
  const work: Work = { looked: 0, taken: 0, copied: 0 };
  const decoder = createFrameDecoder("1.0", { onPacket: () => {}, onError: () => {} });
  const pieces = [hex("01000000"), new Uint8Array(100), new Uint8Array(100)];
  countMemory(work);
  for (const piece of pieces) decoder.push(piece);
  vi.unstubAllGlobals();
  expect(decoder.buffered).toBe(200);
  expect(work.taken).toBeGreaterThan(0);
  expect(work.taken).toBeLessThanOrEqual(400);
});
