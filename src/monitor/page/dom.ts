import { scrollRange, scrollToShow } from "./rows.ts";

/** Returns the element with this id, which must be in index.html. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`index.html has no ${kind.name} with the id ${id}.`);
}

/** Creates an element. Text from the network is always inserted as text, never as HTML. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<{ [name: string]: string }> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Sets the text of an element if it differs: writing it again costs layout. */
export function setText(target: HTMLElement, text: string): void {
  const { firstChild } = target;
  if (firstChild instanceof Text) {
    if (firstChild.data !== text) firstChild.data = text;
  } else if (text !== "") target.textContent = text;
}

/** Draws the rows of a list. */
export interface RowDrawer<View extends { readonly element: HTMLElement }> {
  create(): View;
  /** @param index of the row, from 0 */
  fill(view: View, index: number): void;
}

/** A virtual list: only visible rows have elements. The custom property `--row` sets the height of every row. */
export class VirtualList<View extends { readonly element: HTMLElement }> {
  readonly scroller: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #drawer: RowDrawer<View>;
  readonly #views: View[] = [];
  readonly #space = document.createElement("div");
  #count = 0;
  #rowHeight = 0;
  #height = 0;
  #drawn = 0;

  /** @param events `onScroll` after scrolling, `onResize` after a change of size. Call {@link draw} after both. */
  constructor(scroller: HTMLElement, drawer: RowDrawer<View>, events: { readonly onScroll: () => void; readonly onResize: () => void }) {
    this.scroller = scroller;
    this.#drawer = drawer;
    const rows = scroller.querySelector(".rows");
    if (!(rows instanceof HTMLElement)) throw new Error("The list needs an element with the class rows.");
    this.#rows = rows;
    this.#space.className = "space";
    scroller.append(this.#space);
    scroller.addEventListener("scroll", events.onScroll, { passive: true });
    new ResizeObserver(() => {
      this.#measure();
      events.onResize();
    }).observe(scroller);
    this.#measure();
  }

  get rowHeight(): number {
    return this.#rowHeight;
  }

  /** Number of rows visible at once. */
  get rowsInView(): number {
    return Math.max(1, Math.floor(this.#height / this.#rowHeight));
  }

  get isAtEnd(): boolean {
    return this.scroller.scrollTop + this.#height >= this.#count * this.#rowHeight - this.#rowHeight / 2;
  }

  /** Draws the visible rows of a list of `count` rows. */
  draw(count: number): void {
    if (this.#count !== count) {
      this.#count = count;
      this.#space.style.height = `${count * this.#rowHeight}px`;
    }
    const { first, end } = scrollRange(this.scroller.scrollTop, this.#height, this.#rowHeight, count);
    this.#rows.style.transform = `translateY(${first * this.#rowHeight}px)`;
    for (let index = first; index < end; index += 1) {
      const view = this.#viewAt(index - first);
      this.#drawer.fill(view, index);
    }
    for (let place = end - first; place < this.#drawn; place += 1) this.#views[place]!.element.hidden = true;
    this.#drawn = end - first;
  }

  /** Scrolls to the newest row; call {@link draw} afterwards. */
  scrollToEnd(count: number): void {
    if (this.#count !== count) this.#space.style.height = `${count * this.#rowHeight}px`;
    this.#count = count;
    this.scroller.scrollTop = count * this.#rowHeight;
  }

  scrollTo(index: number): void {
    const top = scrollToShow(index, this.scroller.scrollTop, this.#height, this.#rowHeight);
    if (top !== null) this.scroller.scrollTop = top;
  }

  /** Keeps the visible rows in place after rows at the beginning were removed. */
  shift(rows: number): void {
    this.scroller.scrollTop -= rows * this.#rowHeight;
  }

  #viewAt(place: number): View {
    let view = this.#views[place];
    if (view === undefined) {
      view = this.#drawer.create();
      this.#views[place] = view;
      this.#rows.append(view.element);
    }
    view.element.hidden = false;
    return view;
  }

  #measure(): void {
    this.#rowHeight = Number.parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 26;
    this.#height = this.scroller.clientHeight;
    this.#space.style.height = `${this.#count * this.#rowHeight}px`;
  }
}
