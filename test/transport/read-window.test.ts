import { expect, test } from "vitest";
import { ReadWindow, type Waiter } from "../../src/transport/read-window.ts";

/** Takes room for packets of one size, and notes each in its name when it has some. */
function taker(window: ReadWindow, name: string, taken: string[], size = 1): Waiter & { take(): boolean } {
  const waiter = {
    take: (): boolean => {
      const now = window.take(size, waiter);
      if (now) taken.push(name);
      return now;
    },
    roomTaken: (): void => {
      taken.push(name);
    },
  };
  return waiter;
}

test("packets and bytes are both bounded, and what is given back can be taken again", () => {
  const window = new ReadWindow(3, 100);
  const taken: string[] = [];
  const small = taker(window, "small", taken, 10);
  const large = taker(window, "large", taken, 90);
  expect([small.take(), large.take(), small.take()]).toEqual([true, true, false]);
  window.give(90);
  expect(taken).toEqual(["small", "large", "small"]);
  expect(small.take()).toBe(true);
  expect(small.take()).toBe(false);
});

test("one packet passes alone, however large", () => {
  const window = new ReadWindow(3, 100);
  const taken: string[] = [];
  expect(taker(window, "huge", taken, 1000).take()).toBe(true);
  expect(taker(window, "other", taken, 1).take()).toBe(false);
  window.give(1000);
  expect(taken).toEqual(["huge", "other"]);
});

test("room goes to those who wait in the order in which they came, and nobody goes before them", () => {
  const window = new ReadWindow(2, 100);
  const taken: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => taker(window, name, taken)) as [
    ReturnType<typeof taker>,
    ReturnType<typeof taker>,
    ReturnType<typeof taker>,
  ];
  expect([a.take(), a.take(), a.take(), b.take(), c.take(), b.take()]).toEqual([true, true, false, false, false, false]);
  for (let round = 0; round < 3; round += 1) window.give(1);
  expect(taken).toEqual(["a", "a", "a", "b", "c"]);
});

test("a large packet is not overtaken for ever by small ones", () => {
  const window = new ReadWindow(100, 100);
  const taken: string[] = [];
  const small = taker(window, "small", taken, 10);
  const large = taker(window, "large", taken, 95);
  for (let count = 0; count < 10; count += 1) small.take();
  expect([large.take(), small.take()]).toEqual([false, false]);
  for (let round = 0; round < 9; round += 1) window.give(10);
  expect(taken).not.toContain("large");
  window.give(10);
  expect(taken.slice(10)).toEqual(["large"]);
  window.give(95);
  expect(taken.slice(10)).toEqual(["large", "small"]);
});

test("a waiter that gives its room back at once does not deepen the stack, however many wait", () => {
  const window = new ReadWindow(1, 100);
  let served = 0;
  const blocker = { roomTaken: (): void => undefined };
  expect(window.take(1, blocker)).toBe(true);
  for (let count = 0; count < 50_000; count += 1) {
    const waiter = {
      roomTaken: (): void => {
        served += 1;
        window.give(1);
      },
    };
    expect(window.take(1, waiter)).toBe(false);
  }
  window.give(1);
  expect(served).toBe(50_000);
  expect(window.take(1, blocker)).toBe(true);
});

test("one that is forced in waits no longer", () => {
  const window = new ReadWindow(1, 100);
  const taken: string[] = [];
  const first = taker(window, "first", taken);
  const second = taker(window, "second", taken);
  expect([first.take(), second.take()]).toEqual([true, false]);
  window.force(1, second);
  window.give(1);
  window.give(1);
  expect(taken).toEqual(["first"]);
  expect(first.take()).toBe(true);
});
