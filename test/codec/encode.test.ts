import { describe, expect, test } from "vitest";
import {
  blob,
  char,
  color,
  decode,
  double,
  encode,
  encodeInto,
  encodeMessage,
  type EncodeOptions,
  float,
  infinitum,
  int,
  long,
  midi,
  OscBundle,
  OscMessage,
  type OscArgument,
  type OscPacket,
  string,
  symbol,
  TimeTag,
  timeTag,
} from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";
import { bytes, hex, thrownBy } from "./support.ts";

function encoded(args: OscArgument, types?: string): string {
  return hex(encode(new OscMessage("/a", args, types)));
}

function golden(text: string): string {
  return hex(bytes(`'/a' 0000 ${text}`));
}

test("a packet is whole although another is encoded while it is", () => {
  class Telling extends Uint8Array {
    others: Uint8Array[] = [];
    override get length(): number {
      this.others.push(encode(new OscMessage("/other", "x".repeat(30))));
      return super.length;
    }
  }
  const value = new Telling(4);
  const packet = encode(new OscMessage("/a", blob(value)));
  expect(hex(packet)).toBe(golden("',b' 0000 00000004 00000000"));
  expect(value.others).not.toHaveLength(0);
  for (const other of value.others) expect(decode(other)).toMatchObject({ address: "/other", args: ["x".repeat(30)] });
});

describe("golden bytes, several of each type", () => {
  test.each<[string, OscArgument, string]>([
    ["i", [int(1), int(-2)], "',ii' 00  00000001 fffffffe"],
    ["f", [float(0.5), float(-123.456)], "',ff' 00  3f000000 c2f6e979"],
    ["s", [string("ab"), "hé"], "',ss' 00  'ab' 0000  68c3a900"],
    ["S", [symbol(""), symbol("abcd")], "',SS' 00  00000000 'abcd' 00000000"],
    [
      "b",
      [blob(new Uint8Array()), Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3, 4)],
      "',bbb' 00000000  00000000  00000003 01020300  00000004 01020304",
    ],
    ["h", [long(-1n), long(5), 2n ** 63n - 1n], "',hhh' 00000000  ffffffffffffffff 0000000000000005 7fffffffffffffff"],
    [
      "t",
      [timeTag(new TimeTag(1, 2)), TimeTag.IMMEDIATELY, timeTag(0)],
      "',ttt' 00000000  0000000100000002 0000000000000001 83aa7e8000000000",
    ],
    ["d", [double(Math.PI), double(-1)], "',dd' 00  400921fb54442d18 bff0000000000000"],
    ["c", [char("A"), char(10), char("😀"), char(-1)], "',cccc' 000000  00000041 0000000a 0001f600 ffffffff"],
    ["r", [color({ r: 1, g: 2, b: 3, a: 4 }), { r: 255, g: 254, b: 253, a: 252 }], "',rr' 00  01020304 fffefdfc"],
    ["m", [midi(0, 0x90, 60, 127), midi(1, 0x80, 60, 0)], "',mm' 00  00903c7f 01803c00"],
    ["T F N I", [true, false, null, infinitum()], "',TFNI' 000000"],
    ["arrays", [[1, [float(1)]], 2], "',[i[f]]i' 00000000  00000001 3f800000 00000002"],
    ["no arguments", [], "2c000000"],
  ])("%s", (_, args, text) => {
    expect(encoded(args)).toBe(golden(text));
  });

  test("long runs of numbers, alone and among others", () => {
    const ints = "i".repeat(20);
    expect(encoded(new Array<number>(20).fill(-1))).toBe(golden(`',${ints}' 000000 ${"ffffffff".repeat(20)}`));
    expect(encoded(["x", [new Array<number>(20).fill(0.5)], 2])).toBe(
      golden(`',s[[${"f".repeat(20)}]]i' 00 'x' 000000 ${"3f000000".repeat(20)} 00000002`),
    );
  });

  test("long text, ASCII and not", () => {
    for (const text of ["x".repeat(300), "é☃😀".repeat(50), `${"x".repeat(39)}é`, "é"]) {
      expect(encoded(text)).toBe(golden(`',s' 0000 ${padded(text)}`));
      expect(hex(encode(new OscMessage(`/${text}`)))).toBe(padded(`/${text}`) + "2c000000");
    }
  });

  test("bundles in bundles", () => {
    const inner = new OscBundle(new OscMessage("/b", 2), new TimeTag(0xe0000000, 1));
    const outer = new OscBundle([new OscMessage("/a", 1), inner, OscMessage.withoutTypeTags("/c")], new TimeTag(0xe0000000, 0));
    expect(hex(encode(outer))).toBe(
      hex(
        bytes(`'#bundle' 00 e000000000000000
          0000000c '/a' 0000 ',i' 0000 00000001
          00000020 '#bundle' 00 e000000000000001 0000000c '/b' 0000 ',i' 0000 00000002
          00000004 '/c' 0000`),
      ),
    );
    expect(hex(encode(new OscBundle([])))).toBe(hex(bytes("'#bundle' 00 0000000000000001")));
  });

  test("a message without type tags", () => {
    expect(hex(encode(OscMessage.withoutTypeTags("/xremote")))).toBe(hex(bytes("'/xremote' 00000000")));
  });

  function padded(text: string): string {
    const content = Buffer.from(text, "utf8");
    return Buffer.concat([content, Buffer.alloc(4 - (content.length % 4))]).toString("hex");
  }
});

describe("memory", () => {
  const message = new OscMessage("/memory", ["some text", 1, Uint8Array.of(1, 2, 3)]);

  test.each([message, new OscMessage("/large", new Uint8Array(100_000).fill(7)), new OscMessage("/large", "é".repeat(100_000))])(
    "the result is never written to again",
    (packet) => {
      const first = encode(packet);
      const copy = first.slice();
      for (let i = 0; i < 2000; i++) encode(new OscMessage("/other", "x".repeat(i)));
      expect(first).toEqual(copy);
      expect(hex(encode(decode(first)))).toBe(hex(first));
    },
  );

  test.each([8192, 8196, 65_536, 65_540])("a packet of %i bytes is whole, wherever the ones before have ended", (size) => {
    const packet = new OscMessage("/size", new Uint8Array(size - 16).fill(9));
    for (let i = 0; i < 40; i++) {
      const bytes = encode(packet);
      expect(bytes).toHaveLength(size);
      expect(bytes.subarray(16).every((byte) => byte === 9)).toBe(true);
      expect(size > 8192 ? bytes.buffer.byteLength : size).toBe(size);
      encode(new OscMessage("/between", new Uint8Array(i * 50)));
    }
  });

  test("it goes on in new memory where the old was transferred, or a packet was refused", () => {
    const first = encode(message);
    structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
    expect(first).toHaveLength(0);
    const second = encode(message);
    expect(() => encode(message, { maxPacketSize: 4 })).toThrow(OscEncodeError);
    expect(encode(message)).toEqual(second);
    expect(decode(second)).toEqual(decode(encode(message)));
  });

  test("what was in the buffer before does not show in the padding", () => {
    const before = hex(encode(message));
    encode(new OscMessage(`/${"x".repeat(500)}`, new Uint8Array(500).fill(255)));
    expect(hex(encode(message))).toBe(before);
  });

  test.each([0, 1, 7])("encodeInto writes at offset %i and nowhere else", (offset) => {
    const size = encode(message).length;
    const target = new Uint8Array(size + offset + 5).fill(0xee);
    expect(encodeInto(message, target, offset)).toBe(size);
    expect(target.subarray(offset, offset + size)).toEqual(encode(message));
    expect([...target.subarray(0, offset), ...target.subarray(offset + size)].every((byte) => byte === 0xee)).toBe(true);
  });

  const packets: OscPacket[] = [
    message,
    new OscBundle([message, message]),
    new OscMessage("/floats", new Array<number>(50).fill(0.5)),
    new OscMessage("/text", `${"x".repeat(100)}é`),
    new OscMessage("/blob", new Uint8Array(100)),
    new OscMessage("/all", [1n, double(1), TimeTag.IMMEDIATELY, color({ r: 1, g: 2, b: 3, a: 4 }), midi(1, 2, 3, 4), [true]]),
  ];

  test.each(packets)("a target that is too small, by any number of bytes", (packet) => {
    const size = encode(packet).length;
    for (let room = 0; room < size; room++) {
      const error = thrownBy(() => encodeInto(packet, new Uint8Array(room + 3), 3));
      expect(error).toBeInstanceOf(OscEncodeError);
      expect(error).toMatchObject({ code: "OSC_BUFFER_TOO_SMALL" });
      expect((error as Error).message).toContain(`needs ${size} bytes`);
    }
    expect(encodeInto(packet, new Uint8Array(size + 3), 3)).toBe(size);
  });

  test.each([-1, Number.NaN, 0.5, Infinity])("an offset of %d is refused", (offset) => {
    const target = new Uint8Array(100);
    expect(thrownBy(() => encodeInto(packets[2]!, target, offset))).toMatchObject({ code: "OSC_VALUE_OUT_OF_RANGE", value: offset });
    expect(target).toEqual(new Uint8Array(100));
  });

  test("an offset beyond the target", () => {
    expect(thrownBy(() => encodeInto(message, new Uint8Array(100), 1000))).toMatchObject({ code: "OSC_BUFFER_TOO_SMALL" });
  });
});

describe("numbers: float", () => {
  test("turns every number whose type was inferred into a float, inside arrays too", () => {
    const message = new OscMessage("/a", [1, 2.5, 5_000_000_000, [3, [4]], "x", true, 6n]);
    expect(message.types).toBe("ifh[i[i]]sTh");
    expect(decode(encode(message, { numbers: "float" }))).toMatchObject({
      types: "fff[f[f]]sTh",
      args: [1, 2.5, 5_000_000_000, [3, [4]], "x", true, 6n],
    });
    expect(decode(encode(message, { numbers: "auto" }))).toMatchObject({ types: "ifh[i[i]]sTh" });
  });

  test("leaves types alone that were given", () => {
    const typed = new OscMessage("/a", [int(1), long(2), double(3)]);
    expect(decode(encode(typed, { numbers: "float" }))).toMatchObject({ types: "ihd" });
    expect(decode(encode(new OscMessage("/a", [1, 2], "ih"), { numbers: "float" }))).toMatchObject({ types: "ih" });
    const decoded = decode(encode(new OscMessage("/a", [1])));
    expect(decode(encode(decoded, { numbers: "float" }))).toMatchObject({ types: "i" });
  });

  test("reaches into bundles, long runs and encodeInto", () => {
    const bundle = new OscBundle(
      new OscMessage(
        "/a",
        Array.from({ length: 30 }, (_, i) => i),
      ),
    );
    const target = new Uint8Array(1000);
    const size = encodeInto(bundle, target, 0, { numbers: "float" });
    expect(decode(target.subarray(0, size))).toMatchObject({
      elements: [{ types: "f".repeat(30), args: Array.from({ length: 30 }, (_, i) => i) }],
    });
    const large = new OscMessage(
      "/a",
      Array.from({ length: 20 }, (_, i) => 2 ** 40 + i * 2 ** 30),
    );
    expect(decode(encode(large, { numbers: "float" }))).toMatchObject({ types: "f".repeat(20), args: large.args.map(Number) });
  });
});

describe("encodeMessage", () => {
  const longText = "x".repeat(9000);

  test.each<[string, OscArgument | undefined, string | undefined]>([
    ["no arguments", undefined, undefined],
    ["one value", 0.5, undefined],
    [
      "every plain type",
      [1, -1, 0.5, 2 ** 40, 2 ** 53 + 2, 5n, "text", "", true, false, null, Uint8Array.of(1, 2), TimeTag.IMMEDIATELY],
      undefined,
    ],
    ["a colour", { r: 1, g: 2, b: 3, a: 4 }, undefined],
    [
      "typed values",
      [int(1), float(1), double(1), long(7), symbol("S"), char("c"), midi(1, 2, 3, 4), infinitum(), blob(Uint8Array.of())],
      undefined,
    ],
    ["types given", [1, 2, 3, "x", true, null, [0, 1, 2, 3], Infinity, 65], "ifhsTNmIc"],
    ["arrays", [1, [2, ["x"]]], undefined],
    ["arrays with types", [1, [2, ["x"]]], "f[d[S]]"],
    ["text beyond ASCII", ["größer ☃ 😀"], undefined],
    ["2,000 numbers", Array.from({ length: 2000 }, (_, i) => i / 3), undefined],
    ["text that doesn't fit into the shared memory", longText, undefined],
    ["floats", new Float32Array([1, 0.5, -0, Number.NaN]), undefined],
    ["5,000 floats", new Float32Array(5000).fill(0.1), undefined],
  ])("gives the bytes of the message: %s", (_, args, types) => {
    for (const numbers of ["auto", "float"] as const) {
      const bytesOf = encodeMessage("/größe", args, types, { numbers });
      expect(hex(bytesOf)).toBe(hex(encode(new OscMessage("/größe", args, types), { numbers })));
    }
  });

  test.each<[string, unknown, unknown, unknown, EncodeOptions?]>([
    ["an address without slash", "a", [], undefined],
    ["an address that is no string", 5, [], undefined],
    ["an address with NUL", "/a\0", [], undefined],
    ["text with NUL after good values", "/a", [1, "x", "a\0"], undefined],
    ["undefined", "/a", [undefined], undefined],
    ["a number beyond a float", "/a", [1e300], undefined],
    ["fewer tags than values", "/a", [1, 2], "i"],
    ["more tags than values", "/a", [1], "ii"],
    ["an unknown tag", "/a", [1], "q"],
    ["tags that are no string", "/a", [1], 5],
    ["a value that doesn't fit its tag", "/a", [1, "x"], "ii"],
    ["a typed value of another tag", "/a", [float(1)], "i"],
    ["a bad value before arrays that nest too deep", "/a", [nestedArrays(40), undefined], undefined],
    ["arrays that nest too deep", "/a", [nestedArrays(40)], undefined],
    ["a packet that is too large", "/a", ["x".repeat(100)], undefined, { maxPacketSize: 50 }],
  ])("throws the error of the message: %s", (_, address, args, types, options) => {
    const one = thrownBy(() => encodeMessage(address as never, args as never, types as never, options)) as OscEncodeError;
    const other = thrownBy(() => encode(new OscMessage(address as never, args as never, types as never), options)) as OscEncodeError;
    expect(one).toBeInstanceOf(OscEncodeError);
    expect([one.code, one.message, one.value]).toEqual([other.code, other.message, other.value]);
  });

  test("leaves packets whole that were encoded before, after and during it", () => {
    const others: Uint8Array[] = [];
    class Telling extends Uint8Array {
      override get length(): number {
        others.push(encodeMessage("/other", [1, "x".repeat(30)]));
        return super.length;
      }
    }
    const before = encodeMessage("/before", [1, 2, 3]);
    const packet = encodeMessage("/a", [new Telling(4), "end"]);
    expect(() => encodeMessage("/a", ["x", undefined as never])).toThrow(OscEncodeError);
    const after = encodeMessage("/after", "text");
    expect(decode(before)).toMatchObject({ address: "/before", args: [1, 2, 3] });
    expect(decode(packet)).toMatchObject({ args: [new Uint8Array(4), "end"] });
    expect(decode(after)).toMatchObject({ address: "/after", args: ["text"] });
    expect(others).not.toHaveLength(0);
    for (const other of others) expect(decode(other)).toMatchObject({ address: "/other", args: [1, "x".repeat(30)] });
  });

  function nestedArrays(levels: number): unknown[] {
    return levels === 0 ? [] : [nestedArrays(levels - 1)];
  }
});

describe("a Float32Array", () => {
  const floats = new Float32Array([1, 0.5, -2, 1000]);

  test("is a list of floats in place of the arguments, whole numbers too", () => {
    expect(new OscMessage("/a", floats)).toMatchObject({ types: "ffff", args: [1, 0.5, -2, 1000] });
    expect(new OscMessage("/a", floats, "fdfi")).toMatchObject({ types: "fdfi", args: [1, 0.5, -2, 1000] });
    expect(new OscMessage("/a", new Float32Array())).toMatchObject({ types: "", args: [] });
  });

  test("is an OSC array if the type tags say so", () => {
    const message = new OscMessage("/a", ["x", floats, 1], "s[ffff]i");
    expect(message.args).toEqual(["x", [1, 0.5, -2, 1000], 1]);
    expect(hex(encodeMessage("/a", ["x", floats, 1], "s[ffff]i"))).toBe(hex(encode(message)));
  });

  test("does not change the message later", () => {
    const changing = new Float32Array([1]);
    const message = new OscMessage("/a", changing);
    changing[0] = 2;
    expect(message.args).toEqual([1]);
  });

  test.each([[[floats]], [["x", floats]]])("inside a list needs type tags: %#", (args) => {
    expect(thrownBy(() => new OscMessage("/a", args))).toMatchObject({ code: "OSC_VALUE_TYPE", value: floats });
    expect(thrownBy(() => encodeMessage("/a", args))).toMatchObject({ code: "OSC_VALUE_TYPE", value: floats });
  });
});

describe("limits", () => {
  test("a packet that is too large", () => {
    const message = new OscMessage("/a", new Uint8Array(100));
    expect(thrownBy(() => encode(message, { maxPacketSize: 111 }))).toMatchObject({ code: "OSC_PACKET_TOO_LARGE", value: message });
    expect(encode(message, { maxPacketSize: 112 }).length).toBe(112);
    const huge = new OscMessage("/a", new Uint8Array(16 * 1024 * 1024));
    expect(thrownBy(() => encode(huge))).toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
    expect(encode(huge, { maxPacketSize: 17 * 1024 * 1024 }).length).toBe(16 * 1024 * 1024 + 12);
    expect(thrownBy(() => encodeInto(message, new Uint8Array(200), 0, { maxPacketSize: 111 }))).toMatchObject({
      code: "OSC_PACKET_TOO_LARGE",
    });
  });

  test("bundles that nest too deep", () => {
    let bundle = new OscBundle([]);
    for (let level = 1; level < 32; level++) bundle = new OscBundle(bundle);
    expect(encode(bundle).length).toBe(32 * 20 - 4);
    const deeper = new OscBundle(bundle);
    expect(thrownBy(() => encode(deeper))).toMatchObject({ code: "OSC_NESTING_TOO_DEEP" });
    expect(encode(deeper, { maxNesting: 33 }).length).toBe(33 * 20 - 4);
  });

  test("arrays that nest too deep", () => {
    const nested = (levels: number): OscArgument => (levels === 0 ? [] : [nested(levels - 1)]);
    expect(decode(encode(new OscMessage("/a", nested(32))))).toMatchObject({ types: "[".repeat(32) + "]".repeat(32) });
    expect(thrownBy(() => encode(new OscMessage("/a", nested(33))))).toMatchObject({ code: "OSC_NESTING_TOO_DEEP" });
    expect(encode(new OscMessage("/a", nested(33)), { maxNesting: 33 }).length).toBe(4 + 68);
  });

  test("after a failure the next packet is encoded as ever", () => {
    expect(() => encode(new OscMessage("/a", new Uint8Array(100)), { maxPacketSize: 10 })).toThrow(OscEncodeError);
    expect(encoded(1)).toBe(golden("',i' 0000 00000001"));
  });

  test.each([
    ["a string", "float", "must be an object"],
    ["null", null, "must be an object"],
    ["an unknown name", { number: "float" }, "numbers, maxPacketSize, maxNesting"],
    ["an unknown choice", { numbers: "floats" }, '"floats" (string)'],
    ["a limit that is no number", { maxPacketSize: "100" }, '"100" (string)'],
    ["a limit below 0", { maxNesting: -1 }, "-1"],
  ])("options that are %s", (_, options, part) => {
    const message = new OscMessage("/a", 1);
    for (const work of [
      () => encode(message, options as never),
      () => encodeMessage("/a", 1, undefined, options as never),
      () => encodeInto(message, new Uint8Array(100), 0, options as never),
    ]) {
      const error = thrownBy(work);
      expect(error).toMatchObject({ code: "OSC_OPTION" });
      expect((error as Error).message).toContain(part);
    }
  });

  test.each([undefined, null, "text", [], new ArrayBuffer(8), new Float32Array(8)])(
    "rejects a target that isn't a Uint8Array: %s",
    (target) => {
      expect(thrownBy(() => encodeInto(new OscMessage("/a"), target as never))).toMatchObject({ code: "OSC_VALUE_TYPE", value: target });
    },
  );

  test("rejects what isn't a packet", () => {
    for (const packet of [undefined, null, "text", { address: "/a", types: "", args: [] }]) {
      expect(thrownBy(() => encode(packet as unknown as OscPacket))).toMatchObject({ code: "OSC_VALUE_TYPE" });
    }
  });
});
