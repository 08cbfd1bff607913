import { describe, expect, test } from "vitest";
import { decode, encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import { OscDecodeError } from "../../src/errors.ts";
import { rawBytesOf } from "../../src/codec/packet.ts";
import { bytes, errorsIn, thrownBy } from "./support.ts";

const GOOD = "'/a' 0000 ',i' 0000 00000001";
const IMMEDIATELY = "0000000000000001";

function message(text: string, options?: Parameters<typeof decode>[1]): OscMessage {
  const packet = decode(bytes(text), options);
  expect(packet).toBeInstanceOf(OscMessage);
  return packet as OscMessage;
}

function bundle(text: string, options?: Parameters<typeof decode>[1]): OscBundle {
  const packet = decode(bytes(text), options);
  expect(packet).toBeInstanceOf(OscBundle);
  return packet as OscBundle;
}

function addresses(packet: OscPacket): string[] {
  return packet instanceof OscBundle ? packet.elements.flatMap(addresses) : [packet.address];
}

function addressesIn(text: string): string[] {
  return addresses(decode(bytes(text)));
}

/** An element of a bundle, with its size. */
function sized(text: string): string {
  return `${bytes(text).length.toString(16).padStart(8, "0")} ${text}`;
}

function code(text: string, options?: Parameters<typeof decode>[1]): string {
  const error = thrownBy(() => decode(bytes(text), options));
  expect(error).toBeInstanceOf(OscDecodeError);
  return (error as OscDecodeError).code;
}

describe("arguments, several of each type", () => {
  test.each([
    ["i", "',ii' 00  7fffffff 80000000", [2147483647, -2147483648]],
    ["f", "',ff' 00  3f000000 c2f6e979", [0.5, Math.fround(-123.456)]],
    ["s", "',ss' 00  'ab' 0000  68c3a900", ["ab", "hé"]],
    ["S", "',SS' 00  00000000 'abcd' 00000000", ["", "abcd"]],
    ["b", "',bb' 00  00000000  00000003 01020300", [new Uint8Array(), Uint8Array.of(1, 2, 3)]],
    ["h", "',hh' 00  7fffffffffffffff 8000000000000000", [2n ** 63n - 1n, -(2n ** 63n)]],
    ["t", "',tt' 00  0000000000000001 e7d3c0a080402010", [TimeTag.IMMEDIATELY, new TimeTag(0xe7d3c0a0, 0x80402010)]],
    ["d", "',dd' 00  400921fb54442d18 bff0000000000000", [Math.PI, -1]],
    ["c", "',cc' 00  00000041 0001f600", ["A", "😀"]],
    [
      "r",
      "',rr' 00  01020304 fffefdfc",
      [
        { r: 1, g: 2, b: 3, a: 4 },
        { r: 255, g: 254, b: 253, a: 252 },
      ],
    ],
    [
      "m",
      "',mm' 00  00903c7f 01803c00",
      [
        [0, 0x90, 60, 127],
        [1, 0x80, 60, 0],
      ],
    ],
    ["T F N I", "',TFNI' 000000", [true, false, null, Infinity]],
    ["arrays", "',[i[f]]i' 00000000  00000001 3f800000 00000002", [[1, [1]], 2]],
    ["empty arrays", "',[][[]]' 00", [[], [[]]]],
  ])("%s", (_, text, args) => {
    const decoded = message(`'/a' 0000 ${text}`, { strict: true });
    expect(decoded.args).toEqual(args);
    expect(decoded.errors).toEqual([]);
  });

  test("long runs of numbers, alone and among others", () => {
    const floats = Array.from({ length: 40 }, (_, i) => i / 8);
    const words = floats.map((value) => new Uint32Array(new Float32Array([value]).buffer)[0]!.toString(16).padStart(8, "0")).join("");
    expect(message(`'/a' 0000 ',${"f".repeat(40)}' 000000 ${words}`, { strict: true }).args).toEqual(floats);
    expect(message(`'/a' 0000 ',i${"f".repeat(40)}T' 00 00000007 ${words}`, { strict: true }).args).toEqual([7, ...floats, true]);
    const ints = Array.from({ length: 40 }, (_, i) => 20 - i);
    const intWords = ints.map((value) => (value >>> 0).toString(16).padStart(8, "0")).join("");
    expect(message(`'/a' 0000 ',[${"i".repeat(40)}]' 00 ${intWords}`, { strict: true }).args).toEqual([ints]);
  });

  test("a character code that Unicode does not know stays a number", () => {
    expect(message("'/a' 0000 ',cc' 00 ffffffff 00110000").args).toEqual([-1, 0x110000]);
  });
});

describe("views", () => {
  test.each([0, 1, 2, 3, 5, 8])("a packet at byte %i of its memory is read from there", (offset) => {
    const packet = bytes("'/a' 0000 ',ibdft' 0000  00000001  00000003 01020300  4000000000000000  3f800000  0000000200000003");
    const memory = new Uint8Array(packet.length + 16).fill(0xff);
    memory.set(packet, offset);
    const view = memory.subarray(offset, offset + packet.length);
    for (const given of [view, Buffer.from(memory.buffer, offset, packet.length)]) {
      const decoded = decode(given, { strict: true }) as OscMessage;
      expect(decoded.args).toEqual([1, Uint8Array.of(1, 2, 3), 2, 1, new TimeTag(2, 3)]);
    }
    const long = bytes(`'/a' 0000 ',${"i".repeat(20)}' 000000 ${"00000005".repeat(20)}`);
    const longMemory = new Uint8Array(long.length + offset);
    longMemory.set(long, offset);
    expect((decode(longMemory.subarray(offset)) as OscMessage).args).toEqual(new Array(20).fill(5));
  });

  test("a blob is a plain view of the packet, or a copy when asked", () => {
    const packet = Buffer.from(bytes("'/a' 0000 ',b' 0000 00000004 01020304"));
    const view = (decode(packet) as OscMessage).args[0] as Uint8Array;
    const copy = (decode(packet, { copyBlobs: true }) as OscMessage).args[0] as Uint8Array;
    packet[12] = 9;
    expect(view).toEqual(Uint8Array.of(9, 2, 3, 4));
    expect(copy).toEqual(Uint8Array.of(1, 2, 3, 4));
    expect(copy.buffer.byteLength).toBe(4);
    expect([view.constructor, copy.constructor]).toEqual([Uint8Array, Uint8Array]);
  });
});

describe("what real programs send", () => {
  test("X32: no type tag string and no arguments", () => {
    expect(message("'/xremote' 00000000", { strict: true })).toMatchObject({
      address: "/xremote",
      types: "",
      args: [],
      hasTypeTags: false,
      errors: [],
    });
    expect(message("'/xremote' 00000000 2c000000", { strict: true })).toMatchObject({ types: "", hasTypeTags: true });
  });

  test("bytes in place of the type tag string are reported and not guessed", () => {
    const decoded = message("'/a' 0000 00000001");
    expect(decoded).toMatchObject({ args: [], hasTypeTags: false, errors: [{ code: "OSC_MISSING_TYPE_TAGS", offset: 4 }] });
    expect(code("'/a' 0000 00000001", { strict: true })).toBe("OSC_MISSING_TYPE_TAGS");
  });

  test.each([
    ["3f8000", [1]],
    ["3f80", [1]],
    ["3f", [0.5]],
  ])("completes a last float that Reaktor cut short to %j with zeros", (present, args) => {
    const decoded = message(`'/a' 0000 ',f' 0000 ${present}`);
    expect(decoded).toMatchObject({ args, errors: [{ code: "OSC_TRUNCATED", offset: 8 }] });
    expect(code(`'/a' 0000 ',f' 0000 ${present}`, { strict: true })).toMatch(/OSC_(TRUNCATED|UNALIGNED)/);
  });

  test.each([
    ["',f' 0000", 8],
    ["',ff' 00 3f000000", 12],
    ["',sf' 00 'a' 000000", 12],
    ["',bf' 00 00000000", 12],
  ])("makes up no float that has none of its bytes: %s", (text, offset) => {
    expect(thrownBy(() => decode(bytes(`'/a' 0000 ${text}`)))).toMatchObject({ code: "OSC_TRUNCATED", offset });
  });

  test.each([
    ["i", 4],
    ["h", 8],
    ["d", 8],
    ["t", 8],
    ["c", 4],
    ["r", 4],
    ["m", 4],
  ])("makes up no argument of type %s from fewer than its bytes", (tag, size) => {
    for (let present = 0; present < size; present++) {
      const text = `'/a' 0000 ',${tag}' 0000 ${"01".repeat(present)}`;
      expect(code(text)).toBe("OSC_TRUNCATED");
      expect(addressesIn(`'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} ${sized(text)}`)).toEqual(["/a"]);
    }
  });

  test("makes up no blob without its size", () => {
    expect(code("'/a' 0000 ',b' 0000")).toBe("OSC_TRUNCATED");
    expect(code("'/a' 0000 ',b' 0000 000000")).toBe("OSC_TRUNCATED");
  });

  test.each([
    ["',s' 0000", "s", [""], [8]],
    ["',S' 0000", "S", [""], [8]],
    ["',sis' 00000000 'a' 000000 00000001", "sis", ["a", 1, ""], [20]],
    ["',ss' 00", "ss", ["", ""], [8, 8]],
  ])("reads a string without any bytes as empty, with a fault: %s", (text, types, args, offsets) => {
    const decoded = message(`'/a' 0000 ${text}`);
    expect(decoded).toMatchObject({ types, args, errors: offsets.map((offset) => ({ code: "OSC_TRUNCATED", offset })) });
    expect(code(`'/a' 0000 ${text}`, { strict: true })).toBe("OSC_TRUNCATED");
  });

  test.each<[string, string, string, readonly unknown[], number]>([
    ["floats, the first 0", "',fff' 00000000 3e800000 3f000000", "fff", [0, 0.25, 0.5], 8],
    ["floats, the first not 0", "',fff' 3e800000 00000000 3f000000", "fff", [0.25, 0, 0.5], 8],
    ["ints", "',iii' 00000001 00000002 00000003", "iii", [1, 2, 3], 8],
    ["seven floats", `',${"f".repeat(7)}' ${"00000000".repeat(6)} 3f000000`, "f".repeat(7), [0, 0, 0, 0, 0, 0, 0.5], 12],
    ["an empty string first", "',sss' 00000000 'a' 000000 'b' 000000", "sss", ["", "a", "b"], 8],
    ["strings", "',sss' 'one' 00 'two' 00 'three' 000000", "sss", ["one", "two", "three"], 8],
    ["a string of letters that are type tags", "',sss' 'fish' 00000000 'a' 000000 'b' 000000", "sss", ["fish", "a", "b"], 8],
    ["a float and strings", "',fss' 00000000 'ab' 0000 'cd' 0000", "fss", [0, "ab", "cd"], 8],
    ["a blob", "',ibi' 00000001 00000004 01020304 00000002", "ibi", [1, Uint8Array.of(1, 2, 3, 4), 2], 8],
    ["an array", "',[i]' 00000007", "[i]", [[7]], 8],
  ])("recognises a type tag string without NUL, with %s", (_, text, types, args, offset) => {
    const decoded = message(`'/a' 0000 ${text}`);
    expect(decoded).toMatchObject({ types, args, errors: [{ code: "OSC_BAD_PADDING", offset }] });
    expect(decoded.errors[0]!.message).toContain("no NUL");
    expect(code(`'/a' 0000 ${text}`, { strict: true })).toMatch(/^OSC_/);
    const element = bundle(`'#bundle' 00 ${IMMEDIATELY} ${sized(`'/a' 0000 ${text}`)} 0000000c ${GOOD}`).elements[0];
    expect(element).toMatchObject({ types, args });
  });

  test.each([
    ["an unusual NaN", "'/a' 0000", "fffffffc", []],
    ["a faulty address", "'a' 000000", "3ff00000", ["OSC_BAD_ADDRESS"]],
  ])("reads type tags with a NUL as they are beside %s, though they would fit without it too", (_, address, high, codes) => {
    const { types, args, errors } = message(`${address} ',FNFmdSSF' 000000 57f54b7f ${high}f09f8eb5 00000000 'abcd' 00000000`);
    expect([types, args.slice(5)]).toEqual(["FNFmdSSF", ["", "abcd", false]]);
    expect(errors.map(({ code }) => code)).toEqual(codes);
  });

  test("takes no type tag string without NUL if there are too few values", () => {
    expect(code("'/a' 0000 ',fff' 00000000 3e800000")).toBe("OSC_TRUNCATED");
  });

  test("an argument after one that was cut short is not made up", () => {
    expect(code("'/a' 0000 ',fi' 00 3f80")).toBe("OSC_TRUNCATED");
  });

  test.each([
    ["a string without padding", "',s' 0000 'abcde' 00", "abcde", 13],
    ["a string without NUL", "',s' 0000 'abcd'", "abcd", 12],
    ["a blob without padding", "',b' 0000 00000003 010203", Uint8Array.of(1, 2, 3), 15],
  ])("%s at the end", (_, text, value, offset) => {
    expect(message(`'/a' 0000 ${text}`)).toMatchObject({ args: [value], errors: [{ code: "OSC_BAD_PADDING", offset }] });
    expect(code(`'/a' 0000 ${text}`, { strict: true })).toMatch(/OSC_(BAD_PADDING|UNALIGNED)/);
  });

  test.each([
    ["address", "'/a' 0078 ',i' 0000 00000001", 2],
    ["type tag string", "'/a' 0000 ',i' 0078 00000001", 6],
    ["string", "'/a' 0000 ',si' 00 'b' 007800 00000001", 9],
    ["blob", "'/a' 0000 ',b' 0000 00000001 01000078", 13],
  ])("padding of the %s that is not zero", (_, text, offset) => {
    const decoded = message(text);
    expect(decoded.errors).toMatchObject([{ code: "OSC_BAD_PADDING", offset }]);
    expect(decoded.types.length).toBe(decoded.args.length);
    expect(code(text, { strict: true })).toBe("OSC_BAD_PADDING");
  });

  test("Latin-1 text", () => {
    expect(message("'/a' 0000 ',s' 0000 'h' e9 '!' 00")).toMatchObject({ args: ["hé!"], errors: [{ code: "OSC_BAD_TEXT", offset: 8 }] });
    expect(code("'/a' 0000 ',s' 0000 'h' e9 '!' 00", { strict: true })).toBe("OSC_BAD_TEXT");
    expect(message("'/' ff 0000 ',i' 0000 00000001", {})).toMatchObject({ address: "/ÿ", args: [1] });
  });

  test("U+FFFD that was sent as such is text like any other", () => {
    expect(message("'/a' 0000 ',s' 0000 efbfbd00", { strict: true }).args).toEqual(["\ufffd"]);
    expect(message("'/a' 0000 ',s' 0000 efbfbdff 00000000").args).toEqual(["ï¿½ÿ"]);
  });

  test("a byte order mark is part of the text", () => {
    expect(message("'/a' 0000 ',s' 0000 efbbbf00", { strict: true }).args).toEqual(["\ufeff"]);
  });

  test("an address without slash", () => {
    expect(message("'error' 000000 ',i' 0000 00000001")).toMatchObject({
      address: "error",
      args: [1],
      errors: [{ code: "OSC_BAD_ADDRESS", offset: 0 }],
    });
    expect(code("'error' 000000 ',i' 0000 00000001", { strict: true })).toBe("OSC_BAD_ADDRESS");
  });

  test.each(["#reply", "#note", "#bu", "#Bundle", "#"])("the address %s", (address) => {
    const text = `'${address}' ${"00".repeat(4 - (address.length % 4))} ',s' 0000 '/a/' 00`;
    const decoded = message(text);
    expect(decoded).toMatchObject({ address, args: ["/a/"], errors: [{ code: "OSC_BAD_ADDRESS", offset: 0 }] });
    expect(encode(decoded)).toEqual(bytes(text));
    expect(code(text, { strict: true })).toBe("OSC_BAD_ADDRESS");
  });

  test.each(["00000009 ',i' 0000 00000001", "'hello world!'", "'#bundlf' 00 0000000000000001", "'#bundle'", "'#note'"])(
    "neither a message nor a bundle: %s",
    (text) => {
      expect(code(text)).toMatch(/OSC_BAD_(ADDRESS|BUNDLE)/);
    },
  );

  test("bytes after the last argument", () => {
    expect(message(`${GOOD} 00000002`)).toMatchObject({ args: [1], errors: [{ code: "OSC_TRAILING_BYTES", offset: 12 }] });
    expect(code(`${GOOD} 00000002`, { strict: true })).toBe("OSC_TRAILING_BYTES");
  });

  test("RME: a bundle with time tag 0 and an element of four bytes", () => {
    const decoded = bundle("'#bundle' 00 0000000000000000 00000004 '/1' 0000");
    expect(decoded.timeTag.toBigInt()).toBe(0n);
    expect(decoded.timeTag.isImmediate).toBe(true);
    expect(addresses(decoded)).toEqual(["/1"]);
    expect(errorsIn(decoded)).toEqual([]);
  });

  test("older QOsc: a bundle without the NUL of its name", () => {
    const text = `'#bundle' e7d3c0a080402010 0000000c ${GOOD} 0000000c ${GOOD}`;
    const decoded = bundle(text);
    expect(decoded.timeTag).toEqual(new TimeTag(0xe7d3c0a0, 0x80402010));
    expect(addresses(decoded)).toEqual(["/a", "/a"]);
    expect(decoded.errors).toMatchObject([{ code: "OSC_BAD_BUNDLE", offset: 7 }]);
    expect(bundle(`'#bundle' ${IMMEDIATELY} 0000000c ${GOOD}`).timeTag.isImmediate).toBe(true);
    expect(code(text, { strict: true })).toBe("OSC_UNALIGNED");
  });

  test("a last element whose size isn't a multiple of 4", () => {
    const decoded = bundle(`'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 0000000d '/b' 0000 ',s' 0000 'text' 00`);
    expect(addresses(decoded)).toEqual(["/a", "/b"]);
    expect(errorsIn(decoded)).toEqual([
      { code: "OSC_UNALIGNED", offset: 32 },
      { code: "OSC_BAD_PADDING", offset: 48 },
    ]);
  });
});

describe("attacks", () => {
  test.each([
    ["element size -4", `'#bundle' 00 ${IMMEDIATELY} fffffffc ${GOOD}`, [], "OSC_BAD_ELEMENT_SIZE", 16],
    ["element size 400 in 32 bytes", `'#bundle' 00 ${IMMEDIATELY} 00000190 ${GOOD}`, ["/a"], "OSC_BAD_ELEMENT_SIZE", 16],
    [
      "a good one, then a size of all bits",
      `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 7fffffff '/b' 0000`,
      ["/a", "/b"],
      "OSC_BAD_ELEMENT_SIZE",
      32,
    ],
    ["element size no multiple of 4", `'#bundle' 00 ${IMMEDIATELY} 00000006 ${GOOD} 00000000`, [], "OSC_BAD_ELEMENT_SIZE", 16],
    ["a good one, then a size past the end", `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000064`, ["/a"], "OSC_BAD_ELEMENT_SIZE", 32],
    ["a good one, then half a size", `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 0000`, ["/a"], "OSC_TRUNCATED", 32],
    [
      "an empty element between good ones",
      `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000000 0000000c ${GOOD}`,
      ["/a", "/a"],
      "OSC_BAD_ELEMENT_SIZE",
      32,
    ],
    [
      "garbage between good ones",
      `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000008 'garbage!' 0000000c ${GOOD}`,
      ["/a", "/a"],
      "OSC_BAD_ADDRESS",
      36,
    ],
    [
      "an unknown type tag between good ones",
      `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000008 '/b' 0000 ',q' 0000 0000000c ${GOOD}`,
      ["/a", "/a"],
      "OSC_UNKNOWN_TYPE_TAG",
      41,
    ],
    [
      "a bad bundle between good messages",
      `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000008 '#bundle' 00 0000000c ${GOOD}`,
      ["/a", "/a"],
      "OSC_BAD_BUNDLE",
      36,
    ],
  ])("%s", (_, text, good, expected, offset) => {
    const decoded = bundle(text);
    expect(addresses(decoded)).toEqual(good);
    expect(decoded.errors).toMatchObject([{ code: expected, offset }]);
    expect(code(text, { strict: true })).toMatch(/^OSC_/);
  });

  test("an inner bundle keeps its good elements and its own errors", () => {
    const inner = `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000004 '/b' 0078`;
    const decoded = bundle(`'#bundle' 00 ${IMMEDIATELY} 00000008 'garbage!' 00000028 ${inner} 0000000c ${GOOD} 00000004`);
    expect(addresses(decoded)).toEqual(["/a", "/b", "/a"]);
    expect(decoded.errors.map(({ offset }) => offset)).toEqual([20, 88]);
    expect((decoded.elements[0] as OscBundle).errors).toEqual([]);
    expect((decoded.elements[0] as OscBundle).elements[1]!.errors).toMatchObject([{ code: "OSC_BAD_PADDING", offset: 70 }]);
  });

  test("3,000 nested bundles", () => {
    let text = "";
    for (let size = 3000 * 20 - 20; size >= 0; size -= 20) text += `2362756e646c65000000000000000001${size.toString(16).padStart(8, "0")}`;
    const packet = bytes(text);
    expect(errorsIn(decode(packet))).toEqual([{ code: "OSC_NESTING_TOO_DEEP", offset: 32 * 20 }]);
    expect(thrownBy(() => decode(packet, { strict: true }))).toMatchObject({ code: "OSC_NESTING_TOO_DEEP", offset: 32 * 20 });
    expect(errorsIn(decode(packet, { maxNesting: Infinity }))).toEqual([{ code: "OSC_NESTING_TOO_DEEP", offset: 1000 * 20 }]);
  });

  test("20,000 levels of arrays", () => {
    const text = `'/a' 0000 ',${"[".repeat(20_000)}${"]".repeat(20_000)}' 000000`;
    expect(code(text)).toBe("OSC_NESTING_TOO_DEEP");
    expect(code(text, { maxNesting: Infinity })).toBe("OSC_NESTING_TOO_DEEP");
  });

  test("as many levels as are allowed, and one more", () => {
    const arrays = (levels: number): string =>
      `'/a' 0000 ',${"[".repeat(levels)}${"]".repeat(levels)}' 00${"00".repeat(2 - ((levels * 2) & 2))}`;
    expect(message(arrays(32)).errors).toEqual([]);
    expect(code(arrays(33))).toBe("OSC_NESTING_TOO_DEEP");
    expect(message(arrays(33), { maxNesting: 33 }).errors).toEqual([]);
    expect(code(arrays(1), { maxNesting: 0 })).toBe("OSC_NESTING_TOO_DEEP");
    expect(code(`'#bundle' 00 ${IMMEDIATELY}`, { maxNesting: 0 })).toBe("OSC_NESTING_TOO_DEEP");
  });

  test.each(["]", "i]", "[i", "[[]", "][", "[i]]"])("brackets that do not match: %s", (types) => {
    const padded = `,${types}`.padEnd(8, "\0");
    expect(code(`'/a' 0000 '${padded}' 0000000000000001`)).toBe("OSC_UNBALANCED_ARRAY");
  });

  test("an unknown type tag fails the message, and no later argument is shifted", () => {
    expect(thrownBy(() => decode(bytes("'/a' 0000 ',iqi' 00000000 00000001 00000002 00000003")))).toMatchObject({
      code: "OSC_UNKNOWN_TYPE_TAG",
      offset: 6,
    });
  });

  test.each(["ffffffff", "fffffffc", "80000000", "7fffffff", "00000005"])("blob size %s with four bytes", (size) => {
    expect(code(`'/a' 0000 ',b' 0000 ${size} 01020304`)).toBe("OSC_BAD_BLOB_SIZE");
  });

  test("at most 32 faults of a packet are recorded, but nothing good is lost to those that can be read past", () => {
    const dirty = `'#bundle' 00 ${IMMEDIATELY} ${`00000004 '/a' 0078`.repeat(1000)}`;
    expect(addresses(decode(bytes(dirty))).length).toBe(1000);
    expect(errorsIn(decode(bytes(dirty))).length).toBe(32);
    const empty = `'#bundle' 00 ${IMMEDIATELY} ${"00000000".repeat(1000)} 0000000c ${GOOD}`;
    expect(addresses(decode(bytes(empty)))).toEqual(["/a"]);
  });

  test("a packet with more than 32 bad elements is read no further, and says so", () => {
    const bad = "00000008 'garbage!'";
    const decoded = bundle(`'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} ${bad.repeat(1000)} 0000000c ${GOOD}`);
    expect(addresses(decoded)).toEqual(["/a"]);
    expect(decoded.errors.length).toBe(33);
    expect(decoded.errors.at(-1)).toMatchObject({ code: "OSC_BAD_BUNDLE", offset: 16 + 16 + 33 * 12 });
    expect(bundle(`'#bundle' 00 ${IMMEDIATELY} 00000008 'garbage!'`).errors.length).toBe(1);
  });
});

describe("a last element that is longer than the rest of the bundle", () => {
  const header = `'#bundle' 00 ${IMMEDIATELY}`;

  test.each([
    ["a float cut short", "00000010 '/a' 0000 ',f' 0000 3f80", [1], ["OSC_TRUNCATED"]],
    ["a string cut short", "00000014 '/a' 0000 ',s' 0000 'tex'", ["tex"], ["OSC_BAD_PADDING"]],
    ["whole arguments", "00000190 '/a' 0000 ',i' 0000 00000001", [1], []],
  ])("is read as far as it goes: %s", (_, element, args, faults) => {
    const decoded = bundle(`${header} ${element}`);
    expect(decoded.errors).toMatchObject([{ code: "OSC_BAD_ELEMENT_SIZE", offset: 16 }]);
    expect(decoded.elements).toMatchObject([{ args, errors: faults.map((fault) => ({ code: fault })) }]);
    expect(code(`${header} ${element}`, { strict: true })).toMatch(/OSC_(BAD_ELEMENT_SIZE|UNALIGNED)/);
  });

  test("is dropped if what is there makes no right message", () => {
    const decoded = bundle(`${header} 0000000c ${GOOD} 00000010 '/a' 0000 ',i' 0000 0000`);
    expect(addresses(decoded)).toEqual(["/a"]);
    expect(decoded.errors.map((error) => error.code)).toEqual(["OSC_BAD_ELEMENT_SIZE", "OSC_TRUNCATED"]);
  });

  test("may be a bundle", () => {
    expect(addressesIn(`${header} 00000100 '#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 0000000c ${GOOD}`)).toEqual(["/a", "/a"]);
  });
});

describe("bytes that a packet's values don't give back", () => {
  test.each([
    ["Latin-1 text", "'/a' 0000 ',s' 0000 4be47365 00000000"],
    ["Shift-JIS text", "'/a' 0000 ',s' 0000 93fa967b 8cea0000"],
    ["a Latin-1 address", "'/k' e474 00000000 ',i' 0000 00000001"],
    ["trailing bytes", `${GOOD} 01020304`],
    ["bytes without type tags", "'/a' 0000 00000001 00000002"],
    ["padding that is not zero", "'/a' 0078 ',i' 0000 00000001"],
    ["a string without padding", "'/a' 0000 ',s' 0000 'abcde' 00"],
    ["a float cut short", "'/a' 0000 ',f' 0000 3f80"],
    ["a type tag string without NUL", "'/a' 0000 ',fff' 00000000 3e800000 3f000000"],
    ["an unusual NaN", "'/a' 0000 ',f' 0000 7fc12345"],
    ["a negative NaN", "'/a' 0000 ',f' 0000 ffc00000"],
    ["an unusual NaN among many", `'/a' 0000 ',${"f".repeat(20)}' 000000 ${"3f000000".repeat(19)} 7f800001`],
    ["an unusual NaN of 64 bits", "'/a' 0000 ',d' 0000 7ff8000000000001"],
    ["an unusual NaN in an array", "'/a' 0000 ',[f]' 00000000 ffffffff"],
    ["a bundle without NUL", `'#bundle' e7d3c0a080402010 0000000c ${GOOD}`],
    ["a bad element", `'#bundle' 00 ${IMMEDIATELY} 00000008 'garbage!' 0000000c ${GOOD}`],
    ["a bad message in a good bundle", `'#bundle' 00 ${IMMEDIATELY} 0000000c ${GOOD} 00000010 '/a' 0000 ',s' 0000 4be47365`],
    ["a time tag out of order", `'#bundle' 00 e000000000000000 00000010 '#bundle' 00 ${IMMEDIATELY}`],
    ["an element cut short", `'#bundle' 00 ${IMMEDIATELY} 00000190 ${GOOD}`],
  ])("are given back by encode: %s", (_, text) => {
    const given = bytes(text);
    const packet = decode(given);
    given.fill(0xaa);
    expect(Buffer.from(encode(packet)).toString("hex")).toBe(Buffer.from(bytes(text)).toString("hex"));
  });

  test("are not kept for a message in order, the usual NaN included", () => {
    for (const text of [GOOD, "'/a' 0000 ',f' 0000 7fc00000", "'/a' 0000 ',d' 0000 7ff8000000000000"]) {
      expect(rawBytesOf(decode(bytes(text)))).toBeUndefined();
    }
  });

  test("are kept once for a whole packet", () => {
    const text = `'#bundle' 00 ${IMMEDIATELY} ${`00000004 '/a' 0078`.repeat(100)} 00000000`;
    const decoded = bundle(text);
    const buffers = new Set([decoded, ...decoded.elements].map((packet) => rawBytesOf(packet)!.buffer));
    expect(buffers.size).toBe(1);
  });
});

describe("maxArguments", () => {
  const pairs = (count: number): string => `'/a' 0000 ',${"[T]".repeat(count)}' ${"00".repeat(4 - ((count * 3 + 1) & 3))}`;

  test("is 65,536 values by default, arrays counted", () => {
    expect(message(pairs(21_845)).args).toHaveLength(21_845);
    expect(code(pairs(21_846))).toBe("OSC_TOO_MANY_ARGUMENTS");
  });

  test("refuses a message before its values are built", () => {
    const size = 12 * 1024 * 1024;
    const packet = new Uint8Array(size + 8);
    packet.set(bytes("'/a' 0000 2c"));
    packet.fill(0x54, 5, size);
    const before = process.memoryUsage().heapUsed;
    expect(thrownBy(() => decode(packet))).toMatchObject({ code: "OSC_TOO_MANY_ARGUMENTS", offset: 5 });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * size);
  });

  test("counts all messages of a packet, and its elements", () => {
    const two = "00000010 '/a' 0000 ',ii' 00 00000001 00000002";
    const packet = `'#bundle' 00 ${IMMEDIATELY} ${two.repeat(3)} 00000004 '/b' 0000`;
    expect(addresses(bundle(packet, { maxArguments: 10 }))).toEqual(["/a", "/a", "/a", "/b"]);
    const fewer = bundle(packet, { maxArguments: 8 });
    expect(addresses(fewer)).toEqual(["/a", "/a", "/b"]);
    expect(fewer.errors.map((error) => error.code)).toEqual(["OSC_TOO_MANY_ARGUMENTS"]);
    expect(code(packet, { maxArguments: 8, strict: true })).toBe("OSC_TOO_MANY_ARGUMENTS");
  });

  test("starts anew with each packet", () => {
    for (let i = 0; i < 3; i++) expect(message("'/a' 0000 ',ii' 00 00000001 00000002", { maxArguments: 2 }).args).toEqual([1, 2]);
  });
});

describe("bundles and their time tags", () => {
  const nested = (outer: string, inner: string): string => `'#bundle' 00 ${outer} 00000010 '#bundle' 00 ${inner}`;

  test.each([
    ["e000000000000000", "dfffffffffffffff"],
    ["e000000000000001", "e000000000000000"],
    ["e000000000000000", IMMEDIATELY],
  ])("around %s, inside %s: reported", (outer, inner) => {
    const decoded = bundle(nested(outer, inner));
    expect(decoded.errors).toEqual([]);
    expect((decoded.elements[0] as OscBundle).errors).toMatchObject([{ code: "OSC_TIME_TAG_ORDER", offset: 28 }]);
    expect(code(nested(outer, inner), { strict: true })).toBe("OSC_TIME_TAG_ORDER");
  });

  test.each([
    ["e000000000000000", "e000000000000000"],
    ["e000000000000000", "e000000000000001"],
    [IMMEDIATELY, "0000000000000000"],
    [IMMEDIATELY, "e000000000000000"],
    // The seconds begin again in 2036.
    ["ffffffff00000000", "0000000a00000000"],
  ])("around %s, inside %s: in order", (outer, inner) => {
    expect(errorsIn(decode(bytes(nested(outer, inner)), { strict: true }))).toEqual([]);
  });

  test.each(["'#bundle' 00", "'#bundle' 00 00000000", "'#bun'", "'#bundle' 58 0000000000000001"])("a header cut short: %s", (text) => {
    expect(code(text)).toBe("OSC_BAD_BUNDLE");
  });
});

describe("limits and misuse", () => {
  test("an empty packet", () => {
    expect(code("")).toBe("OSC_EMPTY_PACKET");
  });

  test("a packet that is too large", () => {
    expect(code(GOOD, { maxPacketSize: 11 })).toBe("OSC_PACKET_TOO_LARGE");
    expect(message(GOOD, { maxPacketSize: 12 }).args).toEqual([1]);
    expect(thrownBy(() => decode(new Uint8Array(16 * 1024 * 1024 + 4)))).toMatchObject({ code: "OSC_PACKET_TOO_LARGE" });
  });

  test.each([
    ["a string", "strict", "must be an object with"],
    ["null", null, "must be an object with"],
    ["an unknown name", { maxDepth: 3 }, '"maxDepth" (string)'],
    ["a misspelt name", { max_nesting: 3 }, "strict, copyBlobs, maxNesting"],
    ["a limit that is no number", { maxPacketSize: "100" }, '"100" (string)'],
    ["a limit below 0", { maxArguments: -1 }, "-1"],
    ["a limit that is NaN", { maxNesting: Number.NaN }, "NaN"],
    ["a flag that is no boolean", { strict: "yes" }, '"yes" (string)'],
  ])("refuses options that are %s", (_, options, part) => {
    const error = thrownBy(() => decode(bytes(GOOD), options as never));
    expect(error).toMatchObject({ code: "OSC_OPTION" });
    expect((error as Error).message).toContain(part);
  });

  test("reads its options before the packet, so that a getter may decode another one", () => {
    const options = {
      get maxNesting() {
        expect(thrownBy(() => decode(bytes("'/other' 0000 ',q' 0000")))).toMatchObject({ code: "OSC_UNKNOWN_TYPE_TAG" });
        return 32;
      },
      get strict() {
        decode(bytes("'/b' 0078 ',[i]' 00000000 00000009"), { strict: false, maxArguments: 4 });
        return true;
      },
    };
    expect(decode(bytes("'/a' 0000 ',[i]i' 000000 00000001 00000002"), options)).toMatchObject({ args: [[1], 2], errors: [] });
    expect(thrownBy(() => decode(bytes("'/a' 0078"), options))).toMatchObject({ code: "OSC_BAD_PADDING" });
  });

  test("memory that another thread writes meanwhile does not change how later packets are read", () => {
    const packet = bytes("'/shared/fader' 000000 ',s' 0000 'text' 00000000");
    const shared = new Uint8Array(new SharedArrayBuffer(packet.length));
    shared.set(packet);
    // Stands for the other thread: each byte is another one the second time that it is read.
    const changing = new Proxy(shared, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof property === "string" && /^\d+$/.test(property)) target[Number(property)]! ^= 1;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    for (let i = 0; i < 6; i++) {
      try {
        decode(changing);
      } catch {
        // It may be anything.
      }
      shared.set(packet);
    }
    for (let i = 0; i < 4; i++) expect(decode(packet)).toMatchObject({ address: "/shared/fader", args: ["text"], errors: [] });
  });

  test("rejects what isn't a Uint8Array", () => {
    expect(() => decode("text" as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => decode(new ArrayBuffer(8) as unknown as Uint8Array)).toThrow(/Uint8Array.*ArrayBuffer/);
  });

  test("every beginning of a packet is a packet or an OscDecodeError, and strict takes no part of one", () => {
    const whole = bytes(
      `'#bundle' 00 ${IMMEDIATELY} 0000002c '/a' 0000 ',sbdif' 0000 'text' 00000000 00000002 01020000 4000000000000000 00000001 3f800000 0000000c ${GOOD}`,
    );
    expect(errorsIn(decode(whole, { strict: true }))).toEqual([]);
    for (let size = 0; size < whole.length; size++) {
      const part = whole.subarray(0, size);
      try {
        expect(errorsIn(decode(part)).length).toBeGreaterThan(size === 16 || size === 64 ? -1 : 0);
      } catch (error) {
        expect(error).toBeInstanceOf(OscDecodeError);
      }
      if (size !== 16 && size !== 64) expect(thrownBy(() => decode(part, { strict: true }))).toBeInstanceOf(OscDecodeError);
    }
  });

  test("a decoder that has failed reads the next packet as if nothing had been", () => {
    expect(code("'/a' 0000 ',[q' 00")).toBe("OSC_UNKNOWN_TYPE_TAG");
    expect(message(GOOD)).toMatchObject({ args: [1], errors: [] });
  });
});
