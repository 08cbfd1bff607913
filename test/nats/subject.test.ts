import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscBundle, OscMessage, encode } from "../../src/codec/index.ts";
import { netAddress } from "./arbitraries.ts";
import { asOfOf, clientHeader, clientOf, hasPassed, viaHeader } from "../../src/nats/headers.ts";
import {
  addressToSubject,
  checkPrefix,
  packetSubject,
  partitionOf,
  patternToSubject,
  subjectToAddress,
  subjectToAddressBytes,
} from "../../src/nats/subject.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Bytes as addresses are made of, and any others. */
const anyAddress = fc.oneof(
  fc
    .array(fc.constantFrom(..."/.*>% ab\t\n\r\u007f#-_[]{}?,".split("").map((one) => one.charCodeAt(0)), 0x2f, 0x25, 0xc3, 0xa9, 0xff))
    .map((all) => Uint8Array.from(all)),
  fc.uint8Array({ max: 255, maxLength: 40 }),
  fc.string({ unit: "grapheme" }).map(bytes),
);
const prefixes = fc.constantFrom("osc", "berlin.stage-2", "a");

describe("a subject", () => {
  test.each([
    ["/mixer/ch/1/gain", "osc.mixer.ch.1.gain"],
    ["/", "osc.%"],
    ["//", "osc.%.%"],
    ["/a/", "osc.a.%"],
    ["/a//b", "osc.a.%.b"],
    ["/a.b/c*/d>/50%", "osc.a%2Eb.c%2A.d%3E.50%25"],
    ["/two words", "osc.two%20words"],
    ["/{a,b}/[!x]?", "osc.{a,b}.[!x]?"],
    ["/größe", "osc.gr%C3%B6%C3%9Fe"],
    ["no/slash", "osc.%-.no.slash"],
    ["", "osc.%-.%"],
    ["/%bundle", "osc.%25bundle"],
    ["/%p3/a", "osc.%25p3.a"],
    ["#bundle", "osc.%-.#bundle"],
  ])("of %j is %s and converts back", (address, subject) => {
    expect(addressToSubject(address)).toBe(subject);
    expect(subjectToAddress(subject)).toBe(address);
  });

  test("is unique for every address, valid in NATS and converts back", () => {
    fc.assert(
      fc.property(anyAddress, prefixes, (address, prefix) => {
        const subject = addressToSubject(address, prefix);
        expect(subject).toMatch(/^[!-~]+$/);
        expect(subject).not.toMatch(/[*>]|\.\.|^\.|\.$/);
        expect(subjectToAddressBytes(subject, prefix)).toEqual(address);
      }),
      { numRuns: 2000 },
    );
  });

  test("is never shared by two addresses", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (one, other) => {
        expect(addressToSubject(one) === addressToSubject(other)).toBe(Buffer.compare(one, other) === 0);
      }),
    );
  });

  test("belongs to the address it converts to, or to none, for any text", () => {
    const token = fc.string({ unit: fc.constantFrom(..."%-abF0259pbundle.*> \u00e9") });
    fc.assert(
      fc.property(token, (rest) => {
        const subject = `osc.${rest}`;
        const address = subjectToAddressBytes(subject);
        if (address !== null && partitionOf(subject) === null) expect(addressToSubject(address)).toBe(subject);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "osc",
    "osc.",
    "osc.a..b",
    "osc.*",
    "osc.a.>",
    "osc.%bundle",
    "osc.%long",
    "osc.%2f",
    "osc.%41",
    "osc.a%",
    "other.a",
    "osc2.a",
    "osc.é",
  ])("%j belongs to no address", (subject) => {
    expect(subjectToAddress(subject)).toBe(null);
  });

  test("of an address that isn't UTF-8 converts to the decoder's text", () => {
    expect(subjectToAddress("osc.gr%F6%DFe")).toBe("/größe");
  });
});

describe("the subject of a packet", () => {
  test("is its address's subject; bundles share one", () => {
    expect(packetSubject(encode(new OscMessage("/mixer/gain", [1])))).toBe("osc.mixer.gain");
    expect(packetSubject(encode(new OscBundle([new OscMessage("/a")])))).toBe("osc.%bundle");
    expect(subjectToAddress("osc.%bundle")).toBe(null);
  });

  test("has a partition token if there are partitions, and the same address", () => {
    const packet = encode(new OscMessage("/mixer/gain", [1]));
    const subject = packetSubject(packet, "osc", 3);
    expect(subject).toBe("osc.%p3.mixer.gain");
    expect([partitionOf(subject), partitionOf("osc.mixer"), partitionOf("other.%p3.a")]).toEqual([3, null, null]);
    expect(subjectToAddress(subject)).toBe("/mixer/gain");
  });

  test("is short enough for NATS for any address", () => {
    for (const length of [100, 1019, 1020, 1021, 60_000]) {
      const subject = packetSubject(encode(new OscMessage(`/${"a".repeat(length)}`)));
      expect(subject.length).toBeLessThanOrEqual(1024);
      expect(subject === "osc.%long").toBe(length > 1020);
    }
    expect(packetSubject(bytes(`/${"*".repeat(500)}\0`))).toBe("osc.%long");
  });

  test("exists for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (packet) => {
        expect(packetSubject(packet)).toMatch(/^osc\.[!-~]+$/);
      }),
    );
  });
});

describe("the subscription", () => {
  test.each([
    ["/mixer/1/gain", "osc.mixer.1.gain"],
    ["/mixer/*/gain", "osc.mixer.*.gain"],
    ["/mixer/ch{1,2}/gain?", "osc.mixer.*.*"],
    ["/mixer//gain", "osc.mixer.>"],
    ["//gain", "osc.>"],
    ["/a b", "osc.a%20b"],
    ["osc.mixer.>", "osc.mixer.>"],
    ["osc.*.gain", "osc.*.gain"],
  ])("for %j is %s", (pattern, subject) => {
    expect(patternToSubject(pattern)).toBe(subject);
  });

  test.each(["", "a..b", "a.>.b", "a b", "a.b>", "é"])("%j is rejected", (pattern) => {
    expect(() => patternToSubject(pattern)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test("delivers every message whose address matches the pattern", () => {
    const matches = (subject: string, filter: string): boolean => {
      const tokens = subject.split(".");
      const wanted = filter.split(".");
      return wanted.at(-1) === ">"
        ? tokens.length >= wanted.length && wanted.slice(0, -1).every((one, index) => one === "*" || one === tokens[index])
        : tokens.length === wanted.length && wanted.every((one, index) => one === "*" || one === tokens[index]);
    };
    const part = fc.string({ unit: fc.constantFrom(..."ab.%"), minLength: 1 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), fc.array(fc.boolean()), (parts, wild) => {
        const pattern = parts.map((one, index) => (wild[index] === true ? "*" : one)).join("/");
        expect(matches(addressToSubject(`/${parts.join("/")}`), patternToSubject(`/${pattern}`))).toBe(true);
      }),
    );
  });
});

test.each(["osc", "berlin.stage-2", "a_b"])("%s is a prefix", (prefix) => {
  expect(checkPrefix(prefix)).toBe(prefix);
});

test.each(["", "a.", ".a", "a..b", "a b", "a*", "a.>", "é", "a%", "$JS", "_INBOX", "osc_reply", "a.b_dead", "x".repeat(129)])(
  "%j is not a prefix",
  (prefix) => {
    expect(() => checkPrefix(prefix)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  },
);

describe("the headers", () => {
  test("encode any client address", () => {
    fc.assert(
      fc.property(netAddress, (address) => {
        expect(clientOf(clientHeader(address))).toEqual(address);
      }),
    );
    expect(clientHeader({ address: "/run/a b\nü", port: 0, family: "unix" })).toMatch(/^[ -~]+$/);
  });

  test.each(["", "IPv4", "IPv4 x 1.2.3.4", "IPv9 1 a", "unix 70000 a"])("%j has no address", (header) => {
    expect(clientOf(header)).toEqual({ address: "(nats)", port: 0, family: "unix" });
  });

  test("tell when a bundle was scheduled and which bridges a packet passed", () => {
    expect([asOfOf(""), asOfOf("x"), asOfOf("1700000000000.5")]).toEqual([undefined, undefined, 1700000000000.5]);
    const via = viaHeader(viaHeader("", "a1"), "b2");
    expect([hasPassed(via, "a1"), hasPassed(via, "b2"), hasPassed(via, "b"), hasPassed("", "a1")]).toEqual([true, true, false, false]);
  });
});
