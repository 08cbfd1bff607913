import { expect, test } from "vitest";
import type { OscDroppedError } from "../../src/errors.ts";
import type { Packet } from "../../src/server/executor.ts";
import { PacketQueue, QueueBound } from "../../src/server/packet-queue.ts";
import { limits, packetOf } from "./fixtures.ts";

function queueWith(options: Parameters<typeof limits>[0]): { queue: PacketQueue; lost: [Packet, OscDroppedError][] } {
  const lost: [Packet, OscDroppedError][] = [];
  return { queue: new PacketQueue(new QueueBound(limits(options)), (packet, error) => lost.push([packet, error])), lost };
}

test("packets leave in the order in which they came, however many have passed", () => {
  const { queue, lost } = queueWith({ maxQueue: 100 });
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round += 1) {
    for (let i = 0; i < 20; i += 1) queue.push(packetOf(Uint8Array.of(next++ % 256)));
    for (let i = 0; i < 20; i += 1) expect(queue.shift()?.data[0]).toBe(expected++ % 256);
  }
  expect(queue.size).toBe(0);
  expect(queue.shift()).toBeUndefined();
  expect(lost).toEqual([]);
});

test("a full queue drops the newest packet by default, and names the bound", () => {
  const { queue, lost } = queueWith({ maxQueue: 2 });
  const packets = [1, 2, 3].map((byte) => packetOf(Uint8Array.of(byte)));
  for (const packet of packets) queue.push(packet);
  expect(lost.map(([packet, error]) => [packet, error.code, error.limit])).toEqual([[packets[2], "OSC_DROPPED", "maxQueue"]]);
  expect(queue.shift()).toBe(packets[0]);
});

test("with drop-oldest the packet that waited longest goes", () => {
  const { queue, lost } = queueWith({ maxQueue: 2, overflow: "drop-oldest" });
  const packets = [1, 2, 3].map((byte) => packetOf(Uint8Array.of(byte)));
  for (const packet of packets) queue.push(packet);
  expect(lost.map(([packet]) => packet)).toEqual([packets[0]]);
  expect([queue.shift(), queue.shift()]).toEqual([packets[1], packets[2]]);
});

test("bytes are bounded, too, and a packet that could never fit is dropped itself", () => {
  const { queue, lost } = queueWith({ maxQueueBytes: 10, overflow: "drop-oldest" });
  const [small, large, huge] = [4, 8, 11].map((size) => packetOf(new Uint8Array(size)));
  for (const packet of [small, large, huge]) if (packet !== undefined) queue.push(packet);
  expect(lost.map(([packet, error]) => [packet, error.limit])).toEqual([
    [small, "maxQueueBytes"],
    [large, "maxQueueBytes"],
    [huge, "maxQueueBytes"],
  ]);
  expect(queue.size).toBe(0);
});

test("queues that share a bound share its room", () => {
  const bound = new QueueBound(limits({ maxQueue: 1 }));
  const lost: Packet[] = [];
  const [first, second] = [new PacketQueue(bound, (packet) => lost.push(packet)), new PacketQueue(bound, (packet) => lost.push(packet))];
  first.push(packetOf(Uint8Array.of(1)));
  second.push(packetOf(Uint8Array.of(2)));
  expect(lost).toHaveLength(1);
  first.shift();
  second.push(packetOf(Uint8Array.of(3)));
  expect([lost.length, second.size]).toEqual([1, 1]);
});
