import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { type OscDroppedError, type OscError, OscRejectedError } from "../../src/errors.ts";
import { CallerExecutor } from "../../src/server/io-thread/caller-executor.ts";
import { FAULT, HANDLER_ERROR, OutcomeWriter, PacketReader, RING_CAPACITY } from "../../src/server/io-thread/packet-records.ts";
import { Counters } from "../../src/server/stats.ts";
import { WakeSignal } from "../../src/server/io-thread/wake-signal.ts";
import { packError } from "../../src/server/pool/error-transfer.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import type { Packet } from "../../src/server/executor.ts";
import { RingReader, RingWriter, ringMemory } from "../../src/server/io-thread/shared-ring.ts";
import { RecordingPeer, limits, packetOf } from "./fixtures.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Both sides of a blocking server in one thread, so that every step can be looked at. */
function bothSides(options: ServerOptions = {}) {
  const { port1, port2 } = new MessageChannel();
  closing.push(() => port1.close());
  const packets = ringMemory(RING_CAPACITY);
  const outcomes = ringMemory(RING_CAPACITY);
  const signal = new WakeSignal(new SharedArrayBuffer(WakeSignal.byteLength));
  const counters = new Counters();
  const told: string[] = [];
  const settled: [Packet, OscError | null][] = [];
  const dropped: [Packet, OscError][] = [];
  const executor = new CallerExecutor({ kind: "blocking", packets, outcomes, port: port2 }, limits(options), signal, counters, {
    end: (packet, result) => {
      if (result.kind === "dropped") dropped.push([packet, result.error]);
      else settled.push([packet, result.kind === "rejected" ? result.explain() : null]);
    },
    reply: (packet, data) => packet.peer.send(data),
    report: (error) => told.push(error.code),
    shutdown: () => told.push("shutdown"),
  });
  const parcels: Uint8Array[] = [];
  port1.on("message", (parcel: Uint8Array) => parcels.push(parcel));
  const reader = new PacketReader(new RingReader(packets), () => parcels.shift() ?? new Uint8Array());
  const writer = new OutcomeWriter(new RingWriter(outcomes), port1);
  /** Numbers of the packets in the ring, each taken and handled. */
  const handleAll = (): number[] => {
    const numbers: number[] = [];
    while (reader.next()) {
      numbers.push(reader.data[0]!);
      writer.handled(0);
    }
    return numbers;
  };
  const execute = (...numbers: number[]): void => numbers.forEach((number) => executor.execute(packetOf(Uint8Array.of(number))));
  return { executor, execute, reader, writer, handleAll, settled, dropped, counters, signal, port1, parcels };
}

const limitOf = (error: OscError): string => (error as OscDroppedError).limit;
const numberOf = ([packet]: [Packet, unknown]): number => packet.data[0]!;

test("hands over a packet with its bytes, its client and its time", () => {
  const { executor, reader, signal } = bothSides();
  const { sequence } = signal;
  const from = [new RecordingPeer(9001), new RecordingPeer(9002), new RecordingPeer(9002), new RecordingPeer(9003, "fe80::1%eth0")];
  from.forEach((peer, index) => executor.execute({ data: new Uint8Array(index).fill(index), peer, asOf: index + 0.5, fresh: true }));
  expect(signal.sequence).not.toBe(sequence);
  from.forEach((peer, index) => {
    expect(reader.next()).toBe(true);
    expect(reader.client).toEqual(peer.address);
    expect([...reader.data]).toEqual(Array(index).fill(index));
    expect(reader.asOf).toBe(index + 0.5);
  });
  expect(reader.next()).toBe(false);
});

test("returns replies, results and counts in the order of the packets", () => {
  const { executor, execute, reader, writer, settled, counters } = bothSides();
  const peers = [new RecordingPeer(1), new RecordingPeer(2)];
  for (const peer of peers) executor.execute(packetOf(Uint8Array.of(peer.address.port), peer));
  reader.next();
  writer.reply(Uint8Array.of(10));
  writer.reply(Uint8Array.of(11));
  writer.mark(HANDLER_ERROR);
  writer.handled(0);
  reader.next();
  writer.reply(Uint8Array.of(20));
  writer.mark(FAULT);
  writer.reject(packError(new OscRejectedError("malformed", "Bad bytes")));
  execute(3);
  expect(peers.map(({ sent }) => sent.map(([byte]) => byte))).toEqual([[10, 11], [20]]);
  expect(settled.map(numberOf)).toEqual([1, 2]);
  expect(settled[0]?.[1]).toBeNull();
  expect(settled[1]?.[1]).toBeInstanceOf(OscRejectedError);
  expect(settled[1]?.[1]).toMatchObject({ reason: "malformed", message: "Bad bytes" });
  expect([counters.read("handlerErrors"), counters.read("faults")]).toEqual([1, 1]);
});

test("lets no more packets wait than maxQueue, besides the one that is being handled", () => {
  const { execute, handleAll, dropped, settled } = bothSides({ maxQueue: 3 });
  execute(1, 2, 3, 4, 5, 6);
  expect(dropped.map(numberOf)).toEqual([5, 6]);
  expect(dropped.map(([, error]) => limitOf(error))).toEqual(["maxQueue", "maxQueue"]);
  expect(handleAll()).toEqual([1, 2, 3, 4]);
  execute(7, 8, 9, 10, 11);
  expect(settled.map(numberOf)).toEqual([1, 2, 3, 4]);
  expect(handleAll()).toEqual([7, 8, 9, 10]);
  expect(dropped.map(numberOf)).toEqual([5, 6, 11]);
});

test("limits the bytes that wait", () => {
  const { executor, dropped } = bothSides({ maxQueueBytes: 100 });
  for (const size of [60, 60, 60, 30]) executor.execute(packetOf(new Uint8Array(size).fill(size)));
  expect(dropped.map(([packet, error]) => [packet.data.length, limitOf(error)])).toEqual([[60, "maxQueueBytes"]]);
});

test("takes the oldest packet back from the ring with drop-oldest, but never the one being handled", () => {
  const { execute, reader, writer, handleAll, dropped } = bothSides({ maxQueue: 2, overflow: "drop-oldest" });
  execute(1);
  expect(reader.next()).toBe(true);
  execute(2, 3, 4, 5);
  expect(dropped.map(numberOf)).toEqual([2, 3]);
  writer.handled(0);
  expect(handleAll()).toEqual([4, 5]);
  // Nobody takes anything now: the oldest is the first in the ring.
  execute(6, 7, 8, 9);
  expect(dropped.map(numberOf)).toEqual([2, 3, 6]);
  expect(handleAll()).toEqual([7, 8, 9]);
});

test("queues more packets than the ring holds, and hands them over in order", () => {
  const { execute, handleAll, settled, dropped } = bothSides();
  const numbers = Array.from({ length: 5000 }, (_, index) => index % 256);
  execute(...numbers);
  const handled: number[] = [];
  while (handled.length < 5000) {
    handled.push(...handleAll());
    // Its coming is what makes the other side look at the outcomes here, where nothing wakes it.
    execute(255);
  }
  expect(handled.slice(0, 5000)).toEqual(numbers);
  expect(settled.length).toBeGreaterThanOrEqual(5000);
  expect(dropped).toEqual([]);
});

test("sends packets and replies larger than the ring over the port", async () => {
  const { executor, reader, writer, port1, parcels } = bothSides();
  const peer = new RecordingPeer();
  const large = new Uint8Array(3 * RING_CAPACITY).fill(5);
  executor.execute(packetOf(large, peer));
  executor.execute(packetOf(Uint8Array.of(6), peer));
  while (parcels.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(reader.next()).toBe(true);
  expect(Buffer.compare(reader.data, large)).toBe(0);
  writer.reply(large.subarray(1));
  writer.reply(Uint8Array.of(7));
  writer.handled(0);
  port1.postMessage(null);
  while (peer.sent.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(peer.sent.map(({ length }) => length)).toEqual([large.length - 1, 1]);
  expect(reader.next()).toBe(true);
  expect([...reader.data]).toEqual([6]);
});

test("drops what waits when it closes, and waits for what is being handled", async () => {
  const { executor, execute, reader, writer, dropped, settled } = bothSides();
  execute(...Array.from({ length: 2000 }, (_, index) => index % 256));
  expect(reader.next()).toBe(true);
  const closed = executor.close(10_000);
  expect(dropped.length).toBe(1999);
  expect(new Set(dropped.map(([, error]) => limitOf(error)))).toEqual(new Set(["close"]));
  writer.handled(0);
  await closed;
  expect(settled.map(numberOf)).toEqual([0]);
  expect(reader.next()).toBe(false);
});

test("gives up on a handler when the time to close is over", async () => {
  const { executor, execute, reader, settled } = bothSides();
  execute(1);
  reader.next();
  await executor.close(1);
  expect(settled).toEqual([]);
});
