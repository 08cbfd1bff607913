import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ntpToMillis, TimeTag, timeTag } from "../../src/codec/index.ts";
import { OscEncodeError } from "../../src/errors.ts";
import { thrownBy } from "./support.ts";

const EPOCH_SECONDS = 2_208_988_800;

describe("time tags", () => {
  test.each([
    [0, 0x83aa7e80, 0],
    [500, 0x83aa7e80, 0x80000000],
    [0.25, 0x83aa7e80, 0x00106 * 4096 + 0x24d],
    [-1, 0x83aa7e7f, 0xffbe76c9],
    [Date.UTC(2024, 0, 1), 3913056000, 0],
  ])("of %d ms since 1970", (ms, seconds, fraction) => {
    const tag = TimeTag.from(ms);
    expect(tag.seconds).toBe(seconds);
    expect(Math.abs(tag.fraction - fraction)).toBeLessThanOrEqual(2);
    expect(tag.toMillis()).toBeCloseTo(ms, 5);
  });

  test("of a date, exact to the millisecond", () => {
    for (let ms = 0; ms < 1000; ms += 7) {
      const date = new Date(Date.UTC(2025, 5, 1, 12, 0, 0, ms));
      expect(TimeTag.from(date).toDate()).toEqual(date);
    }
  });

  test("whose fraction rounds up to the next second", () => {
    const tag = TimeTag.from(999.9999999999);
    expect([tag.seconds, tag.fraction]).toEqual([EPOCH_SECONDS + 1, 0]);
  });

  test.each([Number.NaN, Infinity, new Date(Number.NaN)])("of no moment: %s", (moment) => {
    expect(() => TimeTag.from(moment)).toThrow(RangeError);
  });

  test.each([
    [-1, 0],
    [2 ** 32, 0],
    [0, 2 ** 32],
    [0.5, 0],
    [Number.NaN, 0],
  ])("of halves that are not of 32 bits: %d, %d", (seconds, fraction) => {
    expect(() => new TimeTag(seconds, fraction)).toThrow(RangeError);
  });

  test("as 64 bits and back", () => {
    for (const bits of [0n, 1n, 0x83aa7e80_00000000n, 0xffffffff_ffffffffn]) expect(TimeTag.fromBigInt(bits).toBigInt()).toBe(bits);
    expect(() => TimeTag.fromBigInt(-1n)).toThrow(RangeError);
    expect(() => TimeTag.fromBigInt(2n ** 64n)).toThrow(RangeError);
  });

  test("are immediate with the bits 0 and 1", () => {
    expect([0n, 1n, 2n, 1n << 32n].map((bits) => TimeTag.fromBigInt(bits).isImmediate)).toEqual([true, true, false, false]);
    expect(TimeTag.IMMEDIATELY.toBigInt()).toBe(1n);
  });

  test("as text", () => {
    expect(String(TimeTag.IMMEDIATELY)).toBe("immediately");
    expect(String(TimeTag.from(Date.UTC(2026, 1, 3, 4, 5, 6, 789)))).toMatch(
      /^2026-02-03T04:05:06\.789000Z$|^2026-02-03T04:05:06\.788999Z$/,
    );
  });
});

describe("values that make no time tag throw at once, and are quoted", () => {
  test.each<[string, () => unknown, unknown, string]>([
    ["from a string", () => TimeTag.from("2020" as never), "2020", '"2020" (string)'],
    ["from undefined", () => TimeTag.from(undefined as never), undefined, "undefined"],
    ["from null", () => TimeTag.from(null as never), null, "null"],
    ["from an object", () => TimeTag.from({ getTime: () => 0 } as never), expect.anything(), "an object of class Object"],
    ["from a bigint", () => TimeTag.from(5n as never), 5n, "5"],
    ["in a string", () => TimeTag.in("100" as never), "100", '"100" (string)'],
    ["in undefined", () => TimeTag.in(undefined as never), undefined, "undefined"],
    ["fromBigInt of a number", () => TimeTag.fromBigInt(5 as never), 5, "5 (number)"],
    ["as an argument", () => timeTag("2020" as never), "2020", '"2020" (string)'],
  ])("%s", (_, work, value, quoted) => {
    const error = thrownBy(work);
    expect(error).toBeInstanceOf(OscEncodeError);
    expect(error).toMatchObject({ code: "OSC_VALUE_TYPE", value });
    expect((error as Error).message).toContain(quoted);
  });

  test.each<[string, () => unknown, string]>([
    ["halves that are strings", () => new TimeTag("1" as never, 2), '"1" (string)'],
    ["ntpToMillis of strings", () => ntpToMillis("1" as never, 2), '"1" (string)'],
    ["ntpToMillis of fractions", () => ntpToMillis(1, 0.5), "0.5"],
    ["an invalid date", () => TimeTag.from(new Date("never")), "Date"],
    ["NaN", () => TimeTag.in(Number.NaN), "NaN"],
  ])("%s", (_, work, quoted) => {
    const error = thrownBy(work);
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toContain(quoted);
  });
});

describe("the eras of NTP", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test.each(["1999-01-01", "2026-01-01", "2036-02-07", "2036-02-08", "2060-01-01", "2100-06-01"])(
    "in %s, moments within 60 years are read in the right one",
    (date) => {
      vi.setSystemTime(new Date(date));
      const now = Date.now();
      const year = 365 * 86_400_000;
      for (const distance of [-60 * year, -year, -1000, 0, 1000, year, 60 * year]) {
        const tag = TimeTag.from(now + distance);
        expect(tag.toMillis()).toBeCloseTo(now + distance, 3);
        expect(ntpToMillis(tag.seconds, tag.fraction)).toBe(tag.toMillis());
      }
    },
  );

  test("the first ends on 2036-02-07 06:28:16", () => {
    vi.setSystemTime(new Date("2030-01-01"));
    expect(new TimeTag(0xffffffff, 0).toDate().toISOString()).toBe("2036-02-07T06:28:15.000Z");
    expect(new TimeTag(0, 2).toDate().toISOString()).toBe("2036-02-07T06:28:16.000Z");
  });

  test("now and in", () => {
    vi.setSystemTime(new Date("2026-03-04T05:06:07.000Z"));
    expect(TimeTag.now().toDate().toISOString()).toBe("2026-03-04T05:06:07.000Z");
    expect(TimeTag.in(1500).toDate().toISOString()).toBe("2026-03-04T05:06:08.500Z");
    expect(TimeTag.in(-1000).toDate().toISOString()).toBe("2026-03-04T05:06:06.000Z");
  });
});
