import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { OscError } from "../../src/errors.ts";
import { HANDLED, type PacketResult } from "../../src/packet-result.ts";
import type { PacketsAhead, PoolPolicy, PoolWorker, PoolWorkerEvents } from "../../src/server/pool/pool-worker.ts";
import { WorkerPool } from "../../src/server/pool/worker-pool.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import type { ExecutorEvents, Packet } from "../../src/server/executor.ts";
import { RecordingPeer, THREAD_POLICY, limits, packetOf } from "./fixtures.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A worker that takes packets ahead: it begins with the first, and with the next when that is settled. */
class FakeThread implements PoolWorker, PacketsAhead {
  readonly ahead: PacketsAhead = this;
  readonly events: PoolWorkerEvents;
  given: { readonly id: number; readonly port: number }[] = [];
  /** What it will say when it is listened to. */
  readonly unsaid: (() => void)[] = [];
  isFull = false;
  killed = false;
  retired = false;

  constructor(events: PoolWorkerEvents) {
    this.events = events;
  }

  get ports(): number[] {
    return this.given.map(({ port }) => port);
  }

  give(id: number, packet: Packet): void {
    this.given.push({ id, port: packet.peer.address.port });
  }

  hasRoom(): boolean {
    return !this.isFull;
  }

  add(id: number, packet: Packet): number {
    this.give(id, packet);
    return id;
  }

  takeBack(place: number): boolean {
    const index = this.given.findIndex(({ id }) => id === place);
    if (index < 1) return false;
    this.given.splice(index, 1);
    return true;
  }

  listen(): void {
    for (const say of this.unsaid.splice(0)) say();
  }

  /** The end of the packet that it has begun. */
  settle(took = 0.01): void {
    const next = this.given.shift();
    if (next === undefined) throw new Error("It has no packet.");
    this.events.settle(next.id, HANDLED, took);
  }

  retire(): void {
    this.retired = true;
  }

  kill(): void {
    this.killed = true;
  }
}

const POLICY: PoolPolicy = {
  ...THREAD_POLICY,
  max: 2,
  missing: ({ alive }) => 2 - alive,
  superfluous: () => 0,
};

class Account implements ExecutorEvents {
  readonly handled: number[] = [];
  readonly dropped: string[] = [];
  readonly reports: string[] = [];
  get sorted(): number[] {
    return this.handled.toSorted((a, b) => a - b);
  }

  onSettled: (port: number) => void = () => undefined;

  end({ peer }: Packet, result: PacketResult): void {
    const { port } = peer.address;
    if (result.kind === "dropped") {
      const { error } = result;
      this.dropped.push(`${port} ${"limit" in error ? String(error.limit) : error.code}`);
    } else {
      this.handled.push(port);
      this.onSettled(port);
    }
  }
  reply(): void {
    // Not asked about here.
  }
  report(error: OscError): void {
    this.reports.push(error.code);
  }
  shutdown(): void {
    // Not asked about here.
  }
}

/** Two workers, of which `quick` has just shown how quick it is. */
function setUp(options: ServerOptions = {}, policy: Partial<PoolPolicy> = {}) {
  const account = new Account();
  const workers: FakeThread[] = [];
  const pool = new WorkerPool({ ...POLICY, ...policy }, limits(options), account, (events) => {
    const worker = new FakeThread(events);
    workers.push(worker);
    return worker;
  });
  const send = (...ports: number[]): void => {
    for (const port of ports) pool.execute(packetOf(new Uint8Array(4), new RecordingPeer(port)));
  };
  const [other, quick] = workers as [FakeThread, FakeThread];
  other.events.ready();
  quick.events.ready();
  send(0);
  quick.settle();
  account.handled.length = 0;
  return { account, workers, pool, send, quick, other };
}

describe("packets are handed ahead", () => {
  test("to a worker that is quick, in their order, though another has nothing to do", () => {
    const { account, send, quick, other } = setUp();
    send(1, 2, 3);
    expect([quick.ports, other.ports]).toEqual([[1, 2, 3], []]);
    for (let count = 0; count < 3; count++) quick.settle();
    expect(account).toMatchObject({ handled: [1, 2, 3], dropped: [], reports: [] });
  });

  test("not to one whose handlers took long", () => {
    const { send, quick, other } = setUp();
    send(1);
    quick.settle(5);
    send(2, 3, 4);
    expect([quick.ports, other.ports]).toEqual([[2], [3]]);
  });

  test("not to one that has been busy with one packet for longer than 1 ms", () => {
    const { send, quick, other } = setUp();
    send(1);
    vi.advanceTimersByTime(2);
    send(2);
    expect([quick.ports, other.ports]).toEqual([[1], [2]]);
  });

  test("only as many as will not wait for long", () => {
    const { send, quick, other } = setUp();
    send(1);
    quick.settle(0.11);
    // 0.06 ms for each, the first one among them.
    send(2, 3, 4, 5, 6);
    expect([quick.ports, other.ports]).toEqual([[2, 3, 4, 5], [6]]);
  });

  test("more where each processor has a worker already", () => {
    const { send, quick, other } = setUp({}, { processors: 1 });
    send(1);
    quick.settle(0.39);
    // 0.2 ms for each.
    send(2, 3, 4, 5, 6, 7, 8);
    expect([quick.ports, other.ports]).toEqual([[2, 3, 4, 5, 6, 7], [8]]);
  });

  test("only as long as there is room", () => {
    const { account, send, quick, other } = setUp();
    send(1);
    quick.isFull = true;
    send(2, 3);
    expect([quick.ports, other.ports]).toEqual([[1], [2]]);
    quick.isFull = false;
    quick.settle();
    expect(quick.ports).toEqual([3]);
    quick.settle();
    other.settle();
    expect(account.handled).toEqual([1, 3, 2]);
  });

  test("and are known to be handled when the worker is listened to, though nobody was woken", () => {
    const { account, send, quick, other } = setUp();
    send(1);
    quick.unsaid.push(() => quick.settle());
    vi.advanceTimersByTime(500);
    expect(account.handled).toEqual([]);
    send(2);
    expect(account.handled).toEqual([1]);
    expect([quick.ports, other.ports]).toEqual([[2], []]);
    quick.unsaid.push(() => quick.settle());
    vi.advanceTimersByTime(500);
    // It was done long before its time was over.
    expect([quick.killed, account.handled]).toEqual([false, [1, 2]]);
  });

  test("and given once, where the end of one brings the next", () => {
    const { account, send, quick, other } = setUp();
    let next = 10;
    account.onSettled = () => {
      if (next < 20) send(next++);
    };
    send(1, 2, 3);
    other.isFull = true;
    for (let turn = 0; turn < 40; turn++) {
      for (const worker of [quick, other]) if (worker.given.length > 0) worker.unsaid.push(() => worker.settle());
      send(100 + turn);
    }
    account.onSettled = () => undefined;
    for (const worker of [quick, other]) while (worker.given.length > 0) worker.settle();
    expect(account.sorted).toEqual([
      1,
      2,
      3,
      ...Array.from({ length: 10 }, (_, index) => 10 + index),
      ...Array.from({ length: 40 }, (_, index) => 100 + index),
    ]);
  });
});

describe("what was handed ahead", () => {
  test("behind one that turns out slow is handled by others within milliseconds, in its order", () => {
    const { account, send, quick, other } = setUp();
    send(1, 2, 3);
    vi.advanceTimersByTime(5);
    expect([quick.ports, other.ports]).toEqual([[1], [2]]);
    other.settle();
    other.settle();
    expect(account.handled).toEqual([2, 3]);
    quick.settle(5);
    expect(account).toMatchObject({ handled: [2, 3, 1], dropped: [] });
  });

  test("is not lost with its worker, and what that had begun is lost once", () => {
    const { account, send, quick, other, workers } = setUp();
    send(1, 2, 3);
    quick.events.ended("exit code 3");
    expect(account.dropped).toEqual(["1 OSC_THREAD_FAILED"]);
    expect(other.ports).toEqual([2]);
    expect(workers).toHaveLength(3);
    other.settle();
    other.settle();
    expect(account).toMatchObject({ handled: [2, 3], dropped: ["1 OSC_THREAD_FAILED"], reports: [] });
  });

  test("is not lost where a handler does not end in time", () => {
    const { account, send, quick, other } = setUp({}, { packetTimeout: 1 });
    send(1, 2);
    vi.advanceTimersByTime(1);
    expect(quick.killed).toBe(true);
    expect([account.dropped, other.ports]).toEqual([["1 OSC_THREAD_FAILED"], [2]]);
  });

  test("counts as waiting", () => {
    const { account, send, quick, other } = setUp({ maxQueue: 2 });
    send(1, 2, 3);
    expect(quick.ports).toEqual([1, 2, 3]);
    // No more may wait, but one has nothing to do.
    send(4);
    expect([other.ports, account.dropped]).toEqual([[4], []]);
    send(5);
    expect(account.dropped).toEqual(["5 maxQueue"]);
    quick.settle();
    send(6);
    expect(account.dropped).toEqual(["5 maxQueue"]);
    for (const worker of [quick, other]) while (worker.given.length > 0) worker.settle();
    expect(account.sorted).toEqual([1, 2, 3, 4, 6]);
  });

  test("is what is dropped where the oldest that waits is to be", () => {
    const { account, send, quick, other } = setUp({ maxQueue: 2, overflow: "drop-oldest" });
    other.isFull = true;
    send(1, 2, 3);
    expect(quick.ports).toEqual([1, 2, 3]);
    send(4);
    expect(other.ports).toEqual([4]);
    send(5);
    expect(account.dropped).toEqual(["2 maxQueue"]);
    for (const worker of [quick, other]) while (worker.given.length > 0) worker.settle();
    expect(account.sorted).toEqual([1, 3, 4, 5]);
  });

  test("is dropped when the server closes, and what has begun ends", async () => {
    const { account, pool, send, quick, other } = setUp();
    send(1, 2, 3);
    const closed = pool.close(500);
    expect(account.dropped).toEqual(["2 close", "3 close"]);
    expect([quick.retired, other.retired]).toEqual([false, true]);
    quick.settle();
    expect(quick.retired).toBe(true);
    for (const worker of [quick, other]) worker.events.ended("exit code 0");
    await closed;
    expect(account).toMatchObject({ handled: [1], reports: [] });
    expect(vi.getTimerCount()).toBe(0);
  });
});
