import { describe, expect, test } from "vitest";
import { escapeForTerminal, quote } from "../../src/text/escape.ts";
import { splitWords } from "../../src/text/arguments.ts";

const UNSAFE: readonly [kind: string, first: number, last: number][] = [
  ["C0 controls and the escape character", 0x00, 0x1f],
  ["DEL and C1 controls", 0x7f, 0x9f],
  ["the soft hyphen", 0xad, 0xad],
  ["the Arabic letter mark", 0x61c, 0x61c],
  ["zero-width characters and marks of direction", 0x200b, 0x200f],
  ["separators of lines and paragraphs, and bidirectional embeddings", 0x2028, 0x202e],
  ["invisible operators and bidirectional isolates", 0x2060, 0x206f],
  ["the Hangul filler", 0x3164, 0x3164],
  ["the byte order mark", 0xfeff, 0xfeff],
  ["interlinear annotations", 0xfff9, 0xfffb],
  ["lone surrogates", 0xd800, 0xdfff],
  ["tag characters", 0xe0001, 0xe007f],
  ["supplementary variation selectors", 0xe0100, 0xe01ef],
];

describe("escapeForTerminal", () => {
  test.each(UNSAFE)("escapes %s", (_, first, last) => {
    for (let code = first; code <= last; code++) {
      const character = String.fromCodePoint(code);
      const escaped = escapeForTerminal(`a${character}b`);
      expect(escaped).toMatch(/^a(?:\\u[\da-f]{4}){1,2}b$/);
      expect(JSON.parse(`"${escaped}"`)).toBe(`a${character}b`);
    }
  });

  test("leaves visible text alone, emoji and combining marks included", () => {
    for (const text of ['/mixer/1 [0-9] \\ "x"', "größer", "日本語", "e\u0301", "❤\ufe0f", "👍🏽", "مرحبا"])
      expect(escapeForTerminal(text)).toBe(text);
  });

  test("takes the power from escape sequences in both their forms", () => {
    expect(escapeForTerminal("\u001b[2J\u009b31m\u001b]0;title\u0007")).toBe("\\u001b[2J\\u009b31m\\u001b]0;title\\u0007");
  });

  test("cuts long text and says how long it was", () => {
    expect(escapeForTerminal("x".repeat(1000))).toBe("x".repeat(1000));
    expect(escapeForTerminal("x".repeat(1001))).toBe(`${"x".repeat(1000)}… (1001 characters)`);
    expect(escapeForTerminal("abc\u001b", 3)).toBe("abc… (4 characters)");
    expect(escapeForTerminal("x".repeat(5000), Infinity)).toHaveLength(5000);
  });
});

test("quote makes one word that is read back as the same text", () => {
  for (const text of ["", 'say "hi"', "a\nb\u061c\u{e0041}\u200b", "x".repeat(5000)]) {
    expect(quote(text)).not.toMatch(/[^ -~]/);
    expect(splitWords(quote(text))).toEqual([{ text, quoted: true }]);
  }
});
