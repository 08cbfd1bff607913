import uPlot from "uplot";
import { formatOscAddress } from "../../text/format.ts";
import { byId, element, setText } from "./dom.ts";
import type { PlotSeries, Plots } from "./plots.ts";
import type { Store } from "./store.ts";

const HEIGHT = 132;

/** One plot: an address, its newest numbers, and their lines over time. */
export class Chart {
  readonly element: HTMLElement = element("article", { class: "chart" });
  readonly #values = element("span", { class: "chart-values" });
  readonly #place = element("div", { class: "chart-place", role: "img" });
  readonly #address: string;
  readonly #isRelative: boolean;
  #plot: uPlot | null = null;
  #lines = 0;

  /** @param actions `remove` is called when the user closes the plot */
  constructor(address: string, { isRelative, remove }: { readonly isRelative: boolean; readonly remove: () => void }) {
    this.#address = address;
    this.#isRelative = isRelative;
    const button = element("button", { type: "button", class: "round", "aria-label": `Remove the plot of ${address}` }, "×");
    button.addEventListener("click", remove);
    const title = element("h3", { title: address }, formatOscAddress(address));
    this.element.append(element("header", {}, title, this.#values, button), this.#place);
  }

  /** @param end the time at the right end, in seconds since 1970 */
  draw(series: PlotSeries, end: number, windowSeconds: number): void {
    const data = series.data();
    if (series.lines === 0) return this.#empty();
    if (this.#plot === null || this.#lines !== series.lines) this.#make(series.lines);
    const plot = this.#plot;
    if (plot === null) return;
    const width = this.#place.clientWidth;
    if (width > 0 && plot.width !== width) plot.setSize({ width, height: HEIGHT });
    plot.setData(data, false);
    plot.setScale("x", { min: end - windowSeconds, max: end });
    this.#showValues(data.slice(1), windowSeconds);
  }

  /** Applies changed colours. */
  restyle(): void {
    this.#lines = 0;
  }

  #empty(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#values.replaceChildren();
  }

  #make(lines: number): void {
    this.#plot?.destroy();
    this.#lines = lines;
    this.#values.replaceChildren(...Array.from({ length: lines }, (_, index) => element("b", { class: `line-${index + 1}` }, "")));
    const style = getComputedStyle(this.element);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color("--muted"),
      font: `11px ${style.fontFamily}`,
      grid: { stroke: color("--grid"), width: 1 },
      ticks: { show: false },
    };
    const options: uPlot.Options = {
      width: Math.max(120, this.#place.clientWidth),
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
      padding: [8, 26, 0, 0],
      scales: { x: { time: true }, y: { range: (_plot, min, max) => comfortableRange(min, max) } },
      axes: [
        { ...axis, size: 22, space: 72, values: (_plot, times) => times.map((time) => clockText(time, this.#isRelative)) },
        { ...axis, size: 46, space: 28 },
      ],
      series: [
        {},
        ...Array.from({ length: lines }, (_, index) => ({
          stroke: color(`--line-${index + 1}`),
          width: 1.75,
          spanGaps: true,
          points: { show: false },
        })),
      ],
    };
    this.#plot = new uPlot(options, [[]], this.#place);
  }

  #showValues(lines: readonly (number | null)[][], windowSeconds: number): void {
    const texts = lines.map((line) => numberText(line.findLast((value) => value !== null) ?? null));
    for (const [index, text] of texts.entries()) {
      const shown = this.#values.children[index];
      if (shown instanceof HTMLElement) setText(shown, text);
    }
    this.#place.ariaLabel = `${this.#address} over ${Math.round(windowSeconds)} seconds; last ${texts.join(", ")}`;
  }
}

/** Draws a constant line in the middle, and keeps lines off the edges. */
function comfortableRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const space = max > min ? (max - min) * 0.08 : Math.abs(max) * 0.1 || 1;
  return [min - space, max + space];
}

function clockText(seconds: number, isRelative: boolean): string {
  const date = new Date(seconds * 1000);
  return isRelative ? date.toISOString().slice(11, 19) : date.toTimeString().slice(0, 8);
}

function numberText(value: number | null): string {
  if (value === null) return "–";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/** The plots, one below the other. */
export class PlotPanel {
  #plots: Plots;
  #isRelative: boolean;
  readonly #place = byId("charts", HTMLDivElement);
  readonly #empty = byId("plots-empty", HTMLParagraphElement);
  readonly #charts = new Map<string, Chart>();

  constructor({ plots, isRelative }: Store) {
    this.#plots = plots;
    this.#isRelative = isRelative;
    const restyle = (): void => {
      for (const chart of this.#charts.values()) chart.restyle();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  }

  /** Shows the plots of another store. */
  show({ plots, isRelative }: Store): void {
    this.#plots = plots;
    this.#isRelative = isRelative;
    for (const chart of this.#charts.values()) chart.element.remove();
    this.#charts.clear();
  }

  /** @param end the time at the right end, in milliseconds since 1970 */
  draw(end: number): void {
    const { addresses, windowSeconds } = this.#plots;
    for (const [address, chart] of this.#charts) {
      if (addresses.includes(address)) continue;
      chart.element.remove();
      this.#charts.delete(address);
    }
    for (const address of addresses) {
      const series = this.#plots.seriesOf(address);
      let chart = this.#charts.get(address);
      if (chart === undefined) {
        chart = new Chart(address, { isRelative: this.#isRelative, remove: () => this.#plots.toggle(address) });
        this.#charts.set(address, chart);
        this.#place.append(chart.element);
      }
      if (series !== undefined) chart.draw(series, end / 1000, windowSeconds);
    }
    this.#empty.hidden = addresses.length > 0;
  }
}
