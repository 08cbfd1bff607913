import { describe, expect, test } from "vitest";
import { readSendOptions } from "../../src/cli/send.ts";
import { UsageError } from "../../src/text/usage-error.ts";
import { OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";

function packetOf(...words: string[]): OscPacket {
  const { source } = readSendOptions(words);
  if (source.kind !== "words") throw new Error("not from the command line");
  return source.packet();
}

describe("readSendOptions", () => {
  test("reads negative numbers as numbers, anywhere", () => {
    expect(packetOf(":9000", "/x", "-1", "-.5", "-1e3")).toEqual(new OscMessage("/x", [-1, -0.5, -1000], "iff"));
    expect(packetOf(":9000", "/x", ",f", "-inf")).toEqual(new OscMessage("/x", Number.NEGATIVE_INFINITY, "f"));
  });

  test("accepts options before and after the message, and leaves words after -- unchanged", () => {
    const options = readSendOptions(["--rate", "2.5", ":9000", "/x", "1", "--repeat", "3", "--", "--text"]);
    expect(options).toMatchObject({ rate: 2.5, repeat: 3, wait: null, numbers: "auto" });
    expect(packetOf(":9000", "/x", "--", "--text")).toEqual(new OscMessage("/x", "--text"));
  });

  test.each([
    [["--wait"], 1000],
    [["--wait", "250"], 250],
    [["--wait=250"], 250],
    [["--wait", "--json"], 1000],
  ])("%j waits %i ms", (words, wait) => {
    expect(readSendOptions([":9000", "/x", ...words])).toMatchObject({ wait, count: Infinity });
  });

  test("creates bundles with and without a time", () => {
    const messages = [new OscMessage("/a", 1), new OscMessage("/b", "+", "s")];
    expect(packetOf(":9000", "--bundle", "/a", "1", "+", "/b", '"+"')).toEqual(new OscBundle(messages));
    expect(packetOf(":9000", "/a", "--bundle")).toEqual(new OscBundle(new OscMessage("/a")));
    const time = "2026-10-04T20:00:00Z";
    expect(packetOf(":9000", "/a", "--at", time)).toEqual(new OscBundle(new OscMessage("/a"), TimeTag.from(new Date(time))));
  });

  test("treats + as a string without --bundle", () => {
    expect(packetOf(":9000", "/x", "1", "+", "2")).toEqual(new OscMessage("/x", [1, "+", 2]));
  });

  test.each([
    [[":9000", "-"], "-"],
    [[":9000", "--json"], "-"],
    [[":9000", "--file", "a.jsonl"], "a.jsonl"],
    [[":9000", "--file", "a.jsonl", "--json"], "a.jsonl"],
  ])("%j reads lines of %s", (words, file) => {
    expect(readSendOptions(words).source).toEqual({ kind: "lines", file });
  });

  test.each([
    [[":9000"], /The message is missing/],
    [["nowhere", "/x"], /names no port/],
    [[":9000", "x"], /slash/],
    [[":9000", "/x", ",b", "@no-such-file"], /blob's file no-such-file cannot be read/],
    [[":9000", "/x", "--numbers", "int"], /--numbers must be auto or float; got "int"/],
    [[":9000", "/x", "--proto", "1.0"], /use it with osc\.tcp:\/\//],
    [["osc.tcp://:9000/", "/x", "--proto", "2"], /got "2"/],
    [[":9000", "/x", "--at", "later"], /"later" is not a time/],
    [[":9000", "/x", "--rate", "0"], /more than 0/],
    [[":9000", "/x", "--repeat", "1.5"], /--repeat must be an integer, at least 1; got "1\.5"/],
    [[":9000", "/x", "--repeat", "-2"], /got "-2"/],
    [[":9000", "/x", "--count", "1"], /add --wait/],
    [[":9000", "/x", "--wait=soon"], /--wait must be an integer/],
    [[":9000", "/x", "--file", "f"], /leave out --file or "\/x"/],
    [[":9000", "-", "--bundle"], /for messages on the command line/],
    [[":9000", "/a", "+", "--bundle"], /Missing OSC address/],
    [[":9000", "/x", "--loud"], /Unknown option "--loud"/],
  ])("rejects %j", (words, message) => {
    expect(() => readSendOptions(words)).toThrow(UsageError);
    expect(() => readSendOptions(words)).toThrow(message);
  });
});

describe("warns about words that may be misunderstood", () => {
  test.each([
    [["/x", "ifs", "1", "2.5", "text"], ['"ifs" was sent as a string. Type tags begin with a comma: ,ifs']],
    [["/x", "ifs", "1"], []],
    [["/x", "hello", "1"], []],
    [["/x", "s"], []],
    [["/x", ",si", "i", "1"], []],
    [
      ["--bundle", "/x", "1", "/y", "2"],
      ['"/y" was sent as an argument of /x. To send it as another message of the bundle, put + before it: + /y'],
    ],
    [["--bundle", "/x", "1", "+", "/y", "2"], []],
    [["/x", "1", "/y"], []],
    [["/x", "+", "/y", "1"], ['"+" was sent as a string. To send several messages in one bundle, add --bundle.']],
    [["/x", "1", "+", "2"], []],
  ])("%j: %j", (words, warnings) => {
    expect(readSendOptions([":9000", ...words]).source).toMatchObject({ warnings });
  });
});

test.each([
  [[":9000", "/x", ",abc"], /If ,abc is text, write '",abc"'\.$/],
  [[":9000", "/x", "-x"], /^Unknown option "-x"\. If it is text, not an option, put -- before it: -- -x\./],
  [[":9000", "--at", "now", "/x", "+", "/y", ",abc"], /If ,abc is text/],
])("%j explains how to send it as text", (words, message) => {
  expect(() => readSendOptions(words)).toThrow(message);
});

test("sends quoted text and text after -- as strings", () => {
  expect(packetOf(":9000", "/x", '",abc"')).toEqual(new OscMessage("/x", ",abc"));
  expect(packetOf(":9000", "/x", "--", "-x")).toEqual(new OscMessage("/x", "-x"));
});
