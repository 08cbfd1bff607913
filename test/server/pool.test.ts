import { availableParallelism } from "node:os";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OscDispatchError } from "../../src/errors.ts";
import { packError } from "../../src/server/pool/error-transfer.ts";
import { REPLY, REPORT, SHUTDOWN, encodeHandled, encodeJson, encodeRecord, encodeRejected } from "../../src/server/pool/records.ts";
import { RecordingPeer, packetOf } from "./fixtures.ts";
import type { WorkerKind } from "../../src/server/pool/worker.ts";
import { type FakeWorker, type Given, settled, setUp, two, upTo } from "./pool-fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers();
  // Then it is known which hosts share a source.
  vi.spyOn(Math, "random").mockReturnValue(0);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("workers", () => {
  test("start before there is a packet, and receive queued packets when ready", async () => {
    const { workers, worker, send, account, ready, started } = setUp();
    expect(workers).toHaveLength(1);
    await send(1);
    expect(worker(0).given).toHaveLength(0);
    await ready(0);
    expect(await started).toBeNull();
    expect(worker(0).ports).toEqual([1]);
    await worker(0).settle();
    expect(account.handled).toEqual([1]);
  });

  test("are added when packets have waited, as many as the queue needs but never beyond the limit", async () => {
    const { workers, send, ready } = setUp({ kind: { max: 3 } });
    await ready(0);
    await send(...upTo(6));
    await vi.advanceTimersByTimeAsync(9);
    expect(workers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(workers).toHaveLength(3);
    await ready(1, 2);
    await vi.advanceTimersByTimeAsync(100);
    expect(workers.map(({ given }) => given.length)).toEqual([1, 1, 1]);
    expect(workers).toHaveLength(3);
  });

  test("are not added for short computations", async () => {
    const { workers, worker, send, ready } = setUp();
    await ready(0);
    for (let count = 0; count < 20; count++) {
      await send(1);
      await worker(0).settle();
    }
    await send(...upTo(200));
    await vi.advanceTimersByTimeAsync(15);
    expect(workers).toHaveLength(1);
    // One of them takes long after all.
    await vi.advanceTimersByTimeAsync(30);
    expect(workers.length).toBeGreaterThan(1);
  });

  test("that compute are limited to the number of processors, and receive queued packets in batches", async () => {
    const many = availableParallelism() + 2;
    const { workers, send, ready } = setUp({ kind: { max: 8 * many, min: many } });
    while (workers.length < many) await ready(...workers.keys());
    await ready(...workers.keys());
    await send(1);
    const first = workers.find(({ given }) => given.length > 0)!;
    await first.settle(0.5);
    await send(...upTo(many * 4));
    const given = (): number[] => workers.map((worker) => worker.given.length).filter((count) => count > 0);
    expect(given()).toEqual(Array.from({ length: availableParallelism() }, () => 2));
    for (const worker of workers.filter((one) => one.given.length > 0)) {
      await worker.settle(0.5);
      await worker.settle(0.5);
    }
    expect(given()).toEqual(Array.from({ length: availableParallelism() }, () => 2));
    // None of them ends: the others are for what is behind a handler that takes long.
    await vi.advanceTimersByTimeAsync(12);
    expect(given()).toHaveLength(many);
  });

  test("receive full batches of one sender while handlers are fast, although slow ones would leave workers to others", async () => {
    const { workers, send, ready } = setUp({ kind: { max: 8, min: 1 } });
    await ready(0);
    await send(1);
    await workers[0]!.settle(0.01);
    await send(...upTo(100));
    expect(workers[0]!.given).toHaveLength(64);
  });

  test("are added to handle the queue within 100 ms once handler times are known", async () => {
    const { workers, worker, send, ready } = setUp({ kind: { max: 32 } });
    await ready(0);
    for (let count = 0; count < 3; count += 1) {
      await send(1);
      await vi.advanceTimersByTimeAsync(5);
      await worker(0).settle(5);
    }
    await send(...upTo(80));
    await vi.advanceTimersByTimeAsync(11);
    // 79 packets of 5 ms take 4 workers for 100 ms.
    expect(workers).toHaveLength(1 + 4);
  });

  test("reserve an eighth for clients other than the busiest", async () => {
    const { workers, send, sendFrom, ready } = setUp({ kind: { max: 16, min: 16 } });
    for (let count = 0; count < 16; count += 1) await ready(...workers.keys());
    expect(workers).toHaveLength(16);
    await send(...upTo(20));
    expect(workers.filter(({ given }) => given.length > 0)).toHaveLength(14);
    await sendFrom("10.0.0.2", 99);
    expect(workers.flatMap(({ ports }) => ports)).toContain(99);
  });

  test("end after a long idle time, except the minimum number", async () => {
    const { workers, worker, send, ready } = setUp({ kind: { max: 3 } });
    await ready(0);
    await send(1, 2, 3);
    await vi.advanceTimersByTimeAsync(11);
    await ready(1, 2);
    for (const one of workers) await one.settle();
    await vi.advanceTimersByTimeAsync(9000);
    // The one that was idle last is used first.
    await send(1);
    expect(workers.findIndex(({ given }) => given.length === 1)).toBe(2);
    await worker(2).settle();
    await vi.advanceTimersByTimeAsync(1500);
    expect(workers.map(({ retired }) => retired)).toEqual([true, true, false]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(worker(2).retired).toBe(false);
  });

  test("end after their maximum number of packets, and are killed if they don't", async () => {
    const { worker, workers, send, ready } = setUp({ kind: { packetsInAll: 2 } });
    await ready(0);
    await send(1);
    await worker(0).settle();
    await send(1);
    await worker(0).settle();
    expect(worker(0).retired).toBe(true);
    expect(workers).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2001);
    expect(worker(0).killed).toBe(true);
  });

  test("may handle several packets concurrently, distributed over those with capacity", async () => {
    const { workers, worker, send, ready } = setUp({ kind: { ...two, packetsAtOnce: 2, batches: false } });
    await ready(0, 1);
    await send(...upTo(5));
    expect(workers.map(({ given }) => given.length)).toEqual([2, 2]);
    await worker(0).settle();
    expect(worker(0).ports.at(-1)).toBe(5);
  });
});

describe("a packet", () => {
  test("produces replies, reports and its result, and nothing afterwards", async () => {
    const { worker, send, account, ready } = setUp();
    await ready(0);
    await send(7);
    const { id } = worker(0).given[0]!;
    worker(0).say(encodeRecord(REPLY, id, new Uint8Array(8)));
    worker(0).say(encodeJson(REPORT, id, packError(new OscDispatchError("OSC_HANDLER_FAILED", "on purpose", "/"))));
    worker(0).say(encodeRejected(id, "arguments", "they are wrong"));
    worker(0).say(encodeRecord(REPLY, id, new Uint8Array(8)));
    worker(0).say(encodeHandled(id, 0));
    expect(account.replies).toEqual(["7 8"]);
    expect([account.reports.map(({ code }) => code), account.reportedPorts]).toEqual([["OSC_HANDLER_FAILED"], [7]]);
    expect(account.rejected).toMatchObject([{ code: "OSC_REJECTED", reason: "arguments", message: "they are wrong" }]);
    expect(account.handled).toEqual([]);
  });

  test("is dropped when its worker ends, and another worker takes the next", async () => {
    const { workers, worker, send, account, ready } = setUp();
    await ready(0);
    await send(1, 2);
    worker(0).events.ended("exit code 3");
    expect(account.dropped.map(({ message }) => message)).toEqual([expect.stringContaining("exit code 3")]);
    expect(workers).toHaveLength(2);
    await ready(1);
    await worker(1).settle();
    expect(account.handled).toEqual([2]);
  });

  test("is dropped on timeout; the worker is killed, and keeps its slot until it has ended", async () => {
    const { workers, worker, send, account, ready } = setUp({ kind: { max: 1 } });
    await ready(0);
    await send(1, 2);
    await vi.advanceTimersByTimeAsync(1001);
    expect(worker(0).killed).toBe(true);
    expect(account.dropped.map(({ message }) => message)).toEqual([expect.stringContaining("threadTimeout (1000 ms)")]);
    expect(workers).toHaveLength(1);
    worker(0).say(encodeHandled(1, 0));
    worker(0).events.ended("killed");
    expect(workers).toHaveLength(2);
    await ready(1);
    await worker(1).settle();
    expect([account.handled, account.droppedPorts]).toEqual([[2], [1]]);
  });

  test("is dropped when the queue is full, the newest or the oldest", async () => {
    const newest = setUp({ options: { maxQueue: 2 } });
    await newest.send(1, 2, 3);
    expect(newest.account.dropped).toMatchObject([{ code: "OSC_DROPPED", limit: "maxQueue" }]);
    expect(newest.account.droppedPorts).toEqual([3]);
    const oldest = setUp({ options: { maxQueue: 2, overflow: "drop-oldest" } });
    await oldest.send(1, 2, 3);
    expect(oldest.account.droppedPorts).toEqual([1]);
  });

  test("is dropped at the queue's byte limit, even if it alone exceeds it", async () => {
    const { account, pool } = setUp({ options: { maxQueueBytes: 10 } });
    for (const size of [4, 12, 4, 4]) pool.execute(packetOf(new Uint8Array(size)));
    expect(account.dropped).toMatchObject([{ limit: "maxQueueBytes" }, { limit: "maxQueueBytes" }]);
  });
});

describe("a worker with fast handlers", () => {
  /** One worker, which has just shown how quick it is, and another that is ready. */
  async function quickPair(given: Given = {}) {
    const all = setUp({ ...given, kind: { ...two, ...given.kind } });
    await all.ready(0, 1);
    for (let count = 0; count < 30; count += 1) {
      await all.send(0);
      for (const worker of all.workers) if (worker.given.length > 0) await worker.settle();
    }
    all.account.handled.length = 0;
    const quick = all.worker(1);
    const other = all.worker(0);
    return { ...all, quick, other };
  }

  test("receives all packets of one event loop iteration together, in order", async () => {
    const { account, send, quick, other } = await quickPair();
    await send(1, 2, 3);
    expect([quick.ports, other.ports]).toEqual([[1, 2, 3], []]);
    for (let count = 0; count < 3; count++) await quick.settle();
    expect(account.handled).toEqual([1, 2, 3]);
  });

  test("receives no more while it has packets; another worker does", async () => {
    const { send, quick, other } = await quickPair();
    await send(1, 2);
    await send(3);
    expect([quick.ports, other.ports]).toEqual([[1, 2], [3]]);
  });

  test("returns packets queued behind a slow one to others within milliseconds", async () => {
    const { account, send, quick, other } = await quickPair();
    await send(1, 2, 3);
    await vi.advanceTimersByTimeAsync(6);
    expect(quick.ports).toEqual([1]);
    while (other.given.length > 0) await other.settle();
    expect(account.handled).toEqual([2, 3]);
    await quick.settle();
    expect(account).toMatchObject({ handled: [2, 3, 1], dropped: [] });
  });

  test("loses only the packet in progress when it ends; earlier results are kept", async () => {
    const { account, send, quick, other, workers } = await quickPair();
    await send(1, 2, 3, 4);
    quick.handleUntold(1);
    quick.events.ended("exit code 3");
    await settled();
    expect([account.handled, account.droppedPorts]).toEqual([[1], [2]]);
    expect(workers).toHaveLength(3);
    while (other.given.length > 0) await other.settle();
    expect(account.handled).toEqual([1, 3, 4]);
    expect(account.reports).toEqual([]);
  });

  test("loses only the packet in progress when that times out", async () => {
    const { account, send, quick, other } = await quickPair({ kind: { packetTimeout: 3 } });
    await send(1, 2);
    await vi.advanceTimersByTimeAsync(4);
    expect(quick.killed).toBe(true);
    expect([account.droppedPorts, other.ports]).toEqual([[1], [2]]);
  });

  test("returns packets it hasn't started when the server closes", async () => {
    const { account, pool, send, quick, other } = await quickPair();
    await send(1, 2, 3);
    const closed = pool.close(500);
    expect(account.droppedPorts).toEqual([2, 3]);
    expect([quick.retired, other.retired]).toEqual([false, true]);
    await quick.settle();
    expect(quick.retired).toBe(true);
    for (const worker of [quick, other]) worker.events.ended("exit code 0");
    await closed;
    expect(account).toMatchObject({ handled: [1], reports: [] });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("order", () => {
  const four = { max: 4, min: 4 } satisfies Partial<WorkerKind>;

  test("connection: handles one packet per connection at a time, and other connections concurrently", async () => {
    const { pool, account, worker, workers, ready } = setUp({ kind: four, order: "connection" });
    await ready(0, 1, 2, 3);
    const [one, other] = [new RecordingPeer(1), new RecordingPeer(2)];
    for (const peer of [one, one, one, other]) pool.execute(packetOf(new Uint8Array(4), peer));
    await settled();
    expect(workers.flatMap(({ ports }) => ports).toSorted((a, b) => a - b)).toEqual([1, 2]);
    for (let count = 0; count < 4; count += 1) {
      const busy = workers.filter(({ given }) => given.length > 0);
      expect(busy.filter(({ ports }) => ports[0] === 1).length).toBeLessThanOrEqual(1);
      await busy[0]?.settle();
    }
    expect(account.handled.toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2]);
    expect(worker(0).given).toEqual([]);
  });

  test("client: handles one packet per address and port at a time", async () => {
    const { workers, send, ready } = setUp({ kind: four, order: "client" });
    await ready(0, 1, 2, 3);
    await send(1, 1, 2);
    expect(workers.flatMap(({ ports }) => ports).toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test("none: handles packets of one client concurrently", async () => {
    const { workers, send, ready } = setUp({ kind: four });
    await ready(0, 1, 2, 3);
    await send(1, 1, 1);
    expect(workers.flatMap(({ ports }) => ports)).toEqual([1, 1, 1]);
  });

  test("is kept when a worker returns packets", async () => {
    const all = setUp({ kind: two, order: "connection" });
    await all.ready(0, 1);
    const peer = new RecordingPeer(1);
    const send = async (...sizes: number[]): Promise<void> => {
      for (const size of sizes) all.pool.execute(packetOf(new Uint8Array(size), peer));
      await settled();
    };
    for (let count = 0; count < 30; count += 1) {
      await send(0);
      for (const worker of all.workers) if (worker.given.length > 0) await worker.settle();
    }
    await send(4, 8, 12);
    const quick = all.workers.find(({ given }) => given.length > 0) as FakeWorker;
    expect(quick.given.map(({ packet }) => packet.data.length)).toEqual([4, 8, 12]);
    await vi.advanceTimersByTimeAsync(6);
    expect(all.workers.flatMap(({ given }) => given)).toHaveLength(1);
    await quick.settle();
    expect(all.workers.flatMap(({ given }) => given.map(({ packet }) => packet.data.length))[0]).toBe(8);
  });
});

describe("one greedy client", () => {
  test("can't occupy all workers", async () => {
    const { workers, sendFrom, ready } = setUp({ kind: { max: 4, min: 4 } });
    await ready(0, 1, 2, 3);
    await sendFrom("10.0.0.1", ...upTo(20));
    expect(workers.filter(({ given }) => given.length > 0)).toHaveLength(3);
    await sendFrom("10.0.0.2", 99);
    expect(workers.flatMap(({ ports }) => ports)).toContain(99);
  });

  test("delays only itself: others are served next, and lose nothing when the queue is full", async () => {
    const { worker, account, sendFrom, ready } = setUp({ kind: { max: 1, min: 1 }, options: { maxQueue: 10 } });
    await ready(0);
    await sendFrom("10.0.0.1", ...upTo(11));
    await sendFrom("10.0.0.2", 99);
    expect(account.droppedPorts).toEqual([11]);
    await worker(0).settle();
    await worker(0).settle();
    expect([...account.handled, ...worker(0).ports]).toContain(99);
  });

  test("loses the oldest of its packets with drop-oldest", async () => {
    const { account, sendFrom } = setUp({ options: { maxQueue: 3, overflow: "drop-oldest" } });
    await sendFrom("10.0.0.1", 1, 2, 3);
    await sendFrom("10.0.0.2", 99);
    expect(account.droppedPorts).toEqual([1]);
  });
});

describe("a worker that doesn't start", () => {
  test("fails the start without retries if it is the first, and packets are dropped", async () => {
    const { workers, worker, send, account, started } = setUp();
    await send(1);
    worker(0).events.ended("exit code 1");
    expect(await started).toMatchObject({ code: "OSC_THREAD_FAILED", message: "A worker thread did not start: exit code 1." });
    await send(2);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(account.droppedPorts).toEqual([1, 2]);
    expect([workers.length, account.reports]).toEqual([1, []]);
  });

  test("is replaced with increasing delays; the first failure is reported, and a count after five", async () => {
    const { workers, worker, send, account, ready } = setUp();
    await ready(0);
    await send(1);
    await worker(0).settle();
    worker(0).events.ended("exit code 1");
    const [report] = account.reports.splice(0);
    expect(report?.message).toContain("while it was idle");
    await send(2);
    for (const wait of [100, 200, 400, 800]) {
      workers.at(-1)?.events.ended("exit code 1");
      const before = workers.length;
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(workers).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(2);
      expect(workers).toHaveLength(before + 1);
    }
    expect(account.dropped).toEqual([]);
    workers.at(-1)?.events.ended("exit code 1");
    expect(account.droppedPorts).toEqual([2]);
    expect(account.reports.map(({ message }) => message)).toEqual([
      "A worker thread did not start: exit code 1.",
      "A worker thread did not start: exit code 1. This has happened 5 times in a row.",
    ]);
    await send(3);
    expect(account.droppedPorts).toEqual([2, 3]);
    const tried = workers.length;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(workers).toHaveLength(tried);
    await send(4);
    expect(workers).toHaveLength(tried);
    await vi.advanceTimersByTimeAsync(20);
    expect(workers).toHaveLength(tried + 1);
    workers.at(-1)?.ready();
    await settled();
    await workers.at(-1)?.settle();
    expect(account.handled).toEqual([1, 4]);
  });

  test("is also one that ends before its first packet", async () => {
    const { workers, worker, account, ready } = setUp();
    await ready(0);
    worker(0).events.ended("signal SIGKILL");
    expect(account.reports.map(({ message }) => message)).toEqual([expect.stringContaining("before it received a packet")]);
    await vi.advanceTimersByTimeAsync(99);
    expect(workers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(workers).toHaveLength(2);
  });

  test("is killed after startTimeout", async () => {
    const { worker, started } = setUp();
    await vi.advanceTimersByTimeAsync(5001);
    expect(worker(0).killed).toBe(true);
    expect((await started)?.message).toContain("startTimeout (5000 ms)");
  });

  test("may fail on creation", async () => {
    const { workers, worker, send, refuseToStart, account, ready } = setUp({ kind: { max: 2 } });
    await ready(0);
    refuseToStart(new Error("no memory"));
    await send(1, 2);
    await vi.advanceTimersByTimeAsync(50);
    expect(workers).toHaveLength(1);
    expect(account.reports.map(({ code }) => code)).toEqual(["OSC_THREAD_FAILED"]);
    // The one that is there does the work.
    await worker(0).settle();
    await worker(0).settle();
    expect(account.handled).toEqual([1, 2]);
  });
});

describe("closing", () => {
  test("drops queued packets, waits for those in progress, and retires idle workers", async () => {
    const { pool, worker, send, account, ready } = setUp({ kind: two });
    await ready(0, 1);
    await send(1);
    const busy = worker(0).given.length === 1 ? worker(0) : worker(1);
    const idle = busy === worker(0) ? worker(1) : worker(0);
    const closed = pool.close(500);
    await send(2);
    expect(account.dropped).toMatchObject([{ limit: "close" }]);
    expect([idle.retired, busy.retired]).toEqual([true, false]);
    idle.events.ended("exit code 0");
    await busy.settle();
    expect(busy.retired).toBe(true);
    busy.events.ended("exit code 0");
    await closed;
    expect([account.handled.length, account.dropped.length, account.reports]).toEqual([1, 1, []]);
  });

  test("kills workers that don't end in time, and doesn't wait forever", async () => {
    const { pool, worker, send, account, ready } = setUp();
    await ready(0);
    await send(1);
    const closed = pool.close(500);
    await vi.advanceTimersByTimeAsync(501);
    expect(worker(0).killed).toBe(true);
    expect(account.dropped).toMatchObject([{ limit: "closeTimeout" }]);
    await vi.advanceTimersByTimeAsync(2001);
    await closed;
  });

  test("kills workers that are starting", async () => {
    const { pool, worker } = setUp();
    const closed = pool.close(500);
    expect(worker(0).killed).toBe(true);
    worker(0).events.ended("signal SIGKILL");
    await closed;
  });
});

test("passes on a handler's shutdown request", () => {
  const { worker, account } = setUp();
  worker(0).say(encodeRecord(SHUTDOWN, 0));
  expect(account.shutdowns).toBe(1);
});
