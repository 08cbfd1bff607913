import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Scheduler } from "../../src/dispatch/scheduler.ts";
import type { SchedulerLimits } from "../../src/dispatch/scheduler.ts";
import { ManualClock } from "./manual-clock.ts";

const HOUR = 3_600_000;

function setUp(limits: SchedulerLimits = {}) {
  const clock = new ManualClock();
  const start = clock.wallNow();
  /** What came due: the item, and how long after the start. */
  const due: [item: string, after: number][] = [];
  const scheduler = new Scheduler<string>({ clock, onDue: (item) => due.push([item, clock.monotonicNow() - 5_000]), ...limits });
  return { clock, start, due, scheduler };
}

describe("the time of items", () => {
  test("comes at the time asked for and not a millisecond before", () => {
    const { clock, start, due, scheduler } = setUp();
    expect(scheduler.schedule(start + 250, "a")).toBe("scheduled");
    clock.advance(249);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual([["a", 250]]);
    expect(scheduler.waiting).toBe(0);
    expect(clock.timers).toBe(0);
  });

  test("is passed to onDue as it was asked for", () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const scheduler = new Scheduler<null>({ clock, onDue: (_item, at) => times.push(at) });
    const at = clock.wallNow() + 10.25;
    scheduler.schedule(at, null);
    clock.advance(20);
    expect(times).toEqual([at]);
  });

  test("is rounded up if it has a fraction", () => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start + 9.25, "a");
    clock.advance(9);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual([["a", 10]]);
  });

  test("sets their order, however they were scheduled", () => {
    const { clock, start, due, scheduler } = setUp();
    for (const after of [30, 10, 20]) scheduler.schedule(start + after, String(after));
    clock.advance(100);
    expect(due).toEqual([
      ["10", 10],
      ["20", 20],
      ["30", 30],
    ]);
  });

  test("keeps the order of scheduling if it is the same", () => {
    const { clock, start, due, scheduler } = setUp();
    for (let index = 0; index < 100; index += 1) scheduler.schedule(start + 40, String(index));
    clock.advance(40);
    expect(due).toEqual(Array.from({ length: 100 }, (_, index) => [String(index), 40]));
  });

  test("keeps the order of scheduling if the clocks drift apart a little meanwhile", () => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start + 40, "first");
    clock.advance(10);
    clock.jump(0.4);
    scheduler.schedule(start + 40, "second");
    clock.jump(-0.7);
    scheduler.schedule(start + 40, "third");
    clock.advance(100);
    expect(due.map(([item]) => item)).toEqual(["first", "second", "third"]);
  });

  test("comes at once if it is past, but not before schedule has returned", () => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start - 500, "late");
    scheduler.schedule(-Infinity, "very late");
    expect(due).toEqual([]);
    clock.advance(0);
    expect(due).toEqual([
      ["late", 0],
      ["very late", 0],
    ]);
  });

  test("sorts them, equal ones in order of scheduling, each exactly at its time", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ wait: fc.nat(50), pause: fc.nat(8) }), { maxLength: 60 }), (plan) => {
        const { clock, start, due, scheduler } = setUp();
        let passed = 0;
        const expected = plan.map(({ wait, pause }, index) => {
          const at = passed + wait;
          expect(scheduler.schedule(start + at, String(index))).toBe("scheduled");
          clock.advance(pause);
          passed += pause;
          return [String(index), at] as const;
        });
        clock.advance(1_000);
        expect(due).toEqual(expected.toSorted((left, right) => left[1] - right[1]));
      }),
    );
  });
});

describe("one timer", () => {
  test("is enough, however many wait", () => {
    const { clock, start, due, scheduler } = setUp({ maxWaiting: 10_000 });
    for (let index = 0; index < 10_000; index += 1) {
      scheduler.schedule(start + 1 + ((index * 7_919) % 10_000), String(index));
      expect(clock.timers).toBe(1);
    }
    expect(scheduler.waiting).toBe(10_000);
    clock.advance(5_000);
    expect(scheduler.waiting).toBe(5_000);
    expect(clock.timers).toBe(1);
    clock.advance(5_000);
    expect(due.map(([, after]) => after)).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
    expect(clock.timers).toBe(0);
  });

  test("is set again only for what is due earlier than all that waits", () => {
    const { clock, start, scheduler } = setUp();
    scheduler.schedule(start + 100, "a");
    scheduler.schedule(start + 200, "b");
    scheduler.schedule(start + 50, "c");
    expect(clock.delays).toEqual([100, 50]);
  });

  test("calls nothing if it fires early, and is set again", () => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start + 100, "a");
    clock.advance(99);
    clock.fireEarly();
    expect(due).toEqual([]);
    expect(clock.delays).toEqual([100, 1]);
    clock.advance(1);
    expect(due).toEqual([["a", 100]]);
  });

  test("waits in stages for a time beyond what a timer can hold", () => {
    const month = 30 * 24 * HOUR;
    const { clock, start, due, scheduler } = setUp({ maxAhead: 2 * month });
    scheduler.schedule(start + month, "next month");
    expect(clock.delays).toEqual([2 ** 31 - 1]);
    clock.advance(month - 1);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual([["next month", month]]);
    expect(clock.delays).toEqual([2 ** 31 - 1, month - (2 ** 31 - 1)]);
  });
});

describe("a jump of the wall clock", () => {
  test.each([HOUR, -HOUR])("of %d ms does not move what waits", (jump) => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start + 1_000, "a");
    clock.advance(400);
    clock.jump(jump);
    clock.advance(599);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual([["a", 1_000]]);
  });

  test.each([HOUR, -HOUR])("of %d ms is followed by what comes after it", (jump) => {
    const { clock, start, due, scheduler } = setUp();
    scheduler.schedule(start + 1_000, "before");
    clock.jump(jump);
    expect(scheduler.schedule(clock.wallNow() + 200, "after")).toBe("scheduled");
    clock.advance(2_000);
    expect(due).toEqual([
      ["after", 200],
      ["before", 1_000],
    ]);
  });
});

describe("limits", () => {
  test("refuse the newest item if full, until one has come due", () => {
    const { clock, start, due, scheduler } = setUp({ maxWaiting: 2 });
    expect(scheduler.schedule(start + 1, "a")).toBe("scheduled");
    expect(scheduler.schedule(start + 2, "b")).toBe("scheduled");
    expect(scheduler.schedule(start, "c")).toBe("full");
    clock.advance(1);
    expect(scheduler.schedule(start + 3, "d")).toBe("scheduled");
    clock.advance(10);
    expect(due.map(([item]) => item)).toEqual(["a", "b", "d"]);
  });

  test("refuse what is further ahead than maxAhead, Infinity too", () => {
    const { start, scheduler } = setUp({ maxAhead: 5_000 });
    expect(scheduler.schedule(start + 5_001, "a")).toBe("too-far-ahead");
    expect(scheduler.schedule(Infinity, "b")).toBe("too-far-ahead");
    expect(scheduler.waiting).toBe(0);
    expect(scheduler.schedule(start + 5_000, "c")).toBe("scheduled");
  });

  test("default to 4,096 items and ten minutes", () => {
    const { start, scheduler } = setUp();
    expect(scheduler.schedule(start + 600_001, "a")).toBe("too-far-ahead");
    for (let index = 0; index < 4_096; index += 1) expect(scheduler.schedule(start + 600_000, "b")).toBe("scheduled");
    expect(scheduler.schedule(start + 1, "c")).toBe("full");
  });

  test.each([{ maxWaiting: 0 }, { maxWaiting: Number.NaN }, { maxAhead: -1 }])("throw for %o", (limits) => {
    expect(() => setUp(limits)).toThrow(
      expect.objectContaining({ code: "OSC_OPTION", message: expect.stringContaining(Object.keys(limits)[0]!) }),
    );
  });

  test("throws for the time NaN", () => {
    const { scheduler } = setUp();
    expect(() => scheduler.schedule(Number.NaN, "a")).toThrow(RangeError);
    expect(scheduler.waiting).toBe(0);
  });
});

describe("the room that senders share", () => {
  function setUpShared(limits: SchedulerLimits) {
    const dropped: string[] = [];
    const clock = new ManualClock();
    const due: string[] = [];
    const scheduler = new Scheduler<string>({ clock, onDue: (item) => due.push(item), onDrop: (item) => dropped.push(item), ...limits });
    const at = clock.wallNow() + 1000;
    const schedule = (item: string, sender: string, size = 0) => scheduler.schedule(at, item, { sender, size });
    return { clock, scheduler, schedule, due, dropped };
  }

  test("may be taken by one sender, until another one comes", () => {
    const { clock, scheduler, schedule, due, dropped } = setUpShared({ maxWaiting: 4 });
    for (const item of ["a1", "a2", "a3", "a4"]) expect(schedule(item, "a")).toBe("scheduled");
    expect(schedule("a5", "a")).toBe("full");
    expect(schedule("b1", "b")).toBe("scheduled");
    expect(schedule("b2", "b")).toBe("scheduled");
    // Now both hold the same.
    expect(schedule("b3", "b")).toBe("full");
    expect(schedule("a6", "a")).toBe("full");
    expect(dropped).toEqual(["a4", "a3"]);
    expect(scheduler.waiting).toBe(4);
    clock.advance(1000);
    expect(due).toEqual(["a1", "a2", "b1", "b2"]);
    expect(scheduler.waiting).toBe(0);
  });

  test("is shared by bytes too", () => {
    const { scheduler, schedule, dropped } = setUpShared({ maxWaiting: 100, maxWaitingBytes: 1000 });
    for (const item of ["a1", "a2"]) expect(schedule(item, "a", 500)).toBe("scheduled");
    expect(schedule("a3", "a", 1)).toBe("too-many-bytes");
    expect(schedule("b1", "b", 400)).toBe("scheduled");
    expect(dropped).toEqual(["a2"]);
    expect(scheduler.waitingBytes).toBe(900);
    expect(schedule("b2", "b", 200)).toBe("too-many-bytes");
    expect(schedule("c1", "c", 100)).toBe("scheduled");
    expect(dropped).toEqual(["a2"]);
    expect(scheduler.clear().toSorted()).toEqual(["a1", "b1", "c1"]);
    expect([scheduler.waiting, scheduler.waitingBytes]).toEqual([0, 0]);
  });

  test("is refused quickly to any number of senders that pretend to be others", () => {
    const { scheduler, schedule } = setUpShared({ maxWaiting: 4096 });
    for (let index = 0; index < 4096; index += 1) schedule("x", `sender ${index}`);
    const started = performance.now();
    for (let index = 0; index < 20_000; index += 1) schedule("y", `another ${index}`);
    // A search of 4,096 senders for each would take 80 million steps.
    expect(performance.now() - started).toBeLessThan(500);
    expect(scheduler.waiting).toBe(4096);
  });

  test("is given back when items come due, whatever was dropped before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ sender: fc.constantFrom("a", "b", "c"), after: fc.nat(20), size: fc.nat(40), advance: fc.nat(3) }), {
          maxLength: 200,
        }),
        (steps) => {
          const clock = new ManualClock();
          let waiting = new Map<number, number>();
          const forget = (item: number): void => void waiting.delete(item);
          const scheduler = new Scheduler<number>({ clock, onDue: forget, onDrop: forget, maxWaiting: 8, maxWaitingBytes: 100 });
          for (const [item, { sender, after, size, advance }] of steps.entries()) {
            if (scheduler.schedule(clock.wallNow() + after, item, { sender, size }) === "scheduled") waiting.set(item, size);
            clock.advance(advance);
            expect(scheduler.waiting).toBe(waiting.size);
            expect(scheduler.waitingBytes).toBe([...waiting.values()].reduce((sum, bytes) => sum + bytes, 0));
            expect(scheduler.waitingBytes).toBeLessThanOrEqual(100);
          }
          clock.advance(20);
          expect([scheduler.waiting, scheduler.waitingBytes, waiting.size]).toEqual([0, 0, 0]);
          waiting = new Map();
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("inside onDue", () => {
  function nested(onDue: (scheduler: Scheduler<string>, item: string, clock: ManualClock) => void) {
    const clock = new ManualClock();
    const seen: string[] = [];
    const scheduler: Scheduler<string> = new Scheduler<string>({
      clock,
      onDue: (item) => {
        seen.push(item);
        onDue(scheduler, item, clock);
      },
    });
    return { clock, seen, scheduler };
  }

  test("what is scheduled for later comes due later", () => {
    const { clock, seen, scheduler } = nested((scheduler, item, clock) => {
      if (item.length < 3) scheduler.schedule(clock.wallNow() + 10, `${item}+`);
    });
    scheduler.schedule(clock.wallNow() + 10, "a");
    clock.advance(10);
    expect(seen).toEqual(["a"]);
    clock.advance(10);
    expect(seen).toEqual(["a", "a+"]);
    expect(clock.timers).toBe(1);
    clock.advance(10);
    expect(seen).toEqual(["a", "a+", "a++"]);
  });

  test("what is scheduled for now or earlier comes due after all others, in a timer of its own", () => {
    const { clock, seen, scheduler } = nested((scheduler, item, clock) => {
      if (item === "a") scheduler.schedule(clock.wallNow() - 1_000, "new");
    });
    scheduler.schedule(clock.wallNow() + 10, "a");
    scheduler.schedule(clock.wallNow() + 10, "b");
    clock.advance(9);
    expect(clock.timers).toBe(1);
    clock.advance(1);
    expect(seen).toEqual(["a", "b", "new"]);
  });

  test("an item that always schedules itself for now does not hold the thread", () => {
    let turns = 0;
    const { clock, seen, scheduler } = nested((scheduler, item, clock) => {
      turns += 1;
      if (turns < 5) scheduler.schedule(clock.wallNow(), item);
    });
    scheduler.schedule(clock.wallNow(), "again");
    for (let turn = 1; turn <= 5; turn += 1) {
      clock.fireEarly();
      expect(seen).toHaveLength(turn);
    }
    expect(clock.timers).toBe(0);
  });

  test("clear stops it", () => {
    const { clock, seen, scheduler } = nested((scheduler, item) => {
      if (item === "a") expect(scheduler.clear()).toEqual(["b", "c"]);
    });
    for (const [index, item] of ["a", "b", "c"].entries()) scheduler.schedule(clock.wallNow() + 10 + Math.floor(index / 2), item);
    clock.advance(100);
    expect(seen).toEqual(["a"]);
    expect(clock.timers).toBe(0);
  });

  test("an error leaves through the timer and does not touch what waits", () => {
    const { clock, seen, scheduler } = nested((_scheduler, item) => {
      if (item === "a") throw new Error("thrown on purpose");
    });
    const start = clock.wallNow();
    scheduler.schedule(start + 10, "a");
    scheduler.schedule(start + 10, "b");
    scheduler.schedule(start + 20, "c");
    expect(() => clock.advance(10)).toThrow("thrown on purpose");
    expect(seen).toEqual(["a"]);
    expect(clock.timers).toBe(1);
    clock.advance(0);
    expect(seen).toEqual(["a", "b"]);
    clock.advance(10);
    expect(seen).toEqual(["a", "b", "c"]);
  });
});

test("nextAt is the earliest time", () => {
  const { clock, start, scheduler } = setUp();
  expect(scheduler.nextAt).toBeNull();
  scheduler.schedule(start + 20, "a");
  scheduler.schedule(start + 10, "b");
  expect(scheduler.nextAt).toBe(start + 10);
  clock.advance(10);
  expect(scheduler.nextAt).toBe(start + 20);
});

test("clear returns what waits in the order of its times, and leaves no timer", () => {
  const { clock, start, due, scheduler } = setUp();
  for (const [after, item] of [
    [30, "c"],
    [10, "a"],
    [30, "d"],
    [20, "b"],
  ] as const)
    scheduler.schedule(start + after, item);
  expect(scheduler.clear()).toEqual(["a", "b", "c", "d"]);
  expect(scheduler.waiting).toBe(0);
  expect(clock.timers).toBe(0);
  clock.advance(100);
  expect(due).toEqual([]);
  expect(scheduler.clear()).toEqual([]);
  scheduler.schedule(clock.wallNow() + 5, "again");
  clock.advance(5);
  expect(due).toEqual([["again", 105]]);
});
