import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { type OscDroppedError, type OscError, OscRejectedError } from "../../src/errors.ts";
import type { Packet } from "../../src/server/executor.ts";
import { CallerClaims, CallerExecutor } from "../../src/server/io-thread/caller-executor.ts";
import { WakeSignal } from "../../src/server/io-thread/wake-signal.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { packError } from "../../src/server/pool/error-transfer.ts";
import {
  COUNTED,
  REJECTED,
  REPLY,
  type ReceivedPacket,
  encodeHandled,
  encodeJson,
  encodeRecord,
  idOf,
  packetOf as readPacket,
  recordsIn,
} from "../../src/server/pool/records.ts";
import { Counters } from "../../src/server/stats.ts";
import { RecordingPeer, limits, packetOf } from "./fixtures.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Both sides of a blocking server in one thread, so that every step can be looked at. */
function bothSides(options: ServerOptions = {}) {
  const { port1, port2 } = new MessageChannel();
  closing.push(() => port1.close());
  const memory = new SharedArrayBuffer(CallerClaims.byteLength);
  const claims = new CallerClaims(memory);
  const signal = new WakeSignal(new SharedArrayBuffer(WakeSignal.byteLength));
  const counters = new Counters();
  const told: string[] = [];
  const settled: [Packet, OscError | null][] = [];
  const dropped: [Packet, OscError][] = [];
  const executor = new CallerExecutor({ kind: "blocking", claims: memory, port: port2 }, limits(options), signal, counters, {
    end: (packet, result) => {
      if (result.kind === "dropped") dropped.push([packet, result.error]);
      else settled.push([packet, result.kind === "rejected" ? result.explain() : null]);
    },
    reply: (packet, data) => packet.peer.send(data),
    send: () => told.push("send"),
    report: (error) => told.push(error.code),
    shutdown: () => told.push("shutdown"),
  });
  let records: Iterator<Uint8Array> = [].values();
  /** Claims the next packet that has been sent; null if there is none. */
  const next = (): (ReceivedPacket & { readonly id: number }) | null => {
    for (;;) {
      const record = records.next();
      if (record.done !== true) {
        const id = idOf(record.value);
        if (claims.claim(id)) return { ...readPacket(record.value), id };
        continue;
      }
      const message = receiveMessageOnPort(port1)?.message as Uint8Array | undefined;
      if (message === undefined) return null;
      records = recordsIn(message);
    }
  };
  /** Tells the executor something, and waits until it has read it and sent what it can. */
  let messages = 0;
  const tell = async (...saying: Uint8Array[]): Promise<void> => {
    port1.postMessage(new Uint8Array(Buffer.concat(saying)));
    messages += 1;
    while (!claims.haveRead(messages)) await turn();
  };
  /** Numbers of the packets that have been sent, each claimed and handled. */
  const handleAll = async (): Promise<number[]> => {
    const numbers: number[] = [];
    for (let packet = next(); packet !== null; packet = next()) {
      numbers.push(packet.data[0]!);
      await tell(encodeHandled(packet.id, 0));
    }
    return numbers;
  };
  const execute = async (...numbers: number[]): Promise<void> => {
    for (const number of numbers) executor.execute(packetOf(Uint8Array.of(number)));
    await turn();
  };
  return { executor, execute, next, tell, handleAll, settled, dropped, counters, signal };
}

/** A turn of the event loop, at the end of which packets are sent. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const limitOf = (error: OscError): string => (error as OscDroppedError).limit;
const numberOf = ([packet]: [Packet, unknown]): number => packet.data[0]!;

test("passes a packet with its bytes, client and time", async () => {
  const { executor, next, signal } = bothSides();
  const { sequence } = signal;
  const from = [new RecordingPeer(9001), new RecordingPeer(9002), new RecordingPeer(9002), new RecordingPeer(9003, "fe80::1%eth0")];
  for (const [index, peer] of from.entries()) {
    executor.execute({ data: new Uint8Array(index).fill(index), peer, asOf: index + 0.5, fresh: true });
    await turn();
  }
  expect(signal.sequence).not.toBe(sequence);
  from.forEach((peer, index) => {
    const packet = next();
    expect(packet).toMatchObject({ client: peer.address, asOf: index + 0.5 });
    expect([...packet!.data]).toEqual(Array(index).fill(index));
  });
  expect(next()).toBeNull();
});

test("returns replies, results and counts in packet order", async () => {
  const { executor, next, tell, settled, counters } = bothSides();
  const peers = [new RecordingPeer(1), new RecordingPeer(2)];
  for (const peer of peers) executor.execute(packetOf(Uint8Array.of(peer.address.port), peer));
  await turn();
  const [first, second] = [next()!.id, next()!.id];
  await tell(
    encodeRecord(REPLY, first, Uint8Array.of(10)),
    encodeRecord(REPLY, first, Uint8Array.of(11)),
    encodeRecord(COUNTED, first, Buffer.from("handlerErrors")),
    encodeHandled(first, 0),
    encodeRecord(REPLY, second, Uint8Array.of(20)),
    encodeRecord(COUNTED, second, Buffer.from("faults")),
    encodeJson(REJECTED, second, packError(new OscRejectedError("malformed", "Bad bytes"))),
  );
  expect(peers.map(({ sent }) => sent.map(([byte]) => byte))).toEqual([[10, 11], [20]]);
  expect(settled.map(numberOf)).toEqual([1, 2]);
  expect(settled[0]?.[1]).toBeNull();
  expect(settled[1]?.[1]).toBeInstanceOf(OscRejectedError);
  expect(settled[1]?.[1]).toMatchObject({ reason: "malformed", message: "Bad bytes" });
  expect([counters.read("handlerErrors"), counters.read("faults")]).toEqual([1, 1]);
});

test("counts all packets before a handled one as handled", async () => {
  const { execute, next, tell, settled } = bothSides();
  await execute(1, 2, 3);
  next();
  await tell(encodeHandled(next()!.id, 0));
  expect(settled.map(numberOf)).toEqual([1, 2]);
});

test("queues at most maxQueue packets besides the one being handled", async () => {
  const { execute, handleAll, dropped, settled } = bothSides({ maxQueue: 3 });
  await execute(1, 2);
  await execute(3, 4, 5, 6);
  expect(dropped.map(numberOf)).toEqual([5, 6]);
  expect(dropped.map(([, error]) => limitOf(error))).toEqual(["maxQueue", "maxQueue"]);
  expect(await handleAll()).toEqual([1, 2, 3, 4]);
  await execute(7);
  await execute(8, 9, 10, 11);
  expect(settled.map(numberOf)).toEqual([1, 2, 3, 4]);
  expect(await handleAll()).toEqual([7, 8, 9, 10]);
  expect(dropped.map(numberOf)).toEqual([5, 6, 11]);
});

test("limits the queued bytes", async () => {
  const { executor, dropped } = bothSides({ maxQueueBytes: 100 });
  for (const size of [60, 60, 60, 30]) {
    executor.execute(packetOf(new Uint8Array(size).fill(size)));
    await turn();
  }
  expect(dropped.map(([packet, error]) => [packet.data.length, limitOf(error)])).toEqual([[60, "maxQueueBytes"]]);
});

test("drops the oldest packet with drop-oldest, but never the one being handled", async () => {
  const { execute, next, tell, handleAll, dropped } = bothSides({ maxQueue: 2, overflow: "drop-oldest" });
  await execute(1);
  const first = next();
  await execute(2, 3, 4, 5);
  expect(dropped.map(numberOf)).toEqual([2, 3]);
  await tell(encodeHandled(first!.id, 0));
  expect(await handleAll()).toEqual([4, 5]);
  // Nobody takes anything now: the oldest is the first in flight.
  await execute(6);
  await execute(7, 8, 9);
  expect(dropped.map(numberOf)).toEqual([2, 3, 6]);
  expect(await handleAll()).toEqual([7, 8, 9]);
});

test("queues more packets than may be in flight, and passes them on in order", async () => {
  const { execute, handleAll, settled, dropped } = bothSides();
  const numbers = Array.from({ length: 2000 }, (_, index) => index % 256);
  await execute(...numbers);
  expect(await handleAll()).toEqual(numbers);
  expect(settled.length).toBe(2000);
  expect(dropped).toEqual([]);
});

test("passes packets and replies of many megabytes", async () => {
  const { executor, execute, next, tell } = bothSides();
  const peer = new RecordingPeer();
  const large = new Uint8Array(3 * 1024 * 1024).fill(5);
  executor.execute(packetOf(large, peer));
  await execute(6);
  const { id, data } = next()!;
  expect(Buffer.compare(data, large)).toBe(0);
  await tell(encodeRecord(REPLY, id, large.subarray(1)), encodeHandled(id, 0));
  expect(peer.sent.map(({ length }) => length)).toEqual([large.length - 1]);
  expect([...next()!.data]).toEqual([6]);
});

test("drops queued packets on close, and waits for the one being handled", async () => {
  const { executor, execute, next, tell, dropped, settled } = bothSides();
  await execute(...Array.from({ length: 2000 }, (_, index) => index % 256));
  const first = next();
  const closed = executor.close(10_000);
  expect(dropped.length).toBe(1999);
  expect(new Set(dropped.map(([, error]) => limitOf(error)))).toEqual(new Set(["close"]));
  expect(next()).toBeNull();
  await tell(encodeHandled(first!.id, 0));
  await closed;
  expect(settled.map(numberOf)).toEqual([0]);
});

test("stops waiting for a handler after the close timeout", async () => {
  const { executor, execute, next, settled } = bothSides();
  await execute(1);
  next();
  await executor.close(1);
  expect(settled).toEqual([]);
});
