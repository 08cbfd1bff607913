import type { TimeTag } from "../../../codec/index.ts";
import { escapeForTerminal } from "../../../text/escape.ts";
import { formatParts } from "../../../text/format.ts";
import { timeOfDay } from "../../../text/values.ts";
import { VirtualList, byId, element, setText } from "../dom.ts";
import type { Row, RowWindow } from "../rows.ts";
import type { Store } from "../store.ts";

/** The live list. It follows the newest message until the user scrolls up. */
export class MessageList {
  /** Called with the selected row, null for none. */
  onChoose: (row: Row | null) => void = () => undefined;
  #window: RowWindow;
  #isRelative: boolean;
  readonly #grid: HTMLElement = byId("messages", HTMLDivElement);
  readonly #follow: HTMLButtonElement = byId("follow", HTMLButtonElement);
  readonly #empty: HTMLElement = byId("messages-empty", HTMLDivElement);
  readonly #list: VirtualList<MessageRowView>;
  #isFollowing = true;
  #isDirty = true;
  /** The position of the first row when the list was last drawn. */
  #start = 0;
  /** Position of the selected row. */
  #chosen: number | null = null;

  constructor({ window, isRelative }: Store) {
    this.#window = window;
    this.#isRelative = isRelative;
    this.#list = new VirtualList(
      byId("message-scroller", HTMLDivElement),
      {
        create: () => this.#createRow(),
        fill: (view, index) => this.#fill(view, index),
      },
      { onScroll: () => this.#scrolled(), onResize: () => this.#resized() },
    );
    this.#follow.addEventListener("click", () => this.follow());
    this.#grid.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows the rows of another store. */
  show({ window, isRelative }: Store): void {
    this.#window = window;
    this.#isRelative = isRelative;
    this.reset(null);
  }

  /** Marks the list for redrawing. */
  changed(): void {
    this.#isDirty = true;
  }

  /** Scrolls to the newest message and keeps following. */
  follow(): void {
    this.#isFollowing = true;
    this.#isDirty = true;
  }

  focus(): void {
    this.#grid.focus();
  }

  /** Shows another set of rows. `chosen` stays selected only if it is among them. */
  reset(chosen: Row | null): void {
    this.#chosen = chosen === null ? null : this.#window.positionOf(chosen);
    this.#start = this.#window.start;
    this.#isFollowing = true;
    this.#isDirty = true;
  }

  /** Clears the selection. */
  unchoose(): void {
    this.#choose(null);
  }

  /** Draws pending changes. */
  draw(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const { start, shownEnd } = this.#window;
    const count = shownEnd - start;
    if (this.#isFollowing) this.#list.scrollToEnd(count);
    else if (start > this.#start) this.#list.shift(start - this.#start);
    this.#start = start;
    this.#list.draw(count);
    this.#grid.setAttribute("aria-rowcount", String(count + 1));
    this.#empty.hidden = count > 0;
    this.#follow.hidden = this.#isFollowing || count === 0;
    const active = this.#chosen === null ? null : `row-${this.#chosen - start + 1}`;
    if (active === null) this.#grid.removeAttribute("aria-activedescendant");
    else this.#grid.setAttribute("aria-activedescendant", active);
  }

  #createRow(): MessageRowView {
    const view = new MessageRowView();
    view.element.addEventListener("click", () => {
      const position = Number(view.element.dataset["position"]);
      this.#choose(position === this.#chosen ? null : position);
    });
    return view;
  }

  #fill(view: MessageRowView, index: number): void {
    const position = this.#start + index;
    const row = this.#window.at(position);
    if (row === undefined) return;
    view.element.dataset["position"] = String(position);
    view.show(row, { number: index + 1, isChosen: position === this.#chosen, isRelative: this.#isRelative });
  }

  #scrolled(): void {
    this.#isFollowing = this.#list.isAtEnd;
    this.#isDirty = true;
  }

  /** The details panel shrinks the list and must not hide the selected row. */
  #resized(): void {
    if (this.#chosen !== null && !this.#isFollowing) this.#list.scrollTo(this.#chosen - this.#start);
    this.#isDirty = true;
  }

  /** Selecting a row stops following, so it stays in view. */
  #choose(position: number | null): void {
    this.#chosen = position;
    if (position !== null) this.#isFollowing = false;
    this.#isDirty = true;
    this.onChoose(position === null ? null : (this.#window.at(position) ?? null));
  }

  #key(event: KeyboardEvent): void {
    const { start, shownEnd } = this.#window;
    if (event.key === "Escape" && this.#chosen !== null) {
      this.#choose(null);
      event.stopPropagation();
      return;
    }
    const page = this.#list.rowsInView - 1;
    const from = this.#chosen ?? shownEnd;
    const steps: Readonly<{ [key: string]: number }> = {
      ArrowUp: from - 1,
      ArrowDown: this.#chosen === null ? shownEnd - 1 : from + 1,
      PageUp: from - page,
      PageDown: from + page,
      Home: start,
      End: shownEnd - 1,
    };
    const to = steps[event.key];
    if (to === undefined || event.target !== this.#grid || shownEnd === start) return;
    event.preventDefault();
    const position = Math.max(start, Math.min(shownEnd - 1, to));
    this.#list.scrollTo(position - start);
    this.#choose(position);
  }
}

/** Longer values don't fit into any row. */
const MAX_SHOWN = 400;

/** The display state of a row. */
export interface RowState {
  /** The row number for screen readers, from 1. */
  readonly number: number;
  readonly isChosen: boolean;
  /** Whether its time is relative to the beginning of a recording. */
  readonly isRelative: boolean;
}

/** The elements of one row of the list, reused for different messages. */
export class MessageRowView {
  readonly element: HTMLDivElement = element("div", { class: "row", role: "row" });
  readonly #cells = ["time", "sender", "address", "types", "values"].map((name) =>
    element("span", { class: name, role: "gridcell" }, ""),
  ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
  #shown: Row | null = null;

  constructor() {
    this.element.append(...this.#cells);
  }

  show(row: Row, { number, isChosen, isRelative }: RowState): void {
    const chosen = String(isChosen);
    if (this.element.ariaSelected !== chosen) this.element.ariaSelected = chosen;
    if (this.#shown === row) return;
    this.#shown = row;
    this.element.id = `row-${number}`;
    this.element.setAttribute("aria-rowindex", String(number + 1));
    const [time, sender, address, types, values] = this.#cells;
    const { entry } = row.record;
    setText(time, isRelative ? new Date(entry.time).toISOString().slice(11, 23) : timeOfDay(entry.time));
    setText(sender, entry.from === "" ? "–" : escapeForTerminal(entry.from));
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

/** When a time tag is due, relative to its arrival: `@now`, `@+20 ms`. */
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
