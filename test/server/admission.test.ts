import { describe, expect, test } from "vitest";
import type { NetAddress } from "../../src/net-address.ts";
import { Admission, RateLimiter, type Rates } from "../../src/server/admission.ts";
import { limits } from "./fixtures.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const client = (address: string): NetAddress => ({ address, port: 1, family: address.includes(":") ? "IPv6" : "IPv4" });

describe("the first bytes of a packet", () => {
  const admission = new Admission(limits());
  test.each([
    ["", "empty"],
    ["hello world!", "not-osc"],
    ["error\0\0\0,\0\0\0", "not-osc"],
    ["#bundlf\0", "not-osc"],
    ["#bundle", "not-osc"],
    ["/\0\0\0", null],
    ["#bundle\0\0\0\0\0\0\0\0\x01", null],
  ])("%j: %s", (text, reason) => {
    expect(admission.refusal(bytes(text), client("127.0.0.1"))).toBe(reason);
  });

  test.each([
    ["#reply\0\0,\0\0\0", null],
    ["error\0\0\0,\0\0\0", null],
    ["/\0\0\0", null],
    ["#bundle\0\0\0\0\0\0\0\0\x01", null],
    ["#bundlf\0", "not-osc"],
    ["#bundleX", "not-osc"],
    ["#bundleX\0\0\0\0", "not-osc"],
    ["#bundle", "not-osc"],
    ["hello world!", "not-osc"],
    ["GET / HTTP/1.1\r\n\0\0", "not-osc"],
    ["\0\0\0\x01", "not-osc"],
    ["", "empty"],
  ])("with allowOddAddresses, %j: %s", (text, reason) => {
    const allowing = new Admission(limits({ allowOddAddresses: true }));
    expect(allowing.refusal(bytes(text), client("127.0.0.1"))).toBe(reason);
  });

  test("names an address that doesn't begin with a slash, and the option that allows it", () => {
    const { reason, message } = admission.explain("not-osc", bytes("#reply\0\0,\0\0\0"));
    expect([reason, message]).toEqual([
      "not-osc",
      'The packet is not OSC: its address, "#reply", doesn\'t begin with "/". To handle such messages, set allowOddAddresses.',
    ]);
    expect(admission.explain("not-osc", bytes("garbage!")).message).toContain("67 61 72 62");
    expect(admission.explain("not-osc", bytes(`${"x".repeat(10_000)}\0`)).message.length).toBeLessThan(250);
  });

  test("strict and allowOddAddresses can't be combined", () => {
    expect(() => limits({ strict: true, allowOddAddresses: true })).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });

  test("rejects a packet larger than maxPacketSize and accepts one of that size", () => {
    const small = new Admission(limits({ maxPacketSize: 8 }));
    expect(small.refusal(bytes("/1234567"), client("127.0.0.1"))).toBeNull();
    expect(small.refusal(bytes("/12345678"), client("127.0.0.1"))).toBe("too-large");
    expect(small.explain("too-large", bytes("/12345678"))).toMatchObject({
      reason: "too-large",
      message: expect.stringContaining("9 bytes"),
    });
  });
});

describe("the option allow", () => {
  const admission = new Admission(limits({ allow: ["10.1.2.3", "192.168.0.0/16", "fe80::/10"] }));
  test.each([
    ["10.1.2.3", true],
    ["10.1.2.4", false],
    ["192.168.200.1", true],
    ["::ffff:10.1.2.3", true],
    ["::ffff:10.1.2.9", false],
    ["fe80::1", true],
    ["2001:db8::1", false],
  ])("%s: %s", (address, allowed) => {
    expect(admission.refusal(bytes("/a\0\0"), client(address))).toBe(allowed ? null : "sender");
    expect(admission.senderRefusal(client(address))?.reason ?? null).toBe(allowed ? null : "sender");
  });

  test.each(["nonsense", "10.0.0.0/33", "10.0.0.0/x", "", "::/129"])("rejects %j as an address", (entry) => {
    expect(() => limits({ allow: [entry] })).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

describe("the option maxRate", () => {
  const packet = bytes("/a\0\0");

  test("rejects packets above maxRate per address, whatever the port, and none from other addresses", () => {
    const admission = new Admission(limits({ maxRate: 2 }));
    const refusals = [1, 2, 3].map((port) => admission.refusal(packet, { address: "10.0.0.1", port, family: "IPv4" }));
    expect(refusals).toEqual([null, null, "rate"]);
    expect(admission.refusal(packet, client("10.0.0.2"))).toBeNull();
    expect(admission.explain("rate", packet)).toMatchObject({ reason: "rate", message: expect.stringContaining("2 packets") });
  });

  test("has no limit by default", () => {
    const admission = new Admission(limits());
    for (let sent = 0; sent < 10_000; sent++) expect(admission.refusal(packet, client("10.0.0.1"))).toBeNull();
  });

  test.each([{ maxRate: 0 }, { maxRate: 0.5 }, { maxRate: Number.NaN }, { maxBurst: 0 }, { maxSources: -1 }])("rejects %j", (options) => {
    expect(() => limits(options)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

interface Limited {
  readonly rates: RateLimiter;
  readonly pass: (milliseconds: number) => void;
  /** How many of so many packets may pass. */
  readonly allowed: (source: string, tries: number) => number;
}

/** A limiter under a clock that is turned by hand. */
function limiter(rates: Partial<Rates>): Limited {
  let now = 1000;
  const made = new RateLimiter({ maxRate: 10, maxBurst: 10, maxSources: 4, ...rates }, () => now);
  return {
    rates: made,
    pass: (milliseconds) => void (now += milliseconds),
    allowed: (source, tries) => Array.from({ length: tries }, () => made.allows(source)).filter(Boolean).length,
  };
}

describe("a rate limiter", () => {
  test("allows a burst, then the rate, and another burst after a pause", () => {
    const { allowed, pass } = limiter({ maxRate: 10, maxBurst: 3 });
    expect(allowed("a", 10)).toBe(3);
    pass(100);
    expect(allowed("a", 10)).toBe(1);
    pass(99);
    expect(allowed("a", 10)).toBe(0);
    pass(1);
    expect(allowed("a", 10)).toBe(1);
    pass(60_000);
    expect(allowed("a", 10)).toBe(3);
  });

  test("never exceeds the rate in the long run", () => {
    const { allowed, pass } = limiter({ maxRate: 50, maxBurst: 5 });
    let total = 0;
    for (let millisecond = 0; millisecond < 10_000; millisecond++) {
      total += allowed("a", 3);
      pass(1);
    }
    expect(total).toBeGreaterThanOrEqual(500);
    expect(total).toBeLessThanOrEqual(505);
  });

  test("counts each source separately", () => {
    const { allowed } = limiter({ maxBurst: 2 });
    expect([allowed("a", 5), allowed("b", 5), allowed("a", 5)]).toEqual([2, 2, 0]);
  });

  test("remembers at most maxSources sources; new ones share one rate, and known ones keep theirs", () => {
    const { rates, allowed } = limiter({ maxBurst: 2, maxSources: 4 });
    for (const source of ["a", "b", "c", "d"]) expect(allowed(source, 1)).toBe(1);
    let others = 0;
    for (let made = 0; made < 1000; made++) others += allowed(`made up ${made}`, 1);
    expect(others).toBe(2);
    expect(rates.size).toBe(5);
    expect(allowed("a", 5)).toBe(1);
  });

  test("forgets idle sources if it needs room, but none that would gain from it", () => {
    const { rates, allowed, pass } = limiter({ maxRate: 10, maxBurst: 5, maxSources: 2 });
    allowed("busy", 5);
    allowed("silent", 1);
    pass(200);
    expect(allowed("new", 9)).toBe(5);
    expect(allowed("busy", 9)).toBe(2);
    expect(rates.size).toBe(2);
  });
});
