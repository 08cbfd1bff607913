import type { TimeTag } from "../../codec/index.ts";
import { formatParts } from "../../text/format.ts";
import { escapeForTerminal } from "../../text/escape.ts";
import { timeOfDay } from "../../text/values.ts";
import { element, setText } from "./element.ts";
import type { Row } from "./model/read-entry.ts";

/** More of a value than fits into any line is not worth formatting. */
const MAX_SHOWN = 400;

/** The elements of one line of the list; what they show changes all the time. */
export class MessageRowView {
  readonly element: HTMLDivElement = element("div", { class: "row", role: "row" });
  readonly #cells = ["time", "sender", "address", "types", "values"].map((name) =>
    element("span", { class: name, role: "gridcell" }, ""),
  ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
  #shown: Row | null = null;

  constructor() {
    this.element.append(...this.#cells);
  }

  /** @param number of the row for those who cannot see it, from 1 */
  show(row: Row, number: number, isChosen: boolean): void {
    const chosen = String(isChosen);
    if (this.element.ariaSelected !== chosen) this.element.ariaSelected = chosen;
    if (this.#shown === row) return;
    this.#shown = row;
    this.element.id = `row-${number}`;
    this.element.setAttribute("aria-rowindex", String(number + 1));
    const [time, sender, address, types, values] = this.#cells;
    const { entry } = row.record;
    setText(time, timeOfDay(entry.time));
    setText(sender, entry.from === "" ? "–" : entry.from);
    const isFault = row.kind === "fault";
    if (this.element.classList.contains("fault") !== isFault) this.element.classList.toggle("fault", isFault);
    if (row.kind === "fault") {
      setText(address, row.code);
      setText(types, "");
      setText(values, escapeForTerminal(row.reason));
    } else {
      const parts = formatParts(row.message, null);
      setText(address, parts.address);
      setText(types, parts.types);
      setText(values, row.timeTag === null ? shortened(parts.args) : `${shortened(parts.args)}  ${dueText(row.timeTag, entry.time)}`);
    }
  }
}

/** When a time tag is due, seen from when it arrived: `@now`, `@+20 ms`. */
function dueText(timeTag: TimeTag, arrived: number): string {
  if (timeTag.isImmediate) return "@now";
  const left = timeTag.toMillis() - arrived;
  if (Math.abs(left) >= 60_000) return `@${timeTag.toDate().toISOString()}`;
  const sign = left < 0 ? "−" : "+";
  return Math.abs(left) < 1000 ? `@${sign}${Math.abs(left).toFixed(1)} ms` : `@${sign}${(Math.abs(left) / 1000).toFixed(2)} s`;
}

function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
