import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscMessage, encode } from "../../src/codec/index.ts";
import { EntryQueue } from "../../src/monitor/feed.ts";
import {
  type FeedEntry,
  encodeEntries,
  encodeFailed,
  encodeHello,
  encodeReply,
  encodeSend,
  encodeSent,
  encodeStatus,
  readFeedEvent,
  readSendCommand,
} from "../../src/monitor/protocol.ts";

const MUCH = { maxEntries: 1e9, maxBytes: 1e9 };

function packet(number: number, size: number = 4): FeedEntry {
  return { kind: "packet", number, time: 1000.5, from: "127.0.0.1:9", transport: "udp", bytes: new Uint8Array(size) };
}

function problem(number: number): FeedEntry {
  return { kind: "problem", number, time: 7, from: "", code: "EADDRINUSE", message: "taken" };
}

describe("the entry queue", () => {
  test("drops the oldest entries and returns their number", () => {
    const queue = new EntryQueue({ maxEntries: 3, maxBytes: 1e9 });
    expect([1, 2, 3, 4, 5].map((number) => queue.push(packet(number)))).toEqual([0, 0, 0, 1, 1]);
    expect(queue.take(MUCH).map(({ number }) => number)).toEqual([3, 4, 5]);
    expect(queue.size).toBe(0);
  });

  test("also has a limit in bytes", () => {
    const queue = new EntryQueue({ maxEntries: 1e9, maxBytes: 1500 });
    queue.push(packet(1, 300));
    queue.push(packet(2, 300));
    expect(queue.push(packet(3, 500))).toBe(2);
    // One that is too large by itself is not kept either.
    expect(queue.push(packet(4, 2000))).toBe(2);
    expect(queue.size).toBe(0);
  });

  test("returns batches of at least one entry within limits", () => {
    const queue = new EntryQueue(MUCH);
    for (let number = 1; number <= 5; number += 1) queue.push(packet(number, 1000));
    expect(queue.take({ maxEntries: 2, maxBytes: 1e9 })).toHaveLength(2);
    expect(queue.take({ maxEntries: 9, maxBytes: 1 }).map(({ number }) => number)).toEqual([3]);
    expect(queue.after(4).map(({ number }) => number)).toEqual([5]);
  });

  test("holds exactly the entries that were pushed but neither dropped nor taken", () => {
    const steps = fc.array(fc.oneof(fc.constant("push" as const), fc.integer({ min: 0, max: 7 })), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (doing) => {
        const queue = new EntryQueue({ maxEntries: 5, maxBytes: 1e9 });
        let model: number[] = [];
        let next = 1;
        for (const step of doing) {
          if (step === "push") {
            queue.push(packet(next));
            model = [...model, next].slice(-5);
            next += 1;
          } else {
            expect(queue.take({ maxEntries: step, maxBytes: 1e9 }).map(({ number }) => number)).toEqual(model.slice(0, step));
            model = model.slice(step);
          }
          expect(queue.size).toBe(model.length);
        }
      }),
    );
  });
});

describe("the protocol between monitor and page", () => {
  test("decodes every encoded message", () => {
    const entries = [packet(8), problem(9), packet(10, 0), packet(11, 7)];
    expect(readFeedEvent(encodeEntries(entries))).toEqual({ kind: "entries", entries });
    const hello = { session: "s", listening: ["osc.udp://[::1]:9/"], target: "[::1]:9", time: 1.5, newest: 3 };
    expect(readFeedEvent(encodeHello(hello))).toEqual({ kind: "hello", hello });
    const status = { entries: 1, dropped: 2, ignoredFrames: 3, evicted: 6, pages: 4, counters: { received: 5 } };
    expect(readFeedEvent(encodeStatus(status))).toEqual({ kind: "status", status });
    expect(readFeedEvent(encodeSent(1, "127.0.0.1:5"))).toEqual({ kind: "sent", id: 1, from: "127.0.0.1:5" });
    expect(readFeedEvent(encodeFailed(1, "no"))).toEqual({ kind: "failed", id: 1, message: "no" });
    const reply = { time: 1, from: "a:1", transport: "udp", bytes: new Uint8Array([1]) };
    expect(readFeedEvent(encodeReply(2, reply))).toEqual({ kind: "reply", id: 2, packet: reply });
    const command = { id: 3, target: ":9", packet: new Uint8Array([47, 0, 0, 0]) };
    expect(readSendCommand(encodeSend(command))).toEqual(command);
  });

  test("encodes errors that quote bytes an OSC string can't contain", () => {
    const event = readFeedEvent(encodeFailed(1, "a\0b\uD800c"));
    expect(event).toEqual({ kind: "failed", id: 1, message: "a\uFFFDb\uFFFDc" });
  });

  test("ignores other frames and never throws", () => {
    for (const frame of [new Uint8Array(), encode(new OscMessage("/x")), encode(new OscMessage("/send", [1, "a"]))]) {
      expect(readFeedEvent(frame)).toBeNull();
      expect(readSendCommand(frame)).toBeNull();
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => readSendCommand(bytes) === null));
  });
});
