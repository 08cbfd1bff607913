import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OscDroppedError, type OscError, OscRejectedError } from "../../src/errors.ts";
import { Reporter } from "../../src/server/reporter.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const malformed = (): OscError => new OscRejectedError("malformed", "bad");

test("so many errors of a kind within a second; the number of the others follows", () => {
  const told: string[] = [];
  const reporter = new Reporter((error) => told.push(error.message), 3);
  for (let i = 0; i < 10; i += 1) reporter.report(malformed());
  reporter.report(new OscRejectedError("empty", "other kind"));
  expect(told).toEqual(["bad", "bad", "bad", "other kind"]);
  vi.advanceTimersByTime(1000);
  expect(told.slice(4)).toEqual(["7 more errors of the kind OSC_REJECTED malformed were counted and not reported one by one."]);
  reporter.report(malformed());
  expect(told.slice(5)).toEqual(["bad"]);
  reporter.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("slow errors are all reported, and leave no timer", () => {
  let told = 0;
  const reporter = new Reporter(() => (told += 1), 1);
  for (let i = 0; i < 5; i += 1) {
    reporter.report(malformed());
    vi.advanceTimersByTime(1000);
  }
  expect(told).toBe(5);
  expect(vi.getTimerCount()).toBe(0);
});

test("closing tells what was held back", () => {
  const told: OscError[] = [];
  const reporter = new Reporter((error) => told.push(error), 1);
  reporter.report(new OscDroppedError("maxQueue", "full"));
  reporter.report(new OscDroppedError("maxQueue", "full"));
  reporter.close();
  expect(told.map((error) => error.code)).toEqual(["OSC_DROPPED", "OSC_SUPPRESSED"]);
});

test("a listener that throws is shown, with the error it was told", () => {
  const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const reporter = new Reporter(() => {
    throw new Error("listener is broken");
  }, 5);
  reporter.report(malformed(), { address: "10.0.0.1", port: 5, family: "IPv4" });
  expect(lines.mock.calls.map((call) => call.join(" "))).toEqual([
    "oscine: from 10.0.0.1:5: bad [OSC_REJECTED]",
    "oscine: onError itself failed: Error: listener is broken",
  ]);
});
