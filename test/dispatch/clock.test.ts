import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock, wallClockOffset } from "../../src/dispatch/clock.ts";
import type { Clock } from "../../src/dispatch/clock.ts";
import { Scheduler } from "../../src/dispatch/scheduler.ts";
import { ManualClock } from "./manual-clock.ts";

test("the system's wall clock agrees with Date.now(), and has a fraction", () => {
  const readings = Array.from({ length: 100 }, () => {
    const before = Date.now();
    const wall = systemClock.wallNow();
    return { before, wall, after: Date.now() };
  });
  for (const { before, wall, after } of readings) {
    expect(wall).toBeGreaterThanOrEqual(before);
    expect(wall).toBeLessThan(after + 1);
  }
  expect(readings.some(({ wall }) => !Number.isInteger(wall))).toBe(true);
});

test("a cleared system timer does not fire", async () => {
  const fired: string[] = [];
  systemClock.clearTimer(systemClock.setTimer(() => fired.push("cleared"), 1));
  await new Promise<void>((resolve) => {
    systemClock.setTimer(() => {
      fired.push("kept");
      resolve();
    }, 5);
  });
  expect(fired).toEqual(["kept"]);
});

test("an item comes due on the system's clock, and not before its time", async () => {
  const at = Date.now() + 20;
  const came = await new Promise<number>((resolve) => {
    const scheduler = new Scheduler<null>({ onDue: () => resolve(Date.now()) });
    expect(scheduler.schedule(at, null)).toBe("scheduled");
  });
  expect(came).toBeGreaterThanOrEqual(at);
});

test("a scheduler in which something waits does not keep the process alive", () => {
  const scheduler = new URL("../../src/dispatch/scheduler.ts", import.meta.url);
  const program = `
    import { Scheduler } from ${JSON.stringify(scheduler.href)};
    new Scheduler({ onDue() {} }).schedule(Date.now() + 300_000, "later");
  `;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  // Would time out, and so throw, if it did.
  execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], { cwd: root, timeout: 30_000 });
});

test("reads the offset between the clocks again if the thread was paused in between", () => {
  const manual = new ManualClock(1_000_000);
  let readings = 0;
  const pausing: Clock = {
    wallNow: () => {
      readings += 1;
      // The first two times the thread stands still for 7 ms right before the wall clock is read.
      if (readings <= 2) manual.advance(7);
      return manual.wallNow();
    },
    monotonicNow: () => manual.monotonicNow(),
    setTimer: () => null,
    clearTimer: () => undefined,
  };
  expect(wallClockOffset(pausing)).toBe(1_000_000 - 5_000);
  expect(readings).toBe(3);
});
