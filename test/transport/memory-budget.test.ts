import { describe, expect, test } from "vitest";
import { type MemoryAccount, MemoryBudget, compact } from "../../src/transport/memory-budget.ts";
import { ReadMeter } from "../../src/transport/websocket-connection.ts";

describe("a memory budget", () => {
  test("counts what all accounts hold", () => {
    const budget = new MemoryBudget(100);
    const [first, second] = [budget.open(), budget.open()];
    first.set(30);
    second.set(40);
    first.set(10);
    expect([budget.held, first.held, second.held]).toEqual([50, 10, 40]);
    second.close();
    second.set(90);
    expect(budget.held).toBe(10);
  });

  test("has the largest give up first, and no more of them than needed", () => {
    const budget = new MemoryBudget(100);
    const gone: string[] = [];
    const open = (name: string): MemoryAccount => {
      const account: MemoryAccount = budget.open(() => {
        gone.push(name);
        account.close();
      });
      return account;
    };
    const [small, large, middling] = [open("small"), open("large"), open("middling")];
    small.set(20);
    large.set(45);
    middling.set(30);
    expect(gone).toEqual([]);
    small.set(30);
    expect(gone).toEqual(["large"]);
    small.set(80);
    expect(gone).toEqual(["large", "small"]);
    expect(budget.held).toBe(30);
  });

  test("asks each once if they can't give up all, and goes on", () => {
    const budget = new MemoryBudget(10);
    const asked: string[] = [];
    const [stuck, other] = [budget.open(() => asked.push("stuck")), budget.open(() => asked.push("other"))];
    stuck.set(9);
    other.set(8);
    expect(asked).toEqual(["stuck", "other"]);
    stuck.set(2);
    expect(budget.held).toBe(10);
    expect(asked).toEqual(["stuck", "other"]);
  });
});

describe("compact", () => {
  test("copies a small view of large memory", () => {
    const read = new Uint8Array(65_536).fill(7);
    const kept = compact(read.subarray(100, 120));
    expect(kept).toEqual(new Uint8Array(20).fill(7));
    expect(kept.buffer.byteLength).toBe(20);
  });

  test.each([
    ["what has memory of its own", 1000, 1000],
    ["a view that leaves little over", 1000, 600],
    ["most of a large memory", 65_536, 40_000],
  ])("keeps %s as it is", (_what, memory, size) => {
    const view = new Uint8Array(memory).subarray(0, size);
    expect(compact(view)).toBe(view);
  });
});

describe("what ws may keep of what was read", () => {
  const CHUNK = 65_536;

  test("is nothing after whole messages, and while a silent client answers pings", () => {
    const meter = new ReadMeter();
    meter.message(20);
    meter.message(200);
    meter.chunk(26 + 208);
    expect(meter.held).toBe(0);
    for (let count = 0; count < 1000; count += 1) {
      meter.control(4);
      meter.chunk(10);
    }
    expect(meter.held).toBe(0);
  });

  test("is all that was read while fragments of one byte come between pongs", () => {
    const meter = new ReadMeter();
    for (let count = 0; count < 100; count += 1) {
      const pongs = Math.floor((CHUNK - 7) / 6);
      for (let pong = 0; pong < pongs; pong += 1) meter.control(0);
      meter.chunk(7 + pongs * 6);
    }
    expect(meter.held).toBeGreaterThan(99 * CHUNK);
  });

  test("is what came of a large message, until it is complete", () => {
    const meter = new ReadMeter();
    const size = 1_000_000;
    const frame = size + 14;
    let left = frame;
    for (; left > CHUNK; left -= CHUNK) meter.chunk(CHUNK);
    expect(meter.held).toBe(frame - left);
    meter.message(size);
    meter.chunk(left);
    expect(meter.held).toBe(0);
  });

  test("is at most the chunk in which a fragmented message has ended", () => {
    const meter = new ReadMeter();
    for (let count = 0; count < 50; count += 1) {
      // Three fragments of 10 bytes, of which one message of 30 bytes is told.
      meter.message(30);
      meter.chunk(48);
      expect(meter.held).toBeLessThanOrEqual(48);
    }
    meter.control(0);
    meter.chunk(6);
    expect(meter.held).toBeLessThanOrEqual(48);
  });
});
