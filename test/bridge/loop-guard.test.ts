import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { LoopGuard, type PacketRoute } from "../../src/bridge/loop-guard.ts";
import type { NetAddress } from "../../src/net-address.ts";

const from = (address: string, port: number): NetAddress => ({ address, port, family: address.includes(":") ? "IPv6" : "IPv4" });
/** Straight from its client. */
const by = (transport: string): PacketRoute => ({ transport, via: "" });
/** By NATS. */
const through = (via: string): PacketRoute => ({ transport: "udp", via });
const packet = Uint8Array.of(0x2f, 0x61, 0, 0);

describe("a packet has been through the bridge", () => {
  test("if it comes from one of the bridge's open sockets", () => {
    const guard = new LoopGuard(Infinity, "here");
    const forget = guard.addOwnPort("udp", 5000);
    guard.addOwnPort("udp", 5000)();
    expect(guard.isLoop(packet, from("127.0.0.1", 5000), by("udp"))).toBe(true);
    expect(guard.isLoop(packet, from("::ffff:127.0.0.1", 5000), by("udp"))).toBe(true);
    expect(guard.isLoop(packet, from("127.0.0.1", 5000), by("tcp"))).toBe(false);
    expect(guard.isLoop(packet, from("127.0.0.1", 5001), by("udp"))).toBe(false);
    // Another machine has such a port, too.
    expect(guard.isLoop(packet, from("192.0.2.1", 5000), by("udp"))).toBe(false);
    forget();
    expect(guard.isLoop(packet, from("127.0.0.1", 5000), by("udp"))).toBe(false);
  });

  test("if other senders nearby repeat it more than maxEchoes times in a row", () => {
    const guard = new LoopGuard(3, "here");
    const rounds = [1, 2, 3, 4, 5, 6].map((port) => guard.isLoop(packet, from("127.0.0.1", port), by("udp")));
    expect(rounds).toEqual([false, false, false, false, true, true]);
    expect(guard.isLoop(Uint8Array.of(1), from("127.0.0.1", 7), by("udp"))).toBe(false);
  });

  test("but not if one sender repeats itself or many other machines send the same bytes", () => {
    const guard = new LoopGuard(3, "here");
    for (let index = 0; index < 100; index += 1) {
      expect(guard.isLoop(packet, from("127.0.0.1", 1), by("udp"))).toBe(false);
      expect(guard.isLoop(packet, from("192.0.2.1", index), by("websocket"))).toBe(false);
    }
  });

  test("if a target sends it back", () => {
    const guard = new LoopGuard(1, "here");
    guard.addTarget("192.0.2.1");
    const rounds = [1, 2, 3].map((port) => guard.isLoop(packet, from("192.0.2.1", port), by("udp")));
    expect(rounds).toEqual([false, false, true]);
  });

  test("only if it is among a limited number of remembered packets", () => {
    const guard = new LoopGuard(0, "here");
    expect(guard.isLoop(packet, from("127.0.0.1", 1), by("udp"))).toBe(false);
    for (let index = 0; index < 5000; index += 1) guard.isLoop(new TextEncoder().encode(`/${index}`), from("127.0.0.1", 1), by("udp"));
    expect(guard.isLoop(packet, from("127.0.0.1", 2), by("udp"))).toBe(false);
    expect(guard.isLoop(packet, from("127.0.0.1", 3), by("udp"))).toBe(true);
  });
});

describe("a packet received over NATS has been through the bridge", () => {
  test("if its headers name the bridge, but not one with a similar name", () => {
    const guard = new LoopGuard(Infinity, "here");
    expect(guard.isLoop(packet, from("192.0.2.9", 1), through("there,here,elsewhere"))).toBe(true);
    expect(guard.isLoop(packet, from("192.0.2.9", 1), through("there,here-too"))).toBe(false);
    expect(guard.isLoop(packet, from("192.0.2.9", 1), through(""))).toBe(false);
  });

  const own = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  const outside = own.find(({ internal, family }) => !internal && family === "IPv4");
  test.skipIf(outside === undefined)("if another bridge received it from a socket of this one", () => {
    const guard = new LoopGuard(Infinity, "here");
    guard.addOwnPort("udp", 5000);
    expect(guard.isLoop(packet, from(outside?.address ?? "", 5000), through("there"))).toBe(true);
    // A loopback is that of the machine where it was heard.
    expect(guard.isLoop(packet, from("127.0.0.1", 5000), through("there"))).toBe(false);
  });
});
