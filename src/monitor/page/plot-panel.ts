import { Chart } from "./chart.ts";
import { byId } from "./element.ts";
import type { Plots } from "./model/plots.ts";

/** The plots, one below the other. */
export class PlotPanel {
  readonly #plots: Plots;
  readonly #place = byId("charts", HTMLDivElement);
  readonly #empty = byId("plots-empty", HTMLParagraphElement);
  readonly #charts = new Map<string, Chart>();

  constructor(plots: Plots) {
    this.#plots = plots;
    const restyle = (): void => {
      for (const chart of this.#charts.values()) chart.restyle();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
  }

  /** @param now the monitor's time, in milliseconds since 1970 */
  draw(now: number): void {
    const { addresses } = this.#plots;
    for (const [address, chart] of this.#charts) {
      if (addresses.includes(address)) continue;
      chart.element.remove();
      this.#charts.delete(address);
    }
    for (const address of addresses) {
      const series = this.#plots.seriesOf(address);
      let chart = this.#charts.get(address);
      if (chart === undefined) {
        chart = new Chart(address, () => this.#plots.toggle(address));
        this.#charts.set(address, chart);
        this.#place.append(chart.element);
      }
      if (series !== undefined) chart.draw(series, now / 1000);
    }
    this.#empty.hidden = addresses.length > 0;
  }
}
