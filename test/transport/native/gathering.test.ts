import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Gathering } from "../../../src/transport/native/gathering.ts";
import type { Libc } from "../../../src/transport/native/libc.ts";

const ROOMY = 4 * 1024 * 1024;

/** The system, which says that the buffer of the socket has so many bytes. */
function libcWith(bufferSize: number): Libc {
  const getsockopt = (_fd: number, _level: number, _name: number, value: Uint8Array): number => {
    new DataView(value.buffer).setInt32(0, bufferSize, true);
    return 0;
  };
  return { getsockopt } as unknown as Libc;
}

describe("datagrams gather", () => {
  let now = 0;
  beforeEach(() => {
    now = 1000;
    vi.spyOn(performance, "now").mockImplementation(() => now);
  });
  afterEach(() => vi.restoreAllMocks());

  /** Whether it pauses before a call that brings so many, after so many milliseconds. */
  function pauses(gathering: Gathering, count: number, ms: number): boolean {
    const wait = vi.spyOn(Atomics, "wait").mockReturnValue("timed-out");
    gathering.pause();
    const hasPaused = wait.mock.calls.length > 0;
    wait.mockRestore();
    now += ms;
    expect(gathering.came(count)).toBe(count);
    return hasPaused;
  }

  /** The same for several such calls. */
  function series(gathering: Gathering, calls: number, count: number, ms: number): Set<boolean> {
    return new Set(Array.from({ length: calls }, () => pauses(gathering, count, ms)));
  }

  test("where they come quickly, after a first millisecond", () => {
    const gathering = new Gathering(libcWith(ROOMY), 3);
    expect(series(gathering, 2, 20, 0.1)).toEqual(new Set([false]));
    series(gathering, 18, 20, 0.1);
    expect(series(gathering, 100, 20, 0.1)).toEqual(new Set([true]));
  });

  test("not where they come slowly, one by one or many at times", () => {
    const gathering = new Gathering(libcWith(ROOMY), 3);
    expect(series(gathering, 200, 1, 0.05)).toEqual(new Set([false]));
    expect(series(gathering, 20, 30, 5)).toEqual(new Set([false]));
  });

  test("nor any longer once it is quiet", () => {
    const gathering = new Gathering(libcWith(ROOMY), 3);
    series(gathering, 50, 20, 0.1);
    // The call for which it still pauses waits for the next one.
    pauses(gathering, 1, 2000);
    expect(pauses(gathering, 1, 1)).toBe(false);
  });

  test("nor where a call brings many anyway", () => {
    const gathering = new Gathering(libcWith(ROOMY), 3);
    expect(series(gathering, 50, 33, 0.1)).toEqual(new Set([false]));
  });

  test("nor for a while after a pause that brought little, as where senders wait for answers", () => {
    const gathering = new Gathering(libcWith(ROOMY), 3);
    const first = Array.from({ length: 400 }, () => pauses(gathering, 7, 0.05));
    expect(first.filter(Boolean)).toHaveLength(1);
    now += 50;
    const second = Array.from({ length: 400 }, () => pauses(gathering, 7, 0.05));
    expect(second.filter(Boolean)).toHaveLength(1);
  });

  test("nor in a buffer that might overflow meanwhile", () => {
    const gathering = new Gathering(libcWith(256 * 1024 - 1), 3);
    expect(series(gathering, 100, 20, 0.1)).toEqual(new Set([false]));
  });
});
