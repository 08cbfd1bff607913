import { describe, expect, test } from "vitest";
import type { OscDroppedError } from "../../src/errors.ts";
import type { Packet } from "../../src/server/executor.ts";
import { FairQueue } from "../../src/server/fair-queue.ts";
import { RecordingPeer, limits, packetOf } from "./fixtures.ts";

/** A queue, what it lost, and senders. */
function queueWith(options: Parameters<typeof limits>[0]): { queue: FairQueue; lost: Packet[]; flooder: string; others: string[] } {
  const lost: Packet[] = [];
  const queue = new FairQueue(limits(options), (packet) => lost.push(packet));
  return { queue, lost, flooder: "10.0.0.1", others: ["10.0.0.2", "10.0.0.3", "10.0.0.4"] };
}

const from = (address: string, size = 1, port = 1): Packet => packetOf(new Uint8Array(size), new RecordingPeer(port, address));
const sendersOf = (packets: readonly (Packet | undefined)[]): (string | undefined)[] =>
  packets.map((packet) => packet?.peer.address.address);
const all = (queue: FairQueue): Packet[] => Array.from({ length: queue.size }, () => queue.shift() as Packet);

describe("a fair queue", () => {
  test("lets senders take turns, each in its order, if one of them floods", () => {
    const { queue, flooder, others } = queueWith({});
    const flood = Array.from({ length: 1000 }, (_, index) => from(flooder, 1, index));
    for (const packet of flood) queue.push(packet);
    for (const other of others) for (const port of [1, 2]) queue.push(from(other, 1, port));
    const [a, b, c] = others;
    expect(sendersOf(Array.from({ length: 8 }, () => queue.shift()))).toEqual([flooder, a, b, c, flooder, a, b, c]);
    expect(all(queue)).toEqual(flood.slice(2));
    expect([queue.size, queue.shift()]).toEqual([0, undefined]);
  });

  test("serves a single sender in its order, whatever its ports", () => {
    const { queue, flooder } = queueWith({});
    const packets = Array.from({ length: 50 }, (_, index) => from(flooder, 1, index));
    for (const packet of packets) queue.push(packet);
    expect(all(queue)).toEqual(packets);
  });
});

describe("a fair queue with a polite client", () => {
  /** The polite client sends its next packet when one was taken; the others send twice as many as are taken. Returns how many turns its packets waited. */
  function turnsWaited(queue: FairQueue, greedy: readonly (() => Packet)[], polite: () => Packet): number[] {
    let made = 0;
    const flood = (): void => queue.push((greedy[made++ % greedy.length] as () => Packet)());
    for (let sent = 0; sent < 1000; sent += 1) flood();
    const waited: number[] = [];
    while (waited.length < 100) {
      const asked = polite();
      queue.push(asked);
      for (let turns = 1; ; turns += 1) {
        flood();
        flood();
        if (queue.shift() !== asked) continue;
        waited.push(turns);
        break;
      }
    }
    return waited;
  }

  test("lets it wait for one turn of each of 250 greedy addresses, and drops none of its packets", () => {
    const { queue, lost } = queueWith({ maxQueue: 1000 });
    const greedy = Array.from({ length: 250 }, (_, host) => () => from(`127.0.0.${host + 1}`));
    expect(Math.max(...turnsWaited(queue, greedy, () => from("127.0.1.1")))).toBeLessThanOrEqual(251);
    expect(lost.filter(({ peer }) => peer.address.address === "127.0.1.1")).toEqual([]);
  });

  test("lets it wait for one turn of each of 50 greedy ports of its own address, and drops none of its packets", () => {
    const { queue, lost } = queueWith({ maxQueue: 1000 });
    const greedy = Array.from({ length: 50 }, (_, index) => () => from("127.0.0.1", 1, index + 2));
    expect(Math.max(...turnsWaited(queue, greedy, () => from("127.0.0.1", 1, 1)))).toBeLessThanOrEqual(51);
    expect(lost.filter(({ peer }) => peer.address.port === 1)).toEqual([]);
  });

  test("lets it wait for one turn of another address with 1,000 greedy ports", () => {
    const { queue } = queueWith({ maxQueue: 1000 });
    const greedy = Array.from({ length: 1000 }, (_, index) => () => from("127.0.0.1", 1, index + 1));
    expect(Math.max(...turnsWaited(queue, greedy, () => from("127.0.0.2")))).toBeLessThanOrEqual(2);
  });

  test("lets it wait for one turn of another address, however many connections that has and opens meanwhile", () => {
    const { queue } = queueWith({});
    let opened = 0;
    const connection = (address: string): Packet =>
      packetOf(new Uint8Array(1), Object.assign(new RecordingPeer((opened += 1), address), { paced: true }));
    expect(Math.max(...turnsWaited(queue, [() => connection("127.0.0.1")], () => connection("127.0.0.2")))).toBeLessThanOrEqual(2);
  });
});

describe("a full fair queue", () => {
  test("takes packets of polite senders, and drops the newest of the one that floods", () => {
    const { queue, lost, flooder, others } = queueWith({ maxQueue: 10 });
    const flood = Array.from({ length: 15 }, (_, index) => from(flooder, 1, index));
    for (const packet of flood) queue.push(packet);
    expect(lost.splice(0)).toEqual(flood.slice(10));
    for (const other of others) queue.push(from(other));
    expect(lost).toEqual([flood[9], flood[8], flood[7]]);
    expect(queue.size).toBe(10);
  });

  test("drops the oldest of the one that floods with drop-oldest", () => {
    const { queue, lost, flooder, others } = queueWith({ maxQueue: 4, overflow: "drop-oldest" });
    const flood = Array.from({ length: 5 }, (_, index) => from(flooder, 1, index));
    for (const packet of flood) queue.push(packet);
    queue.push(from(others[0]!));
    expect(lost).toEqual([flood[0], flood[1]]);
    expect(queue.size).toBe(4);
  });

  test("limits bytes too, and drops from the sender that has most of them", () => {
    const { queue, lost, flooder, others } = queueWith({ maxQueueBytes: 100 });
    const large = from(flooder, 90);
    queue.push(large);
    for (let sent = 0; sent < 5; sent++) queue.push(from(others[0]!, 2));
    queue.push(from(others[1]!, 20));
    expect(lost).toEqual([large]);
    expect(queue.size).toBe(6);
  });

  test("drops a packet that could never fit, and nothing else", () => {
    const { queue, lost, others } = queueWith({ maxQueueBytes: 10 });
    queue.push(from(others[0]!, 4));
    const huge = from(others[1]!, 11);
    queue.push(huge);
    expect(lost).toEqual([huge]);
    expect(queue.size).toBe(1);
  });

  test("never holds more than its limit, whoever sends", () => {
    const { queue, lost } = queueWith({ maxQueue: 100 });
    for (let sent = 0; sent < 5000; sent++) queue.push(from(`10.${sent % 7}.${sent % 251}.${sent % 253}`));
    expect(queue.size).toBe(100);
    expect(lost).toHaveLength(4900);
  });
});

describe("a fair queue whose packets are being handled", () => {
  test("keeps back the next packet of a client with order, and not those of another client of the same address", () => {
    const queue = new FairQueue(limits(), () => undefined, { order: "client" });
    const [first, second, other] = [from("10.0.0.1"), from("10.0.0.1"), from("10.0.0.1", 1, 2)];
    for (const packet of [first, second, other]) queue.push(packet);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([first, other, undefined]);
    queue.done(first);
    expect(queue.take()).toBe(second);
  });

  test("gives out no more than its share to one source, and lets others pass", () => {
    const queue = new FairQueue(limits(), () => undefined, { share: 2 });
    const flood = [1, 2, 3].map((port) => from("10.0.0.1", 1, port));
    for (const packet of flood) queue.push(packet);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([flood[0], flood[1], undefined]);
    const late = from("10.0.0.2");
    queue.push(late);
    expect(queue.take()).toBe(late);
    queue.done(flood[0]!);
    expect(queue.take()).toBe(flood[2]);
  });

  test("gives the packets behind one to the worker that has it, and takes them back in their order", () => {
    const queue = new FairQueue(limits(), () => undefined, { order: "connection" });
    const packets = [1, 2, 3].map((size) => from("10.0.0.1", size));
    const other = from("10.0.0.1", 1, 2);
    for (const packet of [...packets, other]) queue.push(packet);
    const first = queue.take() as Packet;
    expect([first, queue.takeBehind(first), queue.takeBehind(first), queue.takeBehind(first)]).toEqual([...packets, undefined]);
    queue.putBack(packets.slice(1).toReversed());
    expect([queue.take(), queue.take()]).toEqual([other, undefined]);
    queue.done(first);
    expect([queue.take(), queue.size]).toEqual([packets[1], 1]);
    expect(queue.takeBehind(packets[1]!)).toBe(packets[2]);
    for (const packet of [packets[1]!, packets[2]!, other]) queue.done(packet);
    expect(queue.sources).toBe(0);
  });

  test("keeps nothing of senders whose packets are done, however many there were", () => {
    const queue = new FairQueue(limits({ maxQueue: 10 }), () => undefined, { order: "client" });
    const running: Packet[] = [];
    for (let sender = 0; sender < 1000; sender += 1) {
      queue.push(from(`10.0.${sender >> 8}.${sender & 255}`));
      const packet = sender % 2 === 0 ? queue.take() : undefined;
      if (packet !== undefined) running.push(packet);
    }
    expect(queue.size).toBe(10);
    for (const packet of running) queue.done(packet);
    for (let packet = queue.take(); packet !== undefined; packet = queue.take()) queue.done(packet);
    expect([queue.size, queue.sources]).toEqual([0, 0]);
  });
});

/** The queue of a single sender. */
function firstComeQueue(options: Parameters<typeof limits>[0]): { queue: FairQueue; lost: [Packet, OscDroppedError][] } {
  const lost: [Packet, OscDroppedError][] = [];
  return { queue: new FairQueue(limits(options), (packet, error) => lost.push([packet, error])), lost };
}

describe("a fair queue of one sender", () => {
  test("gives packets out in their order, however many have passed", () => {
    const { queue, lost } = firstComeQueue({ maxQueue: 100 });
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

  test("drops the newest packet by default if it is full, and names the limit", () => {
    const { queue, lost } = firstComeQueue({ maxQueue: 2 });
    const packets = [1, 2, 3].map((byte) => packetOf(Uint8Array.of(byte)));
    for (const packet of packets) queue.push(packet);
    expect(lost.map(([packet, error]) => [packet, error.code, error.limit])).toEqual([[packets[2], "OSC_DROPPED", "maxQueue"]]);
    expect(queue.shift()).toBe(packets[0]);
  });

  test("drops the packet that waited longest with drop-oldest", () => {
    const { queue, lost } = firstComeQueue({ maxQueue: 2, overflow: "drop-oldest" });
    const packets = [1, 2, 3].map((byte) => packetOf(Uint8Array.of(byte)));
    for (const packet of packets) queue.push(packet);
    expect(lost.map(([packet]) => packet)).toEqual([packets[0]]);
    expect([queue.shift(), queue.shift()]).toEqual([packets[1], packets[2]]);
  });

  test("limits bytes too, and drops a packet that could never fit", () => {
    const { queue, lost } = firstComeQueue({ maxQueueBytes: 10, overflow: "drop-oldest" });
    const [small, large, huge] = [4, 8, 11].map((size) => packetOf(new Uint8Array(size)));
    for (const packet of [small, large, huge]) if (packet !== undefined) queue.push(packet);
    expect(lost.map(([packet, error]) => [packet, error.limit])).toEqual([
      [small, "maxQueueBytes"],
      [huge, "maxQueueBytes"],
    ]);
    expect(queue.shift()).toBe(large);
  });

  test("counts packets that wait elsewhere against its limit", () => {
    const { queue, lost } = firstComeQueue({ maxQueue: 1 });
    const [elsewhere, second, third] = [1, 2, 3].map((byte) => packetOf(Uint8Array.of(byte))) as [Packet, Packet, Packet];
    queue.count(elsewhere, 1);
    queue.push(second);
    expect(lost.map(([packet]) => packet)).toEqual([second]);
    queue.count(elsewhere, -1);
    queue.push(third);
    expect([lost.length, queue.size]).toEqual([1, 1]);
  });
});
