import { expect, test } from "vitest";
import { InFlightLimit, type InFlightWaiter } from "../../src/transport/flow-control.ts";

/** Takes room for packets of one size, and notes each in its name when it has some. */
function taker(limit: InFlightLimit, name: string, taken: string[], size = 1): InFlightWaiter & { take(): boolean } {
  const waiter = {
    take: (): boolean => {
      const now = limit.take(size, waiter);
      if (now) taken.push(name);
      return now;
    },
    roomTaken: (): void => {
      taken.push(name);
    },
  };
  return waiter;
}

test("limits packets and bytes, and gives out room again that was given back", () => {
  const limit = new InFlightLimit(3, 100);
  const taken: string[] = [];
  const small = taker(limit, "small", taken, 10);
  const large = taker(limit, "large", taken, 90);
  expect([small.take(), large.take(), small.take()]).toEqual([true, true, false]);
  limit.give(90);
  expect(taken).toEqual(["small", "large", "small"]);
  expect(small.take()).toBe(true);
  expect(small.take()).toBe(false);
});

test("lets one packet pass alone, however large", () => {
  const limit = new InFlightLimit(3, 100);
  const taken: string[] = [];
  expect(taker(limit, "huge", taken, 1000).take()).toBe(true);
  expect(taker(limit, "other", taken, 1).take()).toBe(false);
  limit.give(1000);
  expect(taken).toEqual(["huge", "other"]);
});

test("gives room to waiters in their order, and to nobody before them", () => {
  const limit = new InFlightLimit(2, 100);
  const taken: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => taker(limit, name, taken)) as [
    ReturnType<typeof taker>,
    ReturnType<typeof taker>,
    ReturnType<typeof taker>,
  ];
  expect([a.take(), a.take(), a.take(), b.take(), c.take(), b.take()]).toEqual([true, true, false, false, false, false]);
  for (let round = 0; round < 3; round += 1) limit.give(1);
  expect(taken).toEqual(["a", "a", "a", "b", "c"]);
});

test("doesn't let small packets overtake a large one forever", () => {
  const limit = new InFlightLimit(100, 100);
  const taken: string[] = [];
  const small = taker(limit, "small", taken, 10);
  const large = taker(limit, "large", taken, 95);
  for (let count = 0; count < 10; count += 1) small.take();
  expect([large.take(), small.take()]).toEqual([false, false]);
  for (let round = 0; round < 9; round += 1) limit.give(10);
  expect(taken).not.toContain("large");
  limit.give(10);
  expect(taken.slice(10)).toEqual(["large"]);
  limit.give(95);
  expect(taken.slice(10)).toEqual(["large", "small"]);
});

test("keeps the stack flat if waiters give their room back at once", () => {
  const limit = new InFlightLimit(1, 100);
  let served = 0;
  const blocker = { roomTaken: (): void => undefined };
  expect(limit.take(1, blocker)).toBe(true);
  for (let count = 0; count < 50_000; count += 1) {
    const waiter = {
      roomTaken: (): void => {
        served += 1;
        limit.give(1);
      },
    };
    expect(limit.take(1, waiter)).toBe(false);
  }
  limit.give(1);
  expect(served).toBe(50_000);
  expect(limit.take(1, blocker)).toBe(true);
});

test("ends the waiting of one that is forced in", () => {
  const limit = new InFlightLimit(1, 100);
  const taken: string[] = [];
  const first = taker(limit, "first", taken);
  const second = taker(limit, "second", taken);
  expect([first.take(), second.take()]).toEqual([true, false]);
  limit.force(1, second);
  limit.give(1);
  limit.give(1);
  expect(taken).toEqual(["first"]);
  expect(first.take()).toBe(true);
});
