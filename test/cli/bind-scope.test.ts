import type { NetworkInterfaceInfo } from "node:os";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ArrivalWatch, bindScopeOf, describeTargets, localTarget, targetsForOthers } from "../../src/cli/bind-scope.ts";
import type { Session } from "../../src/cli/command.ts";
import { Output } from "../../src/cli/output.ts";
import { parseOscUrl } from "../../src/url/osc-url.ts";

const one = (address: string, internal = false): NetworkInterfaceInfo =>
  ({ address, internal, family: address.includes(":") ? "IPv6" : "IPv4", netmask: "", mac: "", cidr: null }) as NetworkInterfaceInfo;
const INTERFACES = {
  lo: [one("127.0.0.1", true), one("::1", true)],
  eth0: [one("10.0.0.5"), one("fe80::1"), one("fd00::5")],
  wlan0: [one("192.168.1.7")],
};

test.each([
  ["osc.udp://0.0.0.0:9000/", "all interfaces", ":9000", ["10.0.0.5:9000", "192.168.1.7:9000"]],
  ["osc.tcp://0.0.0.0:9000/?framing=1.0", "all interfaces", "osc.tcp://127.0.0.1:9000/?framing=1.0", 2],
  ["osc.udp://[::]:9000/", "all interfaces", ":9000", ["osc.udp://[fd00::5]:9000/"]],
  ["ws://0.0.0.0:80/osc", "all interfaces", "ws://127.0.0.1:80/osc", ["ws://10.0.0.5:80/osc", "ws://192.168.1.7:80/osc"]],
  ["osc.udp://127.0.0.1:9000/", "this machine only", ":9000", []],
  ["osc.udp://[::1]:9000/", "this machine only", "osc.udp://[::1]:9000/", []],
  ["osc.unix:///tmp/a.sock", "this machine only", "osc.unix:///tmp/a.sock", []],
  ["osc.udp://10.0.0.5:9000/", "one address", "osc.udp://10.0.0.5:9000/", []],
] as const)("describes who can send to %s, and how", (text, scope, local, others) => {
  const url = parseOscUrl(text);
  expect([bindScopeOf(url), localTarget(url)]).toEqual([scope, local]);
  const found = targetsForOthers(url, INTERFACES);
  if (typeof others === "number") expect(found).toHaveLength(others);
  else expect(found).toEqual(others);
});

test("adds nothing to the URL of a single address", () => {
  expect(describeTargets(parseOscUrl("127.0.0.1:9000"))).toBe(null);
  expect(describeTargets(parseOscUrl("0.0.0.0:9000"))).toMatch(/^Send to :9000 from this machine.*\.$/);
});

describe("ArrivalWatch", () => {
  let lines: string[] = [];
  let received = 0;
  let dropped: number | null = null;

  beforeEach(() => {
    vi.useFakeTimers();
    lines = [];
    [received, dropped] = [0, null];
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  function watch(text: string): ArrivalWatch {
    const err = new Output(2, { NO_COLOR: "1" }, () => undefined);
    vi.spyOn(err, "line").mockImplementation((line) => void lines.push(line));
    const session: Session = { out: err, err, stop: new AbortController().signal, program: "oscine" };
    return new ArrivalWatch(session, parseOscUrl(text), { received: () => received, dropped: () => dropped }, "oscine serve :9000");
  }

  test("reports once that nothing arrives, and how to test", () => {
    const one_ = watch("127.0.0.1:9000");
    vi.advanceTimersByTime(9_999);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([
      "Nothing has arrived yet. To test: oscine send :9000 /hello",
      "Phones and other machines can't send to 127.0.0.1. To let them: oscine serve :9000",
    ]);
    one_.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("prints nothing if a packet arrived", () => {
    const one_ = watch("127.0.0.1:9000");
    vi.advanceTimersByTime(5000);
    received = 1;
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
    one_.close();
  });

  test("reports packets dropped by the kernel", () => {
    const one_ = watch("127.0.0.1:9000");
    received = 1;
    vi.advanceTimersByTime(2000);
    dropped = 3;
    vi.advanceTimersByTime(3000);
    dropped = 4;
    vi.advanceTimersByTime(3000);
    expect(lines).toEqual([
      "The kernel dropped 3 packets that arrived faster than this program reads (3 in all).",
      "The kernel dropped 1 packet that arrived faster than this program reads (4 in all).",
    ]);
    one_.close();
  });
});
