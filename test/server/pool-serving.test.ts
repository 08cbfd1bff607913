import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { packetOf } from "./fixtures.ts";
import { setUp, two } from "./pool-fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers();
  // Then it is known which hosts share a source.
  vi.spyOn(Math, "random").mockReturnValue(0);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a pool whose server doesn't serve", () => {
  test("starts no worker before the server listens", async () => {
    const { pool, workers, send, account } = setUp({ begun: false });
    await send(1);
    await pool.close(0);
    expect([workers, account.droppedPorts]).toEqual([[], [1]]);
  });

  test("queues packets, also after serving", async () => {
    const { pool, worker, send, account, ready } = setUp({ serving: false });
    await ready(0);
    await send(1);
    expect(worker(0).ports).toEqual([]);
    pool.resume();
    await worker(0).settle();
    pool.pause();
    await send(2);
    expect([worker(0).ports, account.handled]).toEqual([[], [1]]);
    pool.resume();
    expect(worker(0).ports).toEqual([2]);
  });

  test("serves one queued packet, and reports its start and end", async () => {
    const { pool, worker, send, changes, ready } = setUp({ serving: false });
    await ready(0);
    await send(1, 2);
    pool.serveOne();
    expect([worker(0).ports, changes]).toEqual([[1], ["begun"]]);
    pool.pause();
    await worker(0).settle();
    expect([worker(0).ports, changes]).toEqual([[], ["begun", "ended"]]);
  });

  test("serves the next packet, even if no worker is ready and the caller no longer waits for others", async () => {
    const { pool, worker, send, changes, ready } = setUp({ serving: false });
    pool.serveOne();
    await send(1, 2);
    expect(changes).toEqual(["begun"]);
    pool.pause();
    await ready(0);
    expect(worker(0).ports).toEqual([1]);
    await worker(0).settle();
    expect([worker(0).ports, changes]).toEqual([[], ["begun", "ended"]]);
  });

  test("serves the packet in another worker if the first ends before starting it", async () => {
    const { pool, worker, send, changes, ready } = setUp({ serving: false, kind: two });
    await ready(0, 1);
    await send(1);
    pool.serveOne();
    const [given, other] = worker(0).given.length > 0 ? [worker(0), worker(1)] : [worker(1), worker(0)];
    given.given = [];
    given.events.ended("exit code 3");
    expect(other.ports).toEqual([1]);
    await other.settle();
    expect(changes).toEqual(["begun", "ended"]);
  });

  test("serves the packet after a dropped one", async () => {
    const { pool, worker, send, changes, account, ready } = setUp({ serving: false, options: { maxQueueBytes: 10 } });
    await ready(0);
    pool.serveOne();
    pool.execute(packetOf(new Uint8Array(12)));
    expect([changes, account.dropped]).toMatchObject([[], [{ limit: "maxQueueBytes" }]]);
    await send(2);
    expect([worker(0).ports, changes]).toEqual([[2], ["begun"]]);
  });

  test("reports that no packet arrived in time", async () => {
    const { pool, worker, send, changes, ready } = setUp({ serving: false });
    await ready(0);
    pool.serveOne();
    pool.pause();
    await send(1);
    expect([worker(0).ports, changes]).toEqual([[], ["none"]]);
  });
});
