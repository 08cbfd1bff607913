import { describe, expect, test } from "vitest";
import { decode, encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import type { OscError } from "../../src/errors.ts";
import { HANDLED, type PacketResult } from "../../src/packet-result.ts";
import type { Packet } from "../../src/server/executor.ts";
import type { Limits } from "../../src/server/options.ts";
import { Pipeline } from "../../src/server/pipeline.ts";
import type { Peer } from "../../src/transport/transport.ts";
import { ManualClock } from "../dispatch/manual-clock.ts";
import { limits } from "./fixtures.ts";

/** A pipeline whose executor notes the addresses of the messages that are due, and handles every packet at once. */
function setUp(overrides: Partial<Limits> = {}) {
  const clock = new ManualClock();
  const seen: string[] = [];
  const errors: [code: string, message: string, from: string | undefined][] = [];
  const results: PacketResult[] = [];
  const pipeline = new Pipeline({
    limits: { ...limits(), ...overrides },
    strictTiming: true,
    clock,
    onError: (error: OscError, client) => errors.push([error.code, error.message, client?.address]),
    onShutdown: () => undefined,
    executor: (events) => ({
      execute: (packet: Packet) => {
        seen.push(...addressesOf(decode(packet.data), packet.asOf));
        events.end(packet, HANDLED);
      },
      close: () => Promise.resolve(),
    }),
  });
  const peer = (address: string, port = 9000): Peer => ({
    address: { address, port, family: "IPv4" },
    key: `${address}:${port}`,
    paced: false,
    send: () => undefined,
    settled: (_size, result) => results.push(result),
  });
  const send = (packet: OscPacket | Uint8Array, from = "10.0.0.1", port = 9000): void =>
    pipeline.onPacket(packet instanceof Uint8Array ? packet : encode(packet).slice(), peer(from, port));
  return { pipeline, clock, seen, errors, results, send, stats: () => pipeline.counters.stats() };
}

function addressesOf(packet: OscPacket, asOf: number): string[] {
  if (packet instanceof OscMessage) return [packet.address];
  const due = packet.elements.filter((element) => element instanceof OscMessage || !(element.timeTag.toMillis() > asOf));
  return due.flatMap((element) => addressesOf(element, asOf));
}

const tagOf = (bits: string): TimeTag => TimeTag.fromBigInt(BigInt(`0x${bits}`));

describe("a bundle of another clock", () => {
  test.each([
    ["that counts from 2001", "30bdf52b00000000"],
    ["that counts from the boot, half a second ago", "0000000080000000"],
    ["that counts from the boot, three seconds ago", "0000000380000000"],
    ["that counts from 1970", "6955b90000000000"],
  ])("%s is handled immediately, and reported once per sender", (_name, bits) => {
    const { seen, errors, results, send, stats, clock } = setUp();
    send(new OscBundle([new OscMessage("/a")], tagOf(bits)));
    send(new OscBundle([new OscMessage("/b"), new OscBundle([new OscMessage("/c")], tagOf(bits)), new OscMessage("/d")], tagOf(bits)));
    send(new OscBundle([new OscMessage("/e")], tagOf(bits)), "10.0.0.1", 9001);
    send(new OscBundle([new OscMessage("/f")], tagOf(bits)), "10.0.0.2");
    expect(seen).toEqual(["/a", "/b", "/c", "/d", "/e", "/f"]);
    expect(errors).toEqual([
      ["OSC_CLOCK_MISMATCH", expect.stringMatching(new RegExp(`doesn't count from 1900: ${bits} would mean 20`)), "10.0.0.1"],
      ["OSC_CLOCK_MISMATCH", expect.any(String), "10.0.0.2"],
    ]);
    expect(errors[0]?.[1]).toContain("strictTiming: false");
    expect(results).toEqual([HANDLED, HANDLED, HANDLED, HANDLED]);
    expect(stats()).toMatchObject({ received: 4, handled: 4, faults: 4, waiting: 0 });
    expect(clock.timers).toBe(0);
  });

  test("is handled immediately even if farAhead is reject", () => {
    const { seen, send } = setUp({ farAhead: "reject" });
    send(new OscBundle([new OscMessage("/a")], tagOf("0000000380000000")));
    expect(seen).toEqual(["/a"]);
  });

  test("inside a bundle of the right clock is handled after it, and counted", () => {
    const { seen, send, stats } = setUp();
    send(new OscBundle([new OscMessage("/1"), new OscBundle([new OscMessage("/3")], tagOf("0000000380000000")), new OscMessage("/2")]));
    expect(seen).toEqual(["/1", "/2", "/3"]);
    expect(stats()).toMatchObject({ received: 2, handled: 2, faults: 1 });
  });
});

describe("a bundle further ahead than maxAhead", () => {
  const dated = (clock: ManualClock, after: number): OscBundle =>
    new OscBundle([new OscMessage("/a")], TimeTag.from(clock.wallNow() + after));

  test("is handled immediately by default, and reported once per sender with advice", () => {
    const { seen, errors, send, stats, clock } = setUp({ maxAhead: 5000 });
    for (let count = 0; count < 3; count += 1) send(dated(clock, 5001));
    send(dated(clock, 5000));
    expect(seen).toEqual(["/a", "/a", "/a"]);
    expect(errors).toEqual([
      ["OSC_CLOCK_MISMATCH", expect.stringMatching(/maxAhead \(5 s\).*handled at once.*farAhead to "reject"/), "10.0.0.1"],
    ]);
    expect(stats()).toMatchObject({ handled: 3, faults: 3, waiting: 1 });
  });

  test("is rejected if farAhead is reject", () => {
    const { seen, errors, results, send, stats, clock } = setUp({ maxAhead: 5000, farAhead: "reject" });
    send(dated(clock, 5001));
    expect(seen).toEqual([]);
    expect(errors).toEqual([["OSC_REJECTED", expect.stringContaining('set farAhead to "deliver"'), "10.0.0.1"]]);
    expect(results).toMatchObject([{ kind: "rejected", reason: "too-far-ahead" }]);
    expect(stats()).toMatchObject({ rejected: { "too-far-ahead": 1 }, handled: 0 });
  });
});

describe("the slots for waiting bundles", () => {
  test("go to a polite sender when a greedy one has taken them all", () => {
    const { seen, errors, send, stats, clock } = setUp({ maxWaiting: 8 });
    const at = TimeTag.from(clock.wallNow() + 100);
    // From any port: a sender of datagrams is its host.
    for (let index = 0; index < 20; index += 1) send(new OscBundle([new OscMessage(`/greedy/${index}`)], at), "10.0.0.66", 9000 + index);
    for (let index = 0; index < 3; index += 1) send(new OscBundle([new OscMessage(`/polite/${index}`)], at), "10.0.0.1");
    expect(stats()).toMatchObject({ waiting: 8, dropped: 15 });
    clock.advance(100);
    expect(seen).toEqual([0, 1, 2, 3, 4].map((index) => `/greedy/${index}`).concat(["/polite/0", "/polite/1", "/polite/2"]));
    expect(stats()).toMatchObject({ received: 23, handled: 8, dropped: 15, waiting: 0 });
    expect(errors.every(([code, , from]) => code === "OSC_DROPPED" && from === "10.0.0.66")).toBe(true);
  });

  test("are not taken by empty bundles", () => {
    const { send, results, stats, clock } = setUp({ maxWaiting: 2 });
    const at = TimeTag.from(clock.wallNow() + 60_000);
    for (let index = 0; index < 100; index += 1) send(new OscBundle([], at));
    send(new OscBundle([new OscBundle([], at), new OscBundle([], at)], at));
    send(new OscBundle([new OscMessage("/now"), new OscBundle([], at)]));
    send(new OscBundle([new OscMessage("/later")], at));
    expect(stats()).toMatchObject({ received: 103, handled: 102, waiting: 1, dropped: 0 });
    expect(results.filter(({ kind }) => kind === "handled")).toHaveLength(102);
  });

  test("are released to the connection once, whatever the bundle's result", async () => {
    const { pipeline, send, results, clock } = setUp();
    send(new OscBundle([new OscMessage("/later")], TimeTag.from(clock.wallNow() + 60_000)));
    await pipeline.close(0);
    expect(results).toEqual([{ kind: "waiting" }]);
    expect(pipeline.counters.stats()).toMatchObject({ waiting: 0, dropped: 1 });
  });
});

test("a nested QOsc bundle without its NUL waits for its time", () => {
  const { seen, send, stats, clock } = setUp();
  const inner = encode(new OscBundle([new OscMessage("/inner", 1)], TimeTag.from(clock.wallNow() + 100)));
  const withoutNul = Buffer.concat([inner.subarray(0, 7), inner.subarray(8)]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(withoutNul.length);
  send(Uint8Array.from(Buffer.concat([encode(new OscBundle([new OscMessage("/outer", 1)])), size, withoutNul])));
  expect(seen).toEqual(["/outer"]);
  expect(stats()).toMatchObject({ received: 2, handled: 1, waiting: 1 });
  clock.advance(100);
  expect(seen).toEqual(["/outer", "/inner"]);
});
