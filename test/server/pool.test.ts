import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OscDispatchError, type OscError, OscRejectedError } from "../../src/errors.ts";
import { HANDLED, type PacketResult, rejected } from "../../src/packet-result.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import type { ExecutorEvents, Packet } from "../../src/server/executor.ts";
import type { PoolPolicy, PoolWorker, PoolWorkerEvents } from "../../src/server/pool/pool-worker.ts";
import { WorkerPool } from "../../src/server/pool/worker-pool.ts";
import { RecordingPeer, THREAD_POLICY, limits, packetOf } from "./fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A worker that does what the test says. */
class FakeWorker implements PoolWorker {
  readonly events: PoolWorkerEvents;
  readonly given: { readonly id: number; readonly packet: Packet }[] = [];
  retired = false;
  killed = false;
  computes = false;

  constructor(events: PoolWorkerEvents) {
    this.events = events;
  }

  give(id: number, packet: Packet): void {
    this.given.push({ id, packet });
  }

  retire(): void {
    this.retired = true;
  }

  kill(): void {
    this.killed = true;
  }

  /** The end of the packet that it was given first of those that it has not settled. */
  settle(outcome: OscRejectedError | null = null, took?: number): void {
    const next = this.given.shift();
    if (next === undefined) throw new Error("It has no packet.");
    this.events.settle(next.id, resultOf(outcome), took);
  }
}

function resultOf(error: OscRejectedError | null): PacketResult {
  return error === null ? HANDLED : rejected(error.reason, () => error);
}

class Events implements ExecutorEvents {
  readonly settled: (OscRejectedError | null)[] = [];
  readonly dropped: OscError[] = [];
  readonly replies: string[] = [];
  readonly reports: string[] = [];
  shutdowns = 0;

  end(_packet: Packet, result: PacketResult): void {
    if (result.kind === "dropped") this.dropped.push(result.error);
    else this.settled.push(result.kind === "rejected" ? result.explain() : null);
  }
  reply(packet: Packet, data: Uint8Array): void {
    this.replies.push(`${packet.peer.address.port} ${data.length}`);
  }
  report(error: OscError, client?: { readonly port: number }): void {
    this.reports.push(client === undefined ? error.code : `${error.code} ${client.port}`);
  }
  shutdown(): void {
    this.shutdowns += 1;
  }
}

const POLICY: PoolPolicy = {
  ...THREAD_POLICY,
  max: 4,
  missing: ({ queued, starting, alive }) => Math.max(1 - alive, queued - starting),
  superfluous: ({ alive }) => alive - 1,
};

function setUp(policy: Partial<PoolPolicy> = {}, options: ServerOptions = {}) {
  const events = new Events();
  const workers: FakeWorker[] = [];
  let refusal: Error | null = null;
  const start = (workerEvents: PoolWorkerEvents): PoolWorker => {
    if (refusal !== null) throw refusal;
    const worker = new FakeWorker(workerEvents);
    workers.push(worker);
    return worker;
  };
  const pool = new WorkerPool({ ...POLICY, ...policy }, limits(options), events, start);
  const send = (port = 1): void => pool.execute(packetOf(new Uint8Array(4), new RecordingPeer(port)));
  return {
    pool,
    events,
    workers,
    send,
    worker: (index: number) => workers[index] as FakeWorker,
    refuseToStart: (error: Error) => {
      refusal = error;
    },
  };
}

/** A pool of so many workers, and how many of them were slow whenever it asked how many are missing. */
function watchSlow(wanted: number) {
  const seen: number[] = [];
  const missing: PoolPolicy["missing"] = ({ slow, alive }) => {
    seen.push(slow);
    return wanted - alive;
  };
  return { seen, ...setUp({ missing }) };
}

describe("workers", () => {
  test("are started ahead, and given what waited when they are ready", () => {
    const { workers, worker, send, events } = setUp();
    expect(workers).toHaveLength(1);
    send();
    expect(worker(0).given).toHaveLength(0);
    worker(0).events.ready();
    expect(worker(0).given).toHaveLength(1);
    worker(0).settle();
    expect(events.settled).toEqual([null]);
  });

  test("are added when packets have waited, not before, and never beyond the bound", () => {
    const { workers, worker, send } = setUp({ max: 3 });
    worker(0).events.ready();
    for (let count = 0; count < 6; count++) send();
    vi.advanceTimersByTime(9);
    expect(workers).toHaveLength(1);
    vi.advanceTimersByTime(2);
    expect(workers).toHaveLength(3);
    worker(1).events.ready();
    worker(2).events.ready();
    vi.advanceTimersByTime(100);
    expect(workers.map(({ given }) => given.length)).toEqual([1, 1, 1]);
    expect(workers).toHaveLength(3);
  });

  test("are counted as slow where a handler takes long", () => {
    const { seen, worker, send } = watchSlow(1);
    worker(0).events.ready();
    send();
    send();
    vi.advanceTimersByTime(10);
    expect(seen.at(-1)).toBe(1);
  });

  test("are not counted as slow while they compute, but for long", () => {
    const { seen, worker, send } = watchSlow(1);
    worker(0).events.ready();
    worker(0).computes = true;
    send();
    send();
    vi.advanceTimersByTime(150);
    expect(new Set(seen)).toEqual(new Set([0]));
    vi.advanceTimersByTime(100);
    expect(seen.at(-1)).toBe(1);
  });

  test("are taken to be as quick as others as long as they have handled nothing", () => {
    const { seen, worker, send } = watchSlow(2);
    worker(0).events.ready();
    worker(1).events.ready();
    send();
    worker(1).settle(null, 0.01);
    send();
    send();
    send();
    vi.advanceTimersByTime(15);
    expect(seen.at(-1)).toBe(0);
    vi.advanceTimersByTime(15);
    expect(seen.at(-1)).toBe(2);
  });

  test("end when they have been idle for long, those that are needed excepted", () => {
    const { workers, worker, send } = setUp({ max: 3 });
    worker(0).events.ready();
    for (let count = 0; count < 3; count++) send();
    vi.advanceTimersByTime(11);
    worker(1).events.ready();
    worker(2).events.ready();
    for (const one of workers) one.settle();
    vi.advanceTimersByTime(9000);
    // The one that was idle last is used first.
    send();
    expect(workers.findIndex(({ given }) => given.length === 1)).toBe(2);
    worker(2).settle();
    vi.advanceTimersByTime(1500);
    expect(workers.map(({ retired }) => retired)).toEqual([true, true, false]);
    vi.advanceTimersByTime(60_000);
    expect(worker(2).retired).toBe(false);
  });

  test("end after as many packets as they may handle, and are killed if they do not end", () => {
    const { worker, workers, send } = setUp({ packetsInAll: 2 });
    worker(0).events.ready();
    send();
    worker(0).settle();
    send();
    worker(0).settle();
    expect(worker(0).retired).toBe(true);
    expect(workers).toHaveLength(2);
    vi.advanceTimersByTime(2001);
    expect(worker(0).killed).toBe(true);
  });

  test("may have several packets, spread over those that have room", () => {
    const { workers, worker, send } = setUp({ packetsAtOnce: 2, max: 2, missing: ({ alive }) => 2 - alive });
    worker(0).events.ready();
    worker(1).events.ready();
    for (let count = 0; count < 5; count++) send(count);
    expect(workers.map(({ given }) => given.length)).toEqual([2, 2]);
    worker(0).settle();
    expect(worker(0).given.at(-1)?.packet.peer.address.port).toBe(4);
  });
});

describe("a packet", () => {
  test("brings replies, reports and its outcome, and nothing after that", () => {
    const { worker, send, events } = setUp();
    worker(0).events.ready();
    send(7);
    const { id } = worker(0).given[0]!;
    worker(0).events.reply(id, new Uint8Array(8));
    worker(0).events.report(id, new OscDispatchError("OSC_HANDLER_FAILED", "on purpose", "/"));
    const refusal = new OscRejectedError("unverified", "on purpose");
    worker(0).settle(refusal);
    worker(0).events.reply(id, new Uint8Array(8));
    worker(0).events.settle(id, HANDLED);
    expect(events.replies).toEqual(["7 8"]);
    expect(events.reports).toEqual(["OSC_HANDLER_FAILED 7"]);
    expect(events.settled).toEqual([refusal]);
  });

  test("is dropped when its worker ends, and another worker takes the next", () => {
    const { workers, worker, send, events } = setUp();
    worker(0).events.ready();
    send();
    send();
    worker(0).events.ended("exit code 3");
    expect(events.dropped).toHaveLength(1);
    expect(events.dropped[0]?.message).toContain("exit code 3");
    expect(workers).toHaveLength(2);
    worker(1).events.ready();
    worker(1).settle();
    expect(events.settled).toHaveLength(1);
  });

  test("is dropped when its time is over; the worker is killed, and takes its place until it has ended", () => {
    const { workers, worker, send, events } = setUp({ max: 1 });
    worker(0).events.ready();
    send();
    send();
    vi.advanceTimersByTime(1001);
    expect(worker(0).killed).toBe(true);
    expect(events.dropped.map(({ message }) => message)).toEqual([expect.stringContaining("threadTimeout (1000 ms)")]);
    expect(workers).toHaveLength(1);
    worker(0).settle();
    worker(0).events.ended("killed");
    expect(workers).toHaveLength(2);
    worker(1).events.ready();
    worker(1).settle();
    expect([events.settled.length, events.dropped.length]).toEqual([1, 1]);
  });

  test("is dropped by the bound of the queue", () => {
    const { send, events } = setUp({}, { maxQueue: 2 });
    for (let count = 0; count < 3; count++) send();
    expect(events.dropped).toMatchObject([{ code: "OSC_DROPPED", limit: "maxQueue" }]);
  });
});

describe("a worker that does not start", () => {
  test("is replaced later and later; after five failures packets are dropped, and a start is tried for packets only", () => {
    const { workers, send, events } = setUp();
    send();
    for (const wait of [100, 200, 400, 800]) {
      workers.at(-1)?.events.ended("exit code 1");
      const before = workers.length;
      vi.advanceTimersByTime(wait - 1);
      expect(workers).toHaveLength(before);
      vi.advanceTimersByTime(2);
      expect(workers).toHaveLength(before + 1);
    }
    expect(events.dropped).toEqual([]);
    workers.at(-1)?.events.ended("exit code 1");
    expect(events.dropped).toHaveLength(1);
    expect(events.reports).toHaveLength(5);
    send();
    expect(events.dropped).toHaveLength(2);
    vi.advanceTimersByTime(3_600_000);
    expect(workers).toHaveLength(5);
    send();
    expect(workers).toHaveLength(6);
    workers.at(-1)?.events.ready();
    workers.at(-1)?.settle();
    expect(events.settled).toHaveLength(1);
  });

  test("counts as such where it ends before its first packet", () => {
    const { workers, worker, events } = setUp();
    worker(0).events.ready();
    worker(0).events.ended("signal SIGKILL");
    expect(events.reports).toEqual(["OSC_THREAD_FAILED"]);
    vi.advanceTimersByTime(99);
    expect(workers).toHaveLength(1);
    vi.advanceTimersByTime(2);
    expect(workers).toHaveLength(2);
  });

  test("is killed after startTimeout", () => {
    const { worker, events } = setUp();
    vi.advanceTimersByTime(5001);
    expect(worker(0).killed).toBe(true);
    expect(events.reports).toEqual(["OSC_THREAD_FAILED"]);
  });

  test("may not even be made", () => {
    const { workers, worker, send, refuseToStart, events } = setUp({ max: 2 });
    worker(0).events.ready();
    refuseToStart(new Error("no memory"));
    send();
    send();
    vi.advanceTimersByTime(50);
    expect(workers).toHaveLength(1);
    expect(events.reports).toEqual(["OSC_THREAD_FAILED"]);
    // The one that is there does the work.
    worker(0).settle();
    worker(0).settle();
    expect(events.settled).toHaveLength(2);
  });
});

describe("closing", () => {
  test("drops what waits, lets what has begun end, and retires the rest", async () => {
    const { pool, worker, send, events } = setUp({ max: 2, missing: ({ alive }) => 2 - alive });
    worker(0).events.ready();
    worker(1).events.ready();
    send();
    const busy = worker(0).given.length === 1 ? worker(0) : worker(1);
    const idle = busy === worker(0) ? worker(1) : worker(0);
    const closed = pool.close(500);
    send();
    expect(events.dropped).toMatchObject([{ limit: "close" }]);
    expect([idle.retired, busy.retired]).toEqual([true, false]);
    idle.events.ended("exit code 0");
    busy.settle();
    expect(busy.retired).toBe(true);
    busy.events.ended("exit code 0");
    await closed;
    expect([events.settled.length, events.dropped.length, events.reports]).toEqual([1, 1, []]);
  });

  test("kills what has not ended in time, and does not wait for ever", async () => {
    const { pool, worker, send, events } = setUp();
    worker(0).events.ready();
    send();
    const closed = pool.close(500);
    await vi.advanceTimersByTimeAsync(501);
    expect(worker(0).killed).toBe(true);
    expect(events.dropped).toMatchObject([{ limit: "closeTimeout" }]);
    await vi.advanceTimersByTimeAsync(2001);
    await closed;
  });

  test("kills those that are starting", async () => {
    const { pool, worker } = setUp();
    const closed = pool.close(500);
    expect(worker(0).killed).toBe(true);
    worker(0).events.ended("signal SIGKILL");
    await closed;
  });
});

test("a handler's wish to end the server is passed on", () => {
  const { worker, events } = setUp();
  worker(0).events.shutdown();
  expect(events.shutdowns).toBe(1);
});
