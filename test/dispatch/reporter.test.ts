import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type OscDecodeError, OscDroppedError, type OscError, OscFrameError, OscRejectedError } from "../../src/errors.ts";
import { decodeError } from "../../src/codec/decode-error.ts";
import { handlePacket } from "../../src/dispatch/execute.ts";
import { Reporter } from "../../src/dispatch/reporter.ts";
import type { PacketRejected } from "../../src/packet-result.ts";
import { leaveOutStackTraces } from "../../src/stack-traces.ts";

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
  expect(told.slice(4)).toEqual(["7 more errors of the kind OSC_REJECTED malformed were only counted."]);
  reporter.report(malformed());
  expect(told.slice(5)).toEqual(["bad"]);
  reporter.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("the error of a refusal is made only where it is told, and counts among its kind", () => {
  const told: string[] = [];
  let made = 0;
  const reporter = new Reporter((error) => told.push(error.message), 2);
  reporter.report(malformed());
  for (let i = 0; i < 1000; i += 1) {
    reporter.reportRejection("malformed", () => {
      made += 1;
      return new OscRejectedError("malformed", "made");
    });
  }
  expect([made, told]).toEqual([1, ["bad", "made"]]);
  reporter.close();
  expect(told[2]).toMatch(/^999 more errors of the kind OSC_REJECTED malformed /);
});

/** Where nothing is sent to, and nothing reported. */
const nowhere = {
  clientAddress: { address: "127.0.0.1", port: 9, family: "IPv4" },
  reply: () => undefined,
  error: () => undefined,
  shutdown: () => undefined,
} as const;

test("what is only reported carries no stack trace, and others keep theirs", () => {
  const errors = [malformed(), new OscDroppedError("maxQueue", "full"), new OscFrameError("OSC_FRAME_BAD_SIZE", "bad", 0, true)];
  for (const error of errors) expect(error.stack).not.toContain("\n");
  expect(leaveOutStackTraces(true)).toBe(false);
  const fault = decodeError("OSC_TRUNCATED", "short", 0);
  expect(leaveOutStackTraces(false)).toBe(true);
  expect(fault.stack).not.toContain("\n");
  const refused = handlePacket({ match: () => [] }, Uint8Array.of(1), { ...nowhere, asOf: Infinity, mode: "sync" });
  const { cause } = (refused as PacketRejected).explain();
  expect((cause as OscDecodeError).stack).not.toContain("\n");
  expect(decodeError("OSC_TRUNCATED", "short", 0).stack).toContain("reporter.test.ts");
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

test("prints what a listener throws, with the error it was called with and the listener's own frames", () => {
  const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const reporter = new Reporter(() => {
    throw new Error("listener is broken");
  }, 5);
  reporter.report(malformed(), { address: "10.0.0.1", port: 5, family: "IPv4" });
  expect(lines.mock.calls.map((call) => call.join(" "))).toEqual([
    "oscine: from 10.0.0.1:5: bad [OSC_REJECTED]",
    expect.stringMatching(/^oscine: onError failed: Error: listener is broken\n {4}at .*reporter\.test\.ts:\d+:\d+\)?$/),
  ]);
});
