import { expect, test } from "vitest";
import { RateLimiter, type Rates } from "../../src/server/admission.ts";

interface Limited {
  readonly rates: RateLimiter;
  readonly pass: (milliseconds: number) => void;
  /** How many of so many packets may pass. */
  readonly allowed: (source: string, tries: number) => number;
}

/** A limiter under a clock that is turned by hand. */
function limiter(rates: Partial<Rates>): Limited {
  let now = 1000;
  const made = new RateLimiter({ maxRate: 10, maxBurst: 10, maxSources: 4, ...rates }, () => now);
  return {
    rates: made,
    pass: (milliseconds) => void (now += milliseconds),
    allowed: (source, tries) => Array.from({ length: tries }, () => made.allows(source)).filter(Boolean).length,
  };
}

test("a burst, then the rate, then a burst again after a pause", () => {
  const { allowed, pass } = limiter({ maxRate: 10, maxBurst: 3 });
  expect(allowed("a", 10)).toBe(3);
  pass(100);
  expect(allowed("a", 10)).toBe(1);
  pass(99);
  expect(allowed("a", 10)).toBe(0);
  pass(1);
  expect(allowed("a", 10)).toBe(1);
  pass(60_000);
  expect(allowed("a", 10)).toBe(3);
});

test("in the long run it is the rate, however much is tried", () => {
  const { allowed, pass } = limiter({ maxRate: 50, maxBurst: 5 });
  let total = 0;
  for (let millisecond = 0; millisecond < 10_000; millisecond++) {
    total += allowed("a", 3);
    pass(1);
  }
  expect(total).toBeGreaterThanOrEqual(500);
  expect(total).toBeLessThanOrEqual(505);
});

test("sources are told apart", () => {
  const { allowed } = limiter({ maxBurst: 2 });
  expect([allowed("a", 5), allowed("b", 5), allowed("a", 5)]).toEqual([2, 2, 0]);
});

test("no more sources are remembered than maxSources; those beyond share one rate, and those known keep theirs", () => {
  const { rates, allowed } = limiter({ maxBurst: 2, maxSources: 4 });
  for (const source of ["a", "b", "c", "d"]) expect(allowed(source, 1)).toBe(1);
  let others = 0;
  for (let made = 0; made < 1000; made++) others += allowed(`made up ${made}`, 1);
  expect(others).toBe(2);
  expect(rates.size).toBe(5);
  expect(allowed("a", 5)).toBe(1);
});

test("those that were silent are forgotten when there is need, and none that would gain by it", () => {
  const { rates, allowed, pass } = limiter({ maxRate: 10, maxBurst: 5, maxSources: 2 });
  allowed("busy", 5);
  allowed("silent", 1);
  pass(200);
  expect(allowed("new", 9)).toBe(5);
  expect(allowed("busy", 9)).toBe(2);
  expect(rates.size).toBe(2);
});
