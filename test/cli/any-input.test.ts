import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readMessage } from "../../src/text/arguments.ts";
import { readLine } from "../../src/text/arguments.ts";
import { escapeForTerminal } from "../../src/text/escape.ts";
import { readSendOptions } from "../../src/cli/send.ts";
import { parseUrl } from "../../src/cli/endpoint.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { shellWords } from "../../src/text/arguments.ts";
import { encode, type OscPacket } from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";

const text = fc.string({ unit: "binary" });
const piece = fc.constantFrom(
  "/",
  "/x",
  ",",
  ",if",
  ",[",
  ",]",
  ",T[s]",
  "@",
  "@now",
  '"',
  '"a"',
  "\\",
  "{",
  "}",
  "1",
  "-1",
  "1e99",
  "nan",
  "0x",
  "#",
  " ",
  ":",
  "+",
  "--",
  "-",
);
const likely = fc.array(fc.oneof(piece, text), { maxLength: 8 });

/** Runs it, and expects our own error or nothing. */
function expectOwnError(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    // An encoder's error is made safe where it is shown.
    if (error instanceof OscEncodeError) return;
    if (!(error instanceof UsageError)) throw error;
    expect(escapeForTerminal(error.message), "nothing that a terminal would act on").toBe(error.message);
  }
}

function encodeIfAny(packet: OscPacket | null): void {
  if (packet !== null) encode(packet);
}

describe("any input produces a packet or a usage error", () => {
  test("lines of text", () => {
    fc.assert(
      fc.property(likely, fc.constantFrom(" ", ""), (pieces, gap) => expectOwnError(() => encodeIfAny(readLine(pieces.join(gap))))),
    );
  });

  test("lines of JSON", () => {
    const value = fc.jsonValue();
    const record = fc.record(
      {
        address: fc.oneof(value, fc.constant("/x")),
        types: fc.oneof(value, fc.constantFrom("i", "s[f]", "h", "b", "c", "t", "r", "m", null)),
        args: value,
        timetag: value,
        elements: value,
      },
      { requiredKeys: [] },
    );
    const any = fc.oneof(value, record, fc.record({ elements: fc.array(record) }));
    fc.assert(fc.property(any, (json) => expectOwnError(() => encodeIfAny(readLine(JSON.stringify(json))))));
  });

  test("words of a command line", () => {
    fc.assert(fc.property(likely, (words) => expectOwnError(() => encode(readMessage(shellWords(words))))));
    fc.assert(fc.property(likely, (words) => expectOwnError(() => readSendOptions([":9000", ...words]))));
  });

  test("URLs", () => {
    fc.assert(fc.property(likely, (pieces) => expectOwnError(() => parseUrl(pieces.join("")))));
    fc.assert(fc.property(fc.webUrl(), (url) => expectOwnError(() => parseUrl(url))));
  });
});
