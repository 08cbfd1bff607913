import type { OscMessage } from "../../../codec/index.ts";
import { PlotSeries, numbersOf } from "./plot-series.ts";

/** So many plots are drawn at once. */
export const MAX_PLOTS = 8;
/** The first addresses with numbers are plotted by themselves, so that there is something to see. */
const AUTOMATIC_PLOTS = 3;

/** Which addresses are plotted, and their numbers. */
export class Plots {
  readonly #series = new Map<string, PlotSeries>();
  /** True until the user has chosen something. */
  #isAutomatic = true;

  /** The addresses that are plotted, in the order in which they were added. */
  get addresses(): readonly string[] {
    return [...this.#series.keys()];
  }

  seriesOf(address: string): PlotSeries | undefined {
    return this.#series.get(address);
  }

  /** @param time in milliseconds since 1970 */
  add(message: OscMessage, time: number): void {
    const { address } = message;
    let series = this.#series.get(address);
    if (series === undefined) {
      if (!this.#isAutomatic || this.#series.size >= AUTOMATIC_PLOTS || numbersOf(message).length === 0) return;
      series = new PlotSeries();
      this.#series.set(address, series);
    }
    const numbers = numbersOf(message);
    if (numbers.length > 0) series.add(numbers, time);
  }

  /** Begins to plot an address, or stops; where there are as many as there may be, the oldest makes room. */
  toggle(address: string): void {
    this.#isAutomatic = false;
    if (this.#series.delete(address)) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined && this.#series.size >= MAX_PLOTS) this.#series.delete(oldest);
    this.#series.set(address, new PlotSeries());
  }

  clear(): void {
    for (const address of this.#series.keys()) this.#series.set(address, new PlotSeries());
  }
}
