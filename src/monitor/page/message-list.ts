import { byId } from "./element.ts";
import { MessageRowView } from "./message-row.ts";
import type { Row } from "./model/read-entry.ts";
import type { RowWindow } from "./model/row-window.ts";
import { VirtualList } from "./virtual-list.ts";

/** The live list. It follows the newest message until the user scrolls up. */
export class MessageList {
  /** Called with the line that the user has chosen, null for none. */
  onChoose: (row: Row | null) => void = () => undefined;
  readonly #window: RowWindow;
  readonly #grid: HTMLElement = byId("messages", HTMLDivElement);
  readonly #follow: HTMLButtonElement = byId("follow", HTMLButtonElement);
  readonly #empty: HTMLElement = byId("messages-empty", HTMLDivElement);
  readonly #list: VirtualList<MessageRowView>;
  #isFollowing = true;
  #isDirty = true;
  /** The position of the first line when the list was drawn last. */
  #start = 0;
  /** Position of the chosen line. */
  #chosen: number | null = null;

  constructor(window: RowWindow) {
    this.#window = window;
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

  /** There is something new to draw. */
  changed(): void {
    this.#isDirty = true;
  }

  /** Shows the newest message, and goes on doing so. */
  follow(): void {
    this.#isFollowing = true;
    this.#isDirty = true;
  }

  focus(): void {
    this.#grid.focus();
  }

  /** Another set of lines is shown: of the chosen one only if it is among them. */
  reset(chosen: Row | null): void {
    this.#chosen = chosen === null ? null : this.#window.positionOf(chosen);
    this.#start = this.#window.start;
    this.#isFollowing = true;
    this.#isDirty = true;
  }

  /** Chooses no line any more. */
  unchoose(): void {
    this.#choose(null);
  }

  /** Draws what has changed. */
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
    view.show(row, index + 1, position === this.#chosen);
  }

  #scrolled(): void {
    this.#isFollowing = this.#list.isAtEnd;
    this.#isDirty = true;
  }

  /** The details of the chosen line take room from the list, and must not hide it. */
  #resized(): void {
    if (this.#chosen !== null && !this.#isFollowing) this.#list.scrollTo(this.#chosen - this.#start);
    this.#isDirty = true;
  }

  /** What is looked at must not run away: the list stops where a line is chosen. */
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
