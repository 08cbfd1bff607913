import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type OscDecodeError, OscDroppedError, OscError, OscFrameError, OscRejectedError } from "../../src/errors.ts";
import { decodeError } from "../../src/codec/reading.ts";
import { type PacketContext, handlePacket } from "../../src/dispatch/execute.ts";
import { Reporter, reportToConsole } from "../../src/dispatch/reporter.ts";
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

test("reports a limited number of errors of a kind per second, then the number of the others", () => {
  const told: string[] = [];
  const reporter = new Reporter((error) => told.push(error.message), 3);
  for (let i = 0; i < 10; i += 1) reporter.report(malformed());
  reporter.report(new OscRejectedError("empty", "other kind"));
  expect(told).toEqual(["bad", "bad", "bad", "other kind"]);
  vi.advanceTimersByTime(1000);
  expect(told.slice(4)).toEqual(["7 more errors of the kind OSC_REJECTED malformed were suppressed."]);
  reporter.report(malformed());
  expect(told.slice(5)).toEqual(["bad"]);
  reporter.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("makes the error of a rejection only if it is reported, and counts it among its kind", () => {
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
const nowhere: PacketContext = {
  handling: { mode: "sync", shutdown: () => undefined },
  clientAddress: { address: "127.0.0.1", port: 9, family: "IPv4" },
  asOf: Infinity,
  reply: () => undefined,
  error: () => undefined,
};

test("leaves out the stack trace of errors that are only reported", () => {
  const errors = [malformed(), new OscDroppedError("maxQueue", "full"), new OscFrameError("OSC_FRAME_BAD_SIZE", "bad", 0, true)];
  for (const error of errors) expect(error.stack).not.toContain("\n");
  expect(leaveOutStackTraces(true)).toBe(false);
  const fault = decodeError("OSC_TRUNCATED", "short", 0);
  expect(leaveOutStackTraces(false)).toBe(true);
  expect(fault.stack).not.toContain("\n");
  const refused = handlePacket({ match: () => [] }, Uint8Array.of(1), nowhere);
  const { cause } = (refused as PacketRejected).explain();
  expect((cause as OscDecodeError).stack).not.toContain("\n");
  expect(decodeError("OSC_TRUNCATED", "short", 0).stack).toContain("reporter.test.ts");
});

test("reports all errors that come slowly, and leaves no timer", () => {
  let told = 0;
  const reporter = new Reporter(() => (told += 1), 1);
  for (let i = 0; i < 5; i += 1) {
    reporter.report(malformed());
    vi.advanceTimersByTime(1000);
  }
  expect(told).toBe(5);
  expect(vi.getTimerCount()).toBe(0);
});

test("reports what was held back when it closes", () => {
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

test("reports what is said once per sender once, whatever the port, and forgets the oldest sender", () => {
  const told: (string | undefined)[] = [];
  const reporter = new Reporter((_error, client) => told.push(client?.address), Infinity);
  const report = (address: string, port = 1): void =>
    reporter.reportOnce("OSC_CLOCK_MISMATCH", () => new OscError("OSC_CLOCK_MISMATCH", "said once"), { address, port, family: "IPv4" });
  report("10.0.0.1");
  report("10.0.0.1", 2);
  report("10.0.0.2");
  expect(told).toEqual(["10.0.0.1", "10.0.0.2"]);
  for (let index = 0; index < 1024; index += 1) report(`10.1.${index >> 8}.${index & 255}`);
  report("10.0.0.1");
  expect(told).toHaveLength(1027);
  expect(told.at(-1)).toBe("10.0.0.1");
});

test("escapes and cuts what a terminal would act on", () => {
  const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
  reportToConsole(new OscError("OSC_DROPPED", `\x1b[2J\x9bforged\noscine: line ${"x".repeat(5000)}`));
  const printed = lines.mock.calls.flat().join("");
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  expect(printed).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(printed.length).toBeLessThan(1200);
});

test("survives a console that throws", () => {
  vi.spyOn(console, "error").mockImplementation(() => {
    throw new Error("no space left on device");
  });
  const reporter = new Reporter(reportToConsole, 5);
  expect(() => reporter.report(malformed())).not.toThrow();
});

test.skipIf(process.platform !== "linux")("survives a full disk behind stderr", () => {
  const reporter = new URL("../../src/dispatch/reporter.ts", import.meta.url);
  const errors = new URL("../../src/errors.ts", import.meta.url);
  const program = `
    import { reportToConsole } from ${JSON.stringify(reporter.href)};
    import { OscError } from ${JSON.stringify(errors.href)};
    for (let count = 0; count < 4; count += 1) reportToConsole(new OscError("OSC_DROPPED", "lost"));
    setTimeout(() => { reportToConsole(new OscError("OSC_DROPPED", "lost")); setTimeout(() => console.log("alive"), 50); }, 50);
  `;
  const full = openSync("/dev/full", "w");
  try {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const options = {
      cwd: root,
      timeout: 30_000,
      stdio: ["ignore", "pipe", full] as ["ignore", "pipe", number],
      encoding: "utf8",
    } as const;
    expect(execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], options)).toBe("alive\n");
  } finally {
    closeSync(full);
  }
});
