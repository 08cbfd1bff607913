import { describe, expect, test } from "vitest";
import type { NetAddress } from "../../src/net-address.ts";
import { Admission } from "../../src/server/admission.ts";
import { limits } from "./fixtures.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const client = (address: string): NetAddress => ({ address, port: 1, family: address.includes(":") ? "IPv6" : "IPv4" });

describe("what a packet must begin with", () => {
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

  test("a packet over the size is refused, one of that size is not", () => {
    const small = new Admission(limits({ maxPacketSize: 8 }));
    expect(small.refusal(bytes("/1234567"), client("127.0.0.1"))).toBeNull();
    expect(small.refusal(bytes("/12345678"), client("127.0.0.1"))).toBe("too-large");
    expect(small.explain("too-large", bytes("/12345678"))).toMatchObject({
      reason: "too-large",
      message: expect.stringContaining("9 bytes"),
    });
  });
});

describe("who may send", () => {
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

  test.each(["nonsense", "10.0.0.0/33", "10.0.0.0/x", "", "::/129"])("%j is no address", (entry) => {
    expect(() => limits({ allow: [entry] })).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
  });
});

describe("how many packets one sender may send", () => {
  const packet = bytes("/a\0\0");

  test("more than maxRate in a second are refused, whatever the port; others are not", () => {
    const admission = new Admission(limits({ maxRate: 2 }));
    const refusals = [1, 2, 3].map((port) => admission.refusal(packet, { address: "10.0.0.1", port, family: "IPv4" }));
    expect(refusals).toEqual([null, null, "rate"]);
    expect(admission.refusal(packet, client("10.0.0.2"))).toBeNull();
    expect(admission.explain("rate", packet)).toMatchObject({ reason: "rate", message: expect.stringContaining("2 packets") });
  });

  test("by default there is no such limit", () => {
    const admission = new Admission(limits());
    for (let sent = 0; sent < 10_000; sent++) expect(admission.refusal(packet, client("10.0.0.1"))).toBeNull();
  });

  test.each([{ maxRate: 0 }, { maxRate: 0.5 }, { maxRate: Number.NaN }, { maxBurst: 0 }, { maxSources: -1 }])(
    "%j is refused",
    (options) => {
      expect(() => limits(options)).toThrow(expect.objectContaining({ code: "OSC_OPTION" }));
    },
  );
});
