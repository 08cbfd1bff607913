import { afterEach, describe, expect, test, vi } from "vitest";
import { markOf, SentTexts } from "../../src/codec/sent-texts.ts";
import { StringCache } from "../../src/codec/string-cache.ts";
import { bufferBackend, encodingBackend, latin1, type TextBackend, utf8Length } from "../../src/codec/text.ts";
import { bytes } from "./support.ts";

const TEXTS = ["", "a", "plain ASCII", "Grüße", "☃ snow", "𝄞 clef", "\ufeff mark", "\ufffd", "日本語".repeat(50)];
const { indexOf, latin1Slice, utf8Slice, utf8Write } = Buffer.prototype as unknown as Record<string, unknown>;
const METHODS = { indexOf, latin1Slice, utf8Slice, utf8Write };
const backends: [string, TextBackend][] = [
  ["of Node", bufferBackend()!],
  ["of browsers", encodingBackend()],
];

describe.each(backends)("the text backend %s", (_, backend) => {
  test.each(TEXTS)("writes and reads %j", (text) => {
    const size = Buffer.byteLength(text);
    const target = new Uint8Array(size + 8).subarray(1);
    expect(backend.encodeInto(text, target, 3)).toBe(3 + size);
    expect(Buffer.from(target.subarray(3, 3 + size)).toString()).toBe(text);
    expect(backend.decode(target, 3, 3 + size)).toBe(text);
    expect(utf8Length(text)).toBe(size);
  });

  test("reads long texts that are much alike, as often as they come", () => {
    const lines = ["ü", "ä", "u", "\ufffd"].flatMap((middle) =>
      [60, 200, 1100].map((count) => `${"a".repeat(count)}${middle}${"b".repeat(count)}`),
    );
    for (const line of [...lines, ...lines]) {
      const packet = Buffer.from(`..${line}\0\0`);
      expect(backend.indexOfNul(packet, 2)).toBe(packet.length - 2);
      expect(backend.decode(packet, 2, packet.length - 2)).toBe(line);
      expect(backend.decode(packet, 3, packet.length - 2)).toBe(line.slice(1));
    }
    const invalid = bytes(`${"61".repeat(100)} ff ${"61".repeat(100)}`);
    for (const time of [1, 2]) expect([time, backend.decode(invalid, 0, invalid.length)]).toEqual([time, undefined]);
    expect(backend.indexOfNul(invalid, 0)).toBe(-1);
  });

  test.each(["ff", "61ff", "61ff62", "c3", "e282", "f09f98", "c080", "eda080", "f4908080", "efbfbdff", "fff0efbfbd"])(
    "gives nothing for %s, which is no UTF-8",
    (digits) => {
      const packet = bytes(digits);
      expect(backend.decode(packet, 0, packet.length)).toBeUndefined();
    },
  );

  test("reads U+FFFD that was sent", () => {
    expect(backend.decode(bytes("efbfbd 61 efbfbd"), 0, 7)).toBe("\ufffda\ufffd");
  });
});

describe("the texts that were sent", () => {
  /** Looks for the text as often as it says, and keeps it when it is to be kept. Tells in which turns it was known. */
  function turns(sent: SentTexts, text: string, count: number): boolean[] {
    return Array.from({ length: count }, () => {
      const found = sent.find(text);
      const written = new Uint8Array(Buffer.from(text));
      if (found !== undefined) expect(Buffer.from(found).toString()).toBe(text);
      else if (sent.comesAgain(written, 0, written.length)) sent.add(text, written);
      return found !== undefined;
    });
  }

  test("are known from the third time on, each with its own bytes", () => {
    const sent = new SentTexts();
    for (const text of ["Grüße aus der Küche, 1", "Grüße aus der Küche, 2", "日本語".repeat(50)]) {
      expect(turns(sent, text, 6)).toEqual([false, false, false, true, true, true]);
    }
  });

  /** Two that differ where the mark does not look. */
  const one = "aabaaaaaaaaaaaaaaaaaaaaa";
  const other = "aaabaaaaaaaaaaaaaaaaaaaa";

  test("are told from others of the same mark", () => {
    const sent = new SentTexts();
    expect(markOf(one)).toBe(markOf(other));
    expect(turns(sent, one, 4)).toEqual([false, false, false, true]);
    expect(turns(sent, other, 4)).toEqual([false, false, true, true]);
    expect(turns(sent, one, 3)).toEqual([false, false, true]);
  });

  test("are not kept while texts of the same mark take turns", () => {
    const sent = new SentTexts();
    for (let i = 0; i < 10; i++) expect([turns(sent, one, 1), turns(sent, other, 1)]).toEqual([[false], [false]]);
  });
});

test("the backend of Node writes texts into any target, as often as they come", () => {
  const backend = bufferBackend()!;
  const texts = Array.from({ length: 600 }, (_, i) => `${i}. ${"ü☃𝄞 text ".repeat(i % 80)}${i % 7}`);
  for (const text of [...texts, ...texts.flatMap((each) => [each, each, each, each])]) {
    const size = Buffer.byteLength(text);
    const target = Buffer.alloc(size + 8, 0xff).subarray(2);
    expect(backend.encodeInto(text, target, 3)).toBe(3 + size);
    expect(target.toString("utf8", 3, 3 + size)).toBe(text);
    expect([...target.subarray(0, 3), ...target.subarray(3 + size)]).toEqual([255, 255, 255, 255, 255, 255]);
  }
});

describe("the backend of Node", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("is not there without Buffer, or with one that does something else", () => {
    vi.stubGlobal("Buffer", undefined);
    expect(bufferBackend()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: {} });
    expect(bufferBackend()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: { ...METHODS, utf8Write: () => 5 } });
    expect(bufferBackend()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: { ...METHODS, latin1Slice: () => "é☃" } });
    expect(bufferBackend()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: METHODS });
    expect(bufferBackend()).toBeDefined();
    const fails = (): never => {
      throw new TypeError("not on this");
    };
    vi.stubGlobal("Buffer", { prototype: { ...METHODS, utf8Slice: fails, utf8Write: fails } });
    expect(bufferBackend()).toBeUndefined();
  });
});

test.each([1, 2, 5000, 10_000])("Latin-1 of %i bytes is read", (size) => {
  const packet = Uint8Array.from({ length: size }, (_, i) => ~i & 255);
  expect(latin1(packet, 0, packet.length)).toBe(Buffer.from(packet).toString("latin1"));
});

describe("the cache of strings", () => {
  function twice(cache: StringCache, packet: Uint8Array, text: string): void {
    for (let i = 0; i < 2; i++) {
      expect(cache.find(packet, 0, packet.length)).toBeUndefined();
      cache.add(text);
    }
  }

  test("knows a string that has come twice, and where it ends", () => {
    const cache = new StringCache(10);
    const packet = bytes("'/a/b' 00000000 'more'");
    twice(cache, packet, "/a/b");
    expect(cache.find(packet, 0, packet.length)).toBe("/a/b");
    expect(cache.end).toBe(8);
  });

  test("compares every byte", () => {
    const cache = new StringCache(10);
    const packet = bytes("'/mixer/channel/12' 000000");
    twice(cache, packet, "/mixer/channel/12");
    for (let i = 0; i < packet.length; i++) {
      for (const change of [1, 0x80]) {
        const other = packet.slice();
        other[i]! ^= change;
        expect(cache.find(other, 0, other.length)).toBeUndefined();
      }
    }
    expect(cache.find(packet, 0, packet.length - 1)).toBeUndefined();
    expect(cache.find(packet, 0, packet.length)).toBe("/mixer/channel/12");
  });

  test("keeps nothing that is longer than 64 bytes with its padding", () => {
    for (const [length, kept] of [
      [63, true],
      [64, false],
    ] as const) {
      const cache = new StringCache(10);
      const text = "x".repeat(length);
      const packet = new Uint8Array(68);
      packet.set(Buffer.from(text));
      twice(cache, packet, text);
      expect(cache.find(packet, 0, packet.length)).toBe(kept ? text : undefined);
    }
  });

  test("gives the right text for each of 10,000 strings, whatever it has kept", () => {
    const cache = new StringCache(8);
    let known = 0;
    for (let i = 0; i < 40_000; i++) {
      // Each comes four times in a row, so that it is kept, and drives others out.
      const text = `/${i >> 2}`;
      const packet = new Uint8Array((text.length & ~3) + 4);
      packet.set(Buffer.from(text));
      const found = cache.find(packet, 0, packet.length);
      if (found === undefined) cache.add(text);
      else expect(found).toBe(text);
      if (found !== undefined) known += 1;
    }
    expect(known).toBe(20_000);
  });
});
