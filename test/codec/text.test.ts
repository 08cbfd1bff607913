import { afterEach, describe, expect, test, vi } from "vitest";
import { StringCache } from "../../src/codec/string-cache.ts";
import { bufferCoding, decodeText, encodingCoding, latin1, writeCharacters } from "../../src/codec/text.ts";
import { isText } from "../../src/codec/types.ts";
import { bytes } from "./support.ts";

const TEXTS = ["", "a", "plain ASCII", "Grüße", "☃ snow", "𝄞 clef", "\ufeff mark", "\ufffd", "日本語".repeat(50)];
const { latin1Slice, utf8Slice, utf8Write } = Buffer.prototype as unknown as Record<string, unknown>;
const METHODS = { latin1Slice, utf8Slice, utf8Write };

describe.each([
  ["of Node", bufferCoding()!],
  ["of browsers", encodingCoding()],
])("the text coding %s", (_, coding) => {
  test.each(TEXTS)("reads %j", (text) => {
    const packet = Buffer.concat([Buffer.from("."), Buffer.from(text), Buffer.from("..")]);
    expect(coding.decode(packet, 1, packet.length - 2)).toBe(text);
  });

  test.each(TEXTS)("writes %j and nothing beside it", (text) => {
    const size = Buffer.byteLength(text);
    const target = new Uint8Array(size + 4).fill(0xee);
    expect(coding.write(text, target, 2)).toBe(size);
    expect(Buffer.from(target).toString("hex")).toBe(`eeee${Buffer.from(text).toString("hex")}eeee`);
  });

  test("reads ASCII", () => {
    expect(coding.decodeAscii(bytes("'/mixer/1'"), 1, 6)).toBe("mixer");
  });

  test("reads memory that is shared with other threads", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    shared.set(Buffer.from("/grün\0"));
    expect(coding.decode(shared, 0, 6)).toBe("/grün");
    expect(coding.decodeAscii(shared, 0, 3)).toBe("/gr");
  });
});

describe.each([
  ["with isWellFormed", () => {}],
  [
    "in browsers without isWellFormed",
    () => vi.spyOn(String.prototype as { isWellFormed?: unknown }, "isWellFormed", "get").mockReturnValue(undefined),
  ],
])("isText %s", (_, prepare) => {
  afterEach(() => vi.restoreAllMocks());

  test.each([...TEXTS, "\ud834\udd1e", "x".repeat(100)])("accepts %j", (text) => {
    prepare();
    expect(isText(text)).toBe(true);
  });

  test.each(["\0", "a\0b", "\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "a\udbff", "𝄞\ud834", "𝄞\udd1e", 1, null])(
    "refuses %j",
    (value) => {
      prepare();
      expect(isText(value)).toBe(false);
    },
  );
});

describe("decodeText", () => {
  test.each(["ff", "61ff", "61ff62", "c3", "e282", "f09f98", "c080", "eda080", "f4908080", "efbfbdff", "fff0efbfbd"])(
    "gives nothing for %s, which is not UTF-8",
    (digits) => {
      const packet = bytes(digits);
      expect(decodeText(packet, 0, packet.length)).toBeUndefined();
    },
  );

  test("reads U+FFFD that was sent", () => {
    expect(decodeText(bytes("efbfbd 61 efbfbd"), 0, 7)).toBe("\ufffda\ufffd");
  });
});

describe("writeCharacters", () => {
  test.each([...TEXTS, "\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"])(
    "writes %j as UTF-8 and nothing beside it",
    (text) => {
      const size = Buffer.byteLength(text);
      const target = new Uint8Array(size + 8).fill(0xee);
      expect(writeCharacters(text, target, 3, false)).toBe(3 + size);
      expect(Buffer.from(target.subarray(3, 3 + size)).toString()).toBe(text);
      expect([...target.subarray(0, 3), ...target.subarray(3 + size)]).toEqual(new Array(8).fill(0xee));
    },
  );

  test.each(["\0", "a\0b", "\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "a\udbff"])("refuses %j, which no OSC string holds", (text) => {
    expect(writeCharacters(text, new Uint8Array(20), 0, false)).toBe(-1);
  });

  test.each(["\0", "\ud800", "\udc00"])("refuses %j at the end of a long text", (end) => {
    expect(writeCharacters("x".repeat(100) + end, new Uint8Array(200), 0, false)).toBe(-1);
  });

  test("says how many bytes a long text needs that doesn't fit", () => {
    for (const room of [0, 1, 99, 150]) expect(writeCharacters("größer".repeat(20), new Uint8Array(room), 1, true)).toBe(161);
  });

  test("writes long text into memory that is shared with other threads", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(200));
    expect(writeCharacters("é".repeat(60), shared, 3, false)).toBe(123);
    expect(Buffer.from(shared.slice(3, 123)).toString()).toBe("é".repeat(60));
  });

  test("says how many bytes a text needs that doesn't fit", () => {
    expect(writeCharacters("größer", new Uint8Array(2), 1, false)).toBe(9);
  });
});

describe("the text coding of Node", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("is not used without Buffer, or with one that does something else", () => {
    vi.stubGlobal("Buffer", undefined);
    expect(bufferCoding()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: {} });
    expect(bufferCoding()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: { ...METHODS, latin1Slice: () => "é☃" } });
    expect(bufferCoding()).toBeUndefined();
    vi.stubGlobal("Buffer", { prototype: METHODS });
    expect(bufferCoding()).toBeDefined();
    const fails = (): never => {
      throw new TypeError("not on this");
    };
    vi.stubGlobal("Buffer", { prototype: { ...METHODS, utf8Slice: fails } });
    expect(bufferCoding()).toBeUndefined();
  });
});

test.each([1, 2, 5000, 10_000])("latin1 reads %i bytes", (size) => {
  const packet = Uint8Array.from({ length: size }, (_, i) => ~i & 255);
  expect(latin1(packet, 0, packet.length)).toBe(Buffer.from(packet).toString("latin1"));
});

describe("the cache of strings", () => {
  function twice(cache: StringCache, packet: Uint8Array, text: string, skip: number = 0): void {
    for (let i = 0; i < 2; i++) {
      expect(cache.find(packet, 0, packet.length, skip)).toBeUndefined();
      cache.add(text, packet);
    }
  }

  test("knows a string that has come twice, and where it ends", () => {
    const cache = new StringCache(10);
    const packet = bytes("'/a/b' 00000000 'more'");
    twice(cache, packet, "/a/b");
    expect(cache.find(packet, 0, packet.length, 0)).toBe("/a/b");
    expect([cache.nul, cache.end, cache.isPlain]).toEqual([4, 8, true]);
  });

  test("tells type tags without their comma from the same text", () => {
    const cache = new StringCache(10);
    const packet = bytes("',ff' 00");
    twice(cache, packet, "ff", 1);
    expect(cache.find(packet, 0, 4, 1)).toBe("ff");
    expect(cache.find(packet, 0, 4, 0)).toBeUndefined();
  });

  test("compares every byte", () => {
    const cache = new StringCache(10);
    const packet = bytes("'/mixer/channel/12' 000000");
    twice(cache, packet, "/mixer/channel/12");
    for (let i = 0; i < packet.length; i++) {
      for (const change of [1, 0x80]) {
        const other = packet.slice();
        other[i]! ^= change;
        expect(cache.find(other, 0, other.length, 0)).toBeUndefined();
      }
    }
    expect(cache.find(packet, 0, packet.length - 1, 0)).toBeUndefined();
    expect(cache.find(packet, 0, packet.length, 0)).toBe("/mixer/channel/12");
  });

  test.each([
    ["a NUL inside a word", "'/a' 0062 '/c' 0000", 2, false],
    ["padding that is not zero", "'/a' 0062", 2, false],
    ["a byte beyond ASCII", "'/' c3a900", 3, false],
    ["no characters", "00000000", 0, true],
  ])("finds the end of a string with %s", (_, text, nul, isPlain) => {
    const cache = new StringCache(10);
    expect(cache.find(bytes(text), 0, bytes(text).length, 0)).toBeUndefined();
    expect([cache.nul, cache.isPlain]).toEqual([nul, isPlain]);
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
      cache.find(packet, 0, packet.length, 0);
      expect(cache.end).toBe(kept ? 64 : -1);
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
      const found = cache.find(packet, 0, packet.length, 0);
      if (found === undefined) cache.add(text, packet);
      else expect(found).toBe(text);
      if (found !== undefined) known += 1;
    }
    expect(known).toBe(20_000);
  });

  test("gives the place of a text to another one that comes twice", () => {
    const cache = new StringCache(1);
    const texts = ["/a", "/b", "/c"];
    const packets = texts.map((text) => bytes(`'${text}' 0000`));
    for (const [at, packet] of packets.entries()) twice(cache, packet, texts[at]!);
    const found = packets.map((packet) => cache.find(packet, 0, 4, 0));
    expect(found[2]).toBe("/c");
    // Two places can't keep three texts.
    expect(found.slice(0, 2)).toContain(undefined);
    for (const [at, text] of found.entries()) expect([texts[at], undefined]).toContain(text);
  });

  test("keeps nothing of memory that another thread may change meanwhile", () => {
    const cache = new StringCache(10);
    const packet = new Uint8Array(new SharedArrayBuffer(8));
    packet.set(bytes("'/a/b' 00000000"));
    twice(cache, packet, "/x/y");
    expect(cache.find(packet, 0, packet.length, 0)).toBeUndefined();
  });
});
