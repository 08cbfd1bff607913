import { describe, expect, test } from "vitest";
import { LoopGuard } from "../../src/bridge/loop-guard.ts";
import type { NetAddress } from "../../src/net-address.ts";

const from = (address: string, port: number): NetAddress => ({ address, port, family: address.includes(":") ? "IPv6" : "IPv4" });
const packet = Uint8Array.of(0x2f, 0x61, 0, 0);

describe("a packet has been through the bridge", () => {
  test("where it comes from a socket of the bridge itself, for as long as that is open", () => {
    const guard = new LoopGuard(Infinity);
    const forget = guard.addOwnPort("udp", 5000);
    guard.addOwnPort("udp", 5000)();
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 5000))).toBe(true);
    expect(guard.isLoop(packet, "udp", from("::ffff:127.0.0.1", 5000))).toBe(true);
    expect(guard.isLoop(packet, "tcp", from("127.0.0.1", 5000))).toBe(false);
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 5001))).toBe(false);
    // Another machine has such a port, too.
    expect(guard.isLoop(packet, "udp", from("192.0.2.1", 5000))).toBe(false);
    forget();
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 5000))).toBe(false);
  });

  test("where others near send the same again, more often in a row than maxEchoes", () => {
    const guard = new LoopGuard(3);
    const rounds = [1, 2, 3, 4, 5, 6].map((port) => guard.isLoop(packet, "udp", from("127.0.0.1", port)));
    expect(rounds).toEqual([false, false, false, false, true, true]);
    expect(guard.isLoop(Uint8Array.of(1), "udp", from("127.0.0.1", 7))).toBe(false);
  });

  test("and not where one sender repeats itself, or a crowd of other machines says the same", () => {
    const guard = new LoopGuard(3);
    for (let index = 0; index < 100; index += 1) {
      expect(guard.isLoop(packet, "udp", from("127.0.0.1", 1))).toBe(false);
      expect(guard.isLoop(packet, "websocket", from("192.0.2.1", index))).toBe(false);
    }
  });

  test("where a machine that is sent to sends the same again", () => {
    const guard = new LoopGuard(1);
    guard.addTarget("192.0.2.1");
    const rounds = [1, 2, 3].map((port) => guard.isLoop(packet, "udp", from("192.0.2.1", port)));
    expect(rounds).toEqual([false, false, true]);
  });

  test("and remembers so many packets at most", () => {
    const guard = new LoopGuard(0);
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 1))).toBe(false);
    for (let index = 0; index < 5000; index += 1) guard.isLoop(new TextEncoder().encode(`/${index}`), "udp", from("127.0.0.1", 1));
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 2))).toBe(false);
    expect(guard.isLoop(packet, "udp", from("127.0.0.1", 3))).toBe(true);
  });
});
