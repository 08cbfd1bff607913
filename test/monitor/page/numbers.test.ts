import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OscMessage, blob } from "../../../src/codec/index.ts";
import { MAX_LINES, PlotSeries, WINDOW_SECONDS, numbersOf } from "../../../src/monitor/page/plots.ts";
import { MAX_PLOTS, Plots } from "../../../src/monitor/page/plots.ts";
import { RateMeter } from "../../../src/monitor/page/address-tree.ts";

describe("the rate meter", () => {
  test("reports a steady rate at any time", () => {
    const meter = new RateMeter();
    for (let time = 0; time < 3000; time += 10) meter.count(time);
    for (let time = 3000; time < 8000; time += 10) {
      meter.count(time);
      expect(Math.abs(meter.rate(time) - 100)).toBeLessThanOrEqual(1.01);
    }
  });

  test("falls to zero within two seconds", () => {
    const meter = new RateMeter();
    for (let time = 0; time < 1000; time += 10) meter.count(time);
    expect(meter.rate(1500)).toBeCloseTo(50);
    expect(meter.rate(2000)).toBe(0);
    expect(meter.rate(1e12)).toBe(0);
  });

  test("handles a clock that goes backwards", () => {
    const meter = new RateMeter();
    meter.count(10_000);
    expect(meter.rate(0)).toBe(1);
  });
});

describe("the numbers of a message", () => {
  test("include every numeric type, also in arrays", () => {
    const message = new OscMessage("/x", [1, 0.5, 3n, true, false, "4", null, [6, [7]], blob(new Uint8Array(1)), Infinity, Number.NaN]);
    expect(numbersOf(message)).toEqual([1, 0.5, 3, 1, 0, 6, 7]);
  });
});

describe("a plot's series", () => {
  test("keeps slow samples unchanged", () => {
    const series = new PlotSeries();
    for (let index = 0; index < 20; index += 1) series.add([index, 10 - index], 1000 * index);
    expect(series.data().map((line) => line.slice(0, 3))).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [10, 9, 8],
    ]);
  });

  test("thins out fast samples but keeps the extremes and the last one", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 400 }), (values) => {
        const series = new PlotSeries();
        for (const [index, value] of values.entries()) series.add([value], index / 1000);
        // The next bucket thins out the one before.
        series.add([0], 60);
        const [times, line = []] = series.data();
        expect(times.toSorted((a, b) => a - b)).toEqual(times);
        expect(Math.max(...(line as number[]))).toBe(Math.max(...values, 0));
        expect(Math.min(...(line as number[]))).toBe(Math.min(...values, 0));
        expect(line.at(-2)).toBe(values.at(-1));
        expect(times.length).toBeLessThanOrEqual(5);
      }),
    );
  });

  test("stays bounded for any number of samples", () => {
    const series = new PlotSeries();
    // 100 s of 5,000 a second, and many at the same moment.
    for (let index = 0; index < 500_000; index += 1) series.add([Math.sin(index), Math.cos(index)], index / 5);
    for (let index = 0; index < 100_000; index += 1) series.add([index, 0], 100_000);
    expect(series.size).toBeLessThan(6 * (WINDOW_SECONDS / 0.05) + 1000);
    const [times] = series.data();
    expect(times[0]).toBeLessThanOrEqual(100 - WINDOW_SECONDS + 1);
  });

  test("has a line for each number, with gaps for missing ones", () => {
    const series = new PlotSeries();
    series.add([1], 0);
    series.add([2, 3], 1000);
    series.add([4], 2000);
    series.add([1, 2, 3, 4, 5, 6], 3000);
    expect(series.lines).toBe(MAX_LINES);
    expect(series.data().slice(0, 3)).toEqual([
      [0, 1, 2, 3],
      [1, 2, 4, 1],
      [null, 3, null, 2],
    ]);
  });
});

describe("the plots", () => {
  test("start with the first numeric addresses, until the user chooses", () => {
    const plots = new Plots();
    for (const address of ["/a", "/b", "/c", "/d"]) plots.add(new OscMessage(address, 1), 0);
    plots.add(new OscMessage("/text", "x"), 0);
    expect(plots.addresses).toEqual(["/a", "/b", "/c"]);
    plots.toggle("/b");
    plots.add(new OscMessage("/b", 1), 0);
    expect(plots.addresses).toEqual(["/a", "/c"]);
    for (let index = 0; index < MAX_PLOTS; index += 1) plots.toggle(`/${index}`);
    expect(plots.addresses).toHaveLength(MAX_PLOTS);
    expect(plots.addresses).not.toContain("/a");
  });

  test("keep their addresses when cleared", () => {
    const plots = new Plots();
    plots.add(new OscMessage("/a", 1), 0);
    plots.clear();
    expect(plots.addresses).toEqual(["/a"]);
    expect(plots.seriesOf("/a")?.size).toBe(0);
  });
});
