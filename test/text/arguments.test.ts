import { describe, expect, test } from "vitest";
import { TimeTag } from "../../src/codec/index.ts";
import { readMessage } from "../../src/text/arguments.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { shellWords, splitWords } from "../../src/text/arguments.ts";

const read = (...words: string[]) => readMessage(shellWords(words));

describe("without types the look of a word decides", () => {
  test.each([
    ["1", "i", 1],
    ["-1", "i", -1],
    ["+7", "i", 7],
    ["-0", "i", 0],
    ["2147483647", "i", 2_147_483_647],
    ["2147483648", "h", 2_147_483_648n],
    ["-9223372036854775808", "h", -(2n ** 63n)],
    ["1.0", "f", 1],
    ["1.", "f", 1],
    [".5", "f", 0.5],
    ["-2.5e3", "f", -2500],
    ["true", "T", true],
    ["false", "F", false],
    ["nil", "N", null],
    ["null", "N", null],
    ["text", "s", "text"],
    ["two words", "s", "two words"],
    ["", "s", ""],
    ['"1"', "s", "1"],
    ['"a\\"b\\n"', "s", 'a"b\n'],
    ['"', "s", '"'],
    ["inf", "s", "inf"],
    ["0x10", "s", "0x10"],
    ["1e", "s", "1e"],
    ["@name", "s", "@name"],
  ] as const)("%s", (word, types, value) => {
    const { types: got, args } = read("/x", word);
    expect([got, args]).toEqual([types, [value]]);
  });

  test("numbers are floats on request", () => {
    const { types, args } = readMessage(shellWords(["/x", "1", "-3", "2.5", "text"]), { numbers: "float" });
    expect([types, args]).toEqual(["fffs", [1, -3, 2.5, "text"]]);
  });

  test("there may be none", () => {
    expect(read("/x")).toMatchObject({ address: "/x", types: "", args: [], hasTypeTags: true });
  });
});

describe("with types each tag takes its word", () => {
  test.each([
    ["i", "0x7f", 127],
    ["i", "-5", -5],
    ["h", "5", 5n],
    ["h", "-0x10", -16n],
    ["f", "1", 1],
    ["f", "inf", Number.POSITIVE_INFINITY],
    ["f", "-Infinity", Number.NEGATIVE_INFINITY],
    ["f", "NaN", Number.NaN],
    ["d", "1e300", 1e300],
    ["s", "1", "1"],
    ["s", '"quoted"', '"quoted"'],
    ["S", "true", "true"],
    ["c", "x", "x"],
    ["c", "7", "7"],
    ["c", "65", "A"],
    ["c", "𝄞", "𝄞"],
    ["t", "now", TimeTag.IMMEDIATELY],
    ["t", "83aa7e8080000000", new TimeTag(0x83aa_7e80, 0x8000_0000)],
    ["t", "0x83aa7e8080000000", new TimeTag(0x83aa_7e80, 0x8000_0000)],
    ["t", "1970-01-01T00:00:00.5Z", new TimeTag(0x83aa_7e80, 0x8000_0000)],
    ["t", "1970-01-01T01:00+01:00", new TimeTag(0x83aa_7e80, 0)],
    ["t", "1970-01-01T00:00:00.99999999999Z", new TimeTag(0x83aa_7e81, 0)],
    ["r", "#11223344", { r: 0x11, g: 0x22, b: 0x33, a: 0x44 }],
    ["r", "FF8000", { r: 255, g: 128, b: 0, a: 255 }],
    ["m", "00903c7f", [0, 0x90, 0x3c, 0x7f]],
    ["b", "0x01ff", Uint8Array.of(1, 255)],
    ["b", "01ff", Uint8Array.of(1, 255)],
    ["b", "0x", new Uint8Array()],
  ] as const)("%s %s", (tag, word, value) => {
    expect(read("/x", `,${tag}`, word)).toMatchObject({ types: tag, args: [value] });
  });

  test("T F N I [ ] take none", () => {
    const { types, args } = read("/x", ",TiFN[s[I]]f", "1", "a", "2");
    expect([types, args]).toEqual(["TiFN[s[I]]f", [true, 1, false, null, ["a", [Number.POSITIVE_INFINITY]], 2]]);
  });

  test("a time from now is that far away", () => {
    const before = Date.now();
    const [tag] = read("/x", ",t", "+2.5s").args;
    const milliseconds = (tag as TimeTag).toMillis();
    expect(milliseconds).toBeGreaterThanOrEqual(before + 2500 - 1);
    expect(milliseconds).toBeLessThanOrEqual(Date.now() + 2500 + 1);
  });

  test("a blob may be a file, where files may be read", () => {
    const readFile = (name: string) => new TextEncoder().encode(name);
    expect(readMessage(shellWords(["/x", ",b", "@abc"]), { readFile }).args).toEqual([new TextEncoder().encode("abc")]);
    expect(() => read("/x", ",b", "@abc")).toThrow(/does not fit type b/);
  });
});

describe("one clear line for", () => {
  test.each([
    [[], /Missing OSC address/],
    [["hello"], /begins with a slash; got "hello"/],
    [["/x", ",i"], /\/x ,i needs 1 value, .* got 0/],
    [["/x", ",ii", "1", "2", "3"], /\/x ,ii needs 2 values, .* got 3/],
    [["/x", ",iz", "1"], /Type tag "z" is not known. The type tags are i h f d/],
    [["/x", ",[i", "1"], /brackets in ,\[i do not pair up/],
    [["/x", ",i]", "1"], /brackets in ,i\] do not pair up/],
    [["/x", ",i", "1.5"], /"1\.5" does not fit type i/],
    [["/x", ",i", "2147483648"], /Use ,h for larger ones/],
    [["/x", ",h", "9223372036854775808"], /does not fit type h/],
    [["/x", ",f", "abc"], /"abc" does not fit type f/],
    [["/x", ",f", "1e39"], /too large for type f.*,d/],
    [["/x", "1e39"], /too large for type f/],
    [["/x", ",c", "ab"], /one character/],
    [["/x", ",t", "tomorrow"], /"tomorrow" is not a time/],
    [["/x", ",t", "2026-13-01T00:00:00Z"], /is not a time/],
    [["/x", ",t", "+1e400s"], /is not a time/],
    [["/x", ",r", "red"], /#rrggbbaa/],
    [["/x", ",m", "00"], /8 hexadecimal digits/],
    [["/x", ",b", "abc"], /even number/],
    [["/x", '"a\\x"'], /is not a quoted string/],
  ])("%j", (words, message) => {
    expect(() => read(...words)).toThrow(UsageError);
    expect(() => read(...words)).toThrow(message);
  });
});

test("a line is parted at white space, strings in quotes stay whole", () => {
  expect(splitWords('  /x\t,ss  "two words"  "a\\u0041\\"" bare"word ')).toEqual([
    { text: "/x", quoted: false },
    { text: ",ss", quoted: false },
    { text: "two words", quoted: true },
    { text: 'aA"', quoted: true },
    { text: 'bare"word', quoted: false },
  ]);
  expect(() => splitWords('/x "open')).toThrow(/does not end before a space/);
  expect(() => splitWords('/x "a"b')).toThrow(UsageError);
});
