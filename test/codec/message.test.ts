import { describe, expect, test } from "vitest";
import {
  blob,
  char,
  color,
  decode,
  double,
  encode,
  float,
  infinitum,
  int,
  long,
  midi,
  type OscArgument,
  OscMessage,
  string,
  symbol,
  TimeTag,
  timeTag,
} from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";
import { bytes, thrownBy } from "./support.ts";

describe("types that are inferred", () => {
  test.each<[OscArgument, string]>([
    [0, "i"],
    [2147483647, "i"],
    [-2147483648, "i"],
    [2147483648, "h"],
    [-2147483649, "h"],
    [2 ** 53, "h"],
    [-(2 ** 53), "h"],
    [2 ** 53 + 2, "h"],
    [-(2 ** 53) - 2, "h"],
    [2 ** 63 - 1024, "h"],
    [-(2 ** 63), "h"],
    [2 ** 63, "f"],
    [2 ** 63 + 2048, "d"],
    [2 ** 100, "f"],
    [1e20, "d"],
    [-1e30, "d"],
    [0.5, "f"],
    [Number.NaN, "f"],
    [Infinity, "f"],
    [-Infinity, "f"],
    [5n, "h"],
    ["text", "s"],
    ["", "s"],
    [true, "T"],
    [false, "F"],
    [null, "N"],
    [Uint8Array.of(1), "b"],
    [Buffer.from("x"), "b"],
    [TimeTag.IMMEDIATELY, "t"],
    [{ r: 0, g: 0, b: 0, a: 0 }, "r"],
    [[], ""],
    [[1, 2.5], "if"],
    [[[1, 2.5]], "[if]"],
    [[[], [["x"]]], "[][[s]]"],
    [int(1), "i"],
    [float(1), "f"],
    [double(1), "d"],
    [long(1n), "h"],
    [long(1), "h"],
    [string("x"), "s"],
    [symbol("x"), "S"],
    [char("x"), "c"],
    [color({ r: 1, g: 2, b: 3, a: 4 }), "r"],
    [midi(0, 0x90, 60, 127), "m"],
    [timeTag(new Date(0)), "t"],
    [blob(Uint8Array.of()), "b"],
    [infinitum(), "I"],
    [[float(1), [double(2), 3]], "f[di]"],
  ])("%o: %s", (args, types) => {
    expect(new OscMessage("/a", args).types).toBe(types);
  });

  test("values are kept as a receiver will see them", () => {
    expect(new OscMessage("/a", [2 ** 40, long(7), char(65), -0]).args).toEqual([2n ** 40n, 7n, "A", 0]);
    expect(new OscMessage("/a", [0.1]).args).toEqual([0.1]);
    expect(new OscMessage("/a", [2 ** 53 + 2, 2 ** 63 - 1024]).args).toEqual([2n ** 53n + 2n, 2n ** 63n - 1024n]);
    expect(new OscMessage("/a", 1e20).args).toEqual([1e20]);
    expect(new OscMessage("/a", [infinitum()]).args).toEqual([Infinity]);
  });

  test("the message does not change with what it was made of", () => {
    const args = [1, [2]];
    const colour = { r: 1, g: 2, b: 3, a: 4 };
    const message = new OscMessage("/a", [args, colour]);
    args.push(9);
    colour.r = 9;
    expect(message.args).toEqual([[1, [2]], { r: 1, g: 2, b: 3, a: 4 }]);
  });
});

describe("types that are given", () => {
  test.each<[OscArgument, string, unknown[]]>([
    [[1, 1, 1, 1], "ifdh", [1, 1, 1, 1n]],
    [["x", "x", "x"], "sSc", ["x", "x", "x"]],
    [[true, false, null, Infinity], "TFNI", [true, false, null, Infinity]],
    [[Infinity], "f", [Infinity]],
    [[[0, 144, 60, 127]], "m", [[0, 144, 60, 127]]],
    [[[1, [2]], 3], "[i[f]]d", [[1, [2]], 3]],
    [[[]], "[]", [[]]],
    [[int(1), 2], "if", [1, 2]],
    [[], "", []],
    [5, "f", [5]],
  ])("%o as %s", (args, types, kept) => {
    const message = new OscMessage("/a", args, types);
    expect(message.types).toBe(types);
    expect(message.args).toEqual(kept);
    expect(decode(encode(message), { strict: true })).toMatchObject({ types, args: kept });
  });

  test.each<[OscArgument, string, string]>([
    [[1], "", "OSC_BAD_TYPE_TAGS"],
    [[], "i", "OSC_BAD_TYPE_TAGS"],
    [[1, 2], "i", "OSC_BAD_TYPE_TAGS"],
    [[1], "ii", "OSC_BAD_TYPE_TAGS"],
    [[], "T", "OSC_BAD_TYPE_TAGS"],
    [[1], ",i", "OSC_BAD_TYPE_TAGS"],
    [[1], "q", "OSC_BAD_TYPE_TAGS"],
    [[[1]], "[i", "OSC_BAD_TYPE_TAGS"],
    [[1], "i]", "OSC_BAD_TYPE_TAGS"],
    [[1], "]", "OSC_BAD_TYPE_TAGS"],
    [[[1, 2]], "[i]", "OSC_BAD_TYPE_TAGS"],
    [[[1]], "[ii]", "OSC_BAD_TYPE_TAGS"],
    [[float(1)], "i", "OSC_BAD_TYPE_TAGS"],
    [[1], "[i]", "OSC_VALUE_TYPE"],
    [[[1]], "i", "OSC_VALUE_TYPE"],
    [["x"], "i", "OSC_VALUE_TYPE"],
    [["1"], "f", "OSC_VALUE_TYPE"],
    [[1n], "d", "OSC_VALUE_TYPE"],
    [[1], "s", "OSC_VALUE_TYPE"],
    [[[1, 2]], "b", "OSC_VALUE_TYPE"],
    [[1], "t", "OSC_VALUE_TYPE"],
    [[1], "r", "OSC_VALUE_TYPE"],
    [[[1, 2, 3]], "m", "OSC_VALUE_TYPE"],
    [["1"], "h", "OSC_VALUE_TYPE"],
    [[false], "T", "OSC_VALUE_TYPE"],
    [[true], "F", "OSC_VALUE_TYPE"],
    [[0], "N", "OSC_VALUE_TYPE"],
    [[1], "I", "OSC_VALUE_TYPE"],
  ])("%o cannot be %s", (args, types, code) => {
    const error = thrownBy(() => new OscMessage("/a", args, types));
    expect(error).toBeInstanceOf(OscEncodeError);
    expect(error).toMatchObject({ code });
  });
});

describe("values out of range", () => {
  test.each<[string, () => unknown, string]>([
    ["int over", () => int(2 ** 31), "OSC_VALUE_OUT_OF_RANGE"],
    ["int under", () => int(-(2 ** 31) - 1), "OSC_VALUE_OUT_OF_RANGE"],
    ["int with fraction", () => int(1.5), "OSC_VALUE_OUT_OF_RANGE"],
    ["int of NaN", () => int(Number.NaN), "OSC_VALUE_OUT_OF_RANGE"],
    ["long over", () => long(2n ** 63n), "OSC_VALUE_OUT_OF_RANGE"],
    ["long under", () => long(-(2n ** 63n) - 1n), "OSC_VALUE_OUT_OF_RANGE"],
    ["long of a number that is not exact", () => long(2 ** 53 + 2), "OSC_VALUE_OUT_OF_RANGE"],
    ["long with fraction", () => long(0.5), "OSC_VALUE_OUT_OF_RANGE"],
    ["float over", () => float(3.5e38), "OSC_VALUE_OUT_OF_RANGE"],
    ["a bare number that no float holds", () => new OscMessage("/a", 1e300), "OSC_VALUE_OUT_OF_RANGE"],
    ["a bigint", () => new OscMessage("/a", 2n ** 64n), "OSC_VALUE_OUT_OF_RANGE"],
    ["two characters", () => char("ab"), "OSC_VALUE_OUT_OF_RANGE"],
    ["no character", () => char(""), "OSC_VALUE_OUT_OF_RANGE"],
    ["a character code over", () => char(2 ** 31), "OSC_VALUE_OUT_OF_RANGE"],
    ["a colour over", () => color({ r: 256, g: 0, b: 0, a: 0 }), "OSC_VALUE_OUT_OF_RANGE"],
    ["a bare colour under", () => new OscMessage("/a", { r: 0, g: 0, b: 0, a: -1 }), "OSC_VALUE_OUT_OF_RANGE"],
    ["a MIDI byte over", () => midi(0, 256, 0, 0), "OSC_VALUE_OUT_OF_RANGE"],
    ["a MIDI byte with fraction", () => midi(0, 0.5, 0, 0), "OSC_VALUE_OUT_OF_RANGE"],
    ["text with NUL", () => string("a\0b"), "OSC_VALUE_OUT_OF_RANGE"],
    ["bare text with NUL", () => new OscMessage("/a", "a\0b"), "OSC_VALUE_OUT_OF_RANGE"],
    ["text with half a surrogate pair", () => new OscMessage("/a", "a\ud800b"), "OSC_VALUE_OUT_OF_RANGE"],
    ["undefined inside", () => new OscMessage("/a", [undefined] as never), "OSC_VALUE_TYPE"],
    ["a function", () => new OscMessage("/a", (() => 1) as never), "OSC_VALUE_TYPE"],
    ["a symbol of JavaScript", () => new OscMessage("/a", Symbol("x") as never), "OSC_VALUE_TYPE"],
    ["an object", () => new OscMessage("/a", { x: 1 } as never), "OSC_VALUE_TYPE"],
    ["an object without prototype", () => new OscMessage("/a", Object.create(null) as never), "OSC_VALUE_TYPE"],
    ["an ArrayBuffer", () => new OscMessage("/a", new ArrayBuffer(4) as never), "OSC_VALUE_TYPE"],
    ["a Date", () => new OscMessage("/a", new Date() as never), "OSC_VALUE_TYPE"],
    ["types that are no text", () => new OscMessage("/a", 1, 5 as never), "OSC_BAD_TYPE_TAGS"],
  ])("%s", (_, work, code) => {
    const error = thrownBy(work);
    expect(error).toBeInstanceOf(OscEncodeError);
    expect(error).toMatchObject({ code });
  });

  test.each<[string, () => unknown, unknown]>([
    ["five MIDI bytes", () => (midi as (...bytes: number[]) => unknown)(1, 2, 3, 4, 5), [1, 2, 3, 4, 5]],
    ["three MIDI bytes", () => (midi as (...bytes: number[]) => unknown)(1, 2, 3), [1, 2, 3]],
    ["a MIDI message in a list", () => (midi as (...bytes: unknown[]) => unknown)([1, 2, 3, 4]), [[1, 2, 3, 4]]],
    ["a colour of four numbers", () => (color as (...parts: unknown[]) => unknown)(255, 0, 0, 255), 255],
    ["a colour of strings", () => color({ r: "255", g: 0, b: 0, a: 0 } as never), "255"],
    ["a float that is a string", () => float("1" as never), "1"],
    ["an int that is missing", () => int(undefined as never), undefined],
    ["a double that is null", () => double(null as never), null],
    ["a long that is a string", () => long("5" as never), "5"],
    ["a string that is a number", () => string(5 as never), 5],
    ["a symbol of JavaScript", () => symbol(5 as never), 5],
    ["a blob that is text", () => blob("bytes" as never), "bytes"],
    ["a blob that is a list", () => blob([1, 2] as never), [1, 2]],
    ["values one by one", () => new (OscMessage as never as new (...parts: unknown[]) => unknown)("/a", "x", "s", "y"), "y"],
    ["a number for the type tags", () => new (OscMessage as never as new (...parts: unknown[]) => unknown)("/a", 1, 2), 2],
  ])("%s: thrown at once, with the value quoted", (_, work, value) => {
    const error = thrownBy(work) as OscEncodeError;
    expect(error).toBeInstanceOf(OscEncodeError);
    expect(error.value).toEqual(value);
    const quoted = Array.isArray(value) ? "[" : typeof value === "string" ? `"${value}"` : String(value);
    expect(error.message).toContain(quoted);
  });

  test("the largest floats are kept", () => {
    expect(new OscMessage("/a", [3.4028234663852886e38, -3.4028235e38].map(float)).types).toBe("ff");
  });

  test("the error holds the value and says what is needed", () => {
    const error = thrownBy(() => int(2 ** 31)) as OscEncodeError;
    expect(error.value).toBe(2 ** 31);
    expect(error.message).toBe("Type tag i needs a whole number from -2147483648 to 2147483647; got 2147483648 (number).");
  });

  test("an array that holds itself", () => {
    const list: unknown[] = [];
    list.push(list);
    expect(thrownBy(() => new OscMessage("/a", list as never))).toMatchObject({ code: "OSC_NESTING_TOO_DEEP" });
  });
});

describe("addresses", () => {
  test.each(["/", "/a", "/a b", "//gain", "/{a,b}/[0-9]*", "/café", "/a/#b"])("%s is one", (address) => {
    expect(decode(encode(new OscMessage(address)), { strict: true })).toMatchObject({ address });
  });

  test.each(["", "a", "error", "#bundle", "#bundle/x", " /a", "/a\0b", "/\udc00", undefined, null, 5, {}])("%j isn't one", (address) => {
    for (const work of [() => new OscMessage(address as string), () => OscMessage.withoutTypeTags(address as string)]) {
      const error = thrownBy(work);
      expect(error).toBeInstanceOf(OscEncodeError);
      expect(error).toMatchObject({ code: "OSC_BAD_ADDRESS", value: address });
    }
  });

  test("one without slash that was decoded goes out as it came", () => {
    const packet = bytes("'error' 000000 2c000000");
    expect(encode(decode(packet))).toEqual(packet);
  });
});

describe("messages", () => {
  test("have no errors, and type tags unless made without", () => {
    expect(new OscMessage("/a")).toMatchObject({ address: "/a", types: "", args: [], hasTypeTags: true, errors: [] });
    expect(OscMessage.withoutTypeTags("/a")).toMatchObject({ address: "/a", types: "", args: [], hasTypeTags: false, errors: [] });
  });

  test("of the same content are equal, whether built or decoded", () => {
    const built = new OscMessage("/a", [1, "x", [true]]);
    expect(decode(encode(built))).toEqual(built);
  });

  test("share a list of no errors that cannot be changed", () => {
    const { errors } = new OscMessage("/a");
    expect((decode(encode(new OscMessage("/b"))) as OscMessage).errors).toBe(errors);
    expect(Object.isFrozen(errors)).toBe(true);
  });
});
