import { AddressRowView } from "./address-row.ts";
import { byId, setText } from "./element.ts";
import { type AddressNode, type AddressTree, MAX_NODES } from "./model/address-tree.ts";
import type { Plots } from "./model/plots.ts";
import { VirtualList } from "./virtual-list.ts";

/** What can be done with an address. */
export interface AddressActions {
  readonly filter: (node: AddressNode) => void;
  readonly plot: (address: string) => void;
  /** The monitor's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** The tree of addresses that have arrived. */
export class AddressPanel {
  readonly #tree: AddressTree;
  readonly #plots: Plots;
  readonly #actions: AddressActions;
  readonly #scroller = byId("address-scroller", HTMLDivElement);
  readonly #empty = byId("addresses-empty", HTMLParagraphElement);
  readonly #count = byId("address-count", HTMLParagraphElement);
  readonly #list: VirtualList<AddressRowView>;
  #chosen: AddressNode | null = null;

  constructor(tree: AddressTree, plots: Plots, actions: AddressActions) {
    this.#tree = tree;
    this.#plots = plots;
    this.#actions = actions;
    const drawer = {
      create: () => this.#createRow(),
      fill: (view: AddressRowView, index: number) => this.#fill(view, index),
    };
    this.#list = new VirtualList(this.#scroller, drawer, { onScroll: () => this.draw(), onResize: () => this.draw() });
    this.#scroller.addEventListener("keydown", (event) => this.#key(event));
  }

  draw(): void {
    const rows = this.#tree.rows();
    this.#list.draw(rows.length);
    this.#empty.hidden = rows.length > 0;
    const { unlisted } = this.#tree;
    setText(this.#count, unlisted === 0 ? "" : `${MAX_NODES} levels; ${unlisted} messages of other addresses`);
  }

  focus(): void {
    this.#scroller.focus();
  }

  #createRow(): AddressRowView {
    const view = new AddressRowView();
    view.element.addEventListener("click", (event) => {
      const { node } = view;
      if (node === null) return;
      this.#choose(node);
      if (event.target === view.plot) this.#actions.plot(node.address);
      else if (event.target === view.toggle && node.children.size > 0) this.#tree.setOpen(node, !node.isOpen);
      else this.#actions.filter(node);
      this.draw();
    });
    return view;
  }

  #fill(view: AddressRowView, index: number): void {
    const node = this.#tree.rows()[index];
    if (node === undefined) return;
    view.element.id = `node-${index}`;
    view.show(node, {
      isChosen: node === this.#chosen,
      isPlotted: this.#plots.seriesOf(node.address) !== undefined,
      now: this.#actions.now(),
    });
  }

  #choose(node: AddressNode): void {
    this.#chosen = node;
    const index = this.#tree.rows().indexOf(node);
    this.#list.scrollTo(index);
    this.#scroller.setAttribute("aria-activedescendant", `node-${index}`);
  }

  /** The keys of a tree, as the ARIA practices have them; Enter filters, Space plots. */
  #key(event: KeyboardEvent): void {
    const rows = this.#tree.rows();
    const node = this.#chosen !== null && rows.includes(this.#chosen) ? this.#chosen : null;
    const index = node === null ? -1 : rows.indexOf(node);
    const last = rows.length - 1;
    const steps: Readonly<{ [key: string]: number }> = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: last };
    const step = steps[event.key];
    if (rows.length === 0 || (step === undefined && (node === null || !this.#act(event.key, node)))) return;
    event.preventDefault();
    const next = step === undefined ? undefined : rows[Math.max(0, Math.min(last, step))];
    if (next !== undefined) this.#choose(next);
    this.draw();
  }

  /** @returns false for a key that means nothing here */
  #act(key: string, node: AddressNode): boolean {
    const hasChildren = node.children.size > 0;
    if (key === "Enter") this.#actions.filter(node);
    else if (key === " ") this.#actions.plot(node.address);
    else if (key === "ArrowRight" && hasChildren && !node.isOpen) this.#tree.setOpen(node, true);
    else if (key === "ArrowRight" && hasChildren) this.#choose(this.#tree.rows()[this.#tree.rows().indexOf(node) + 1] ?? node);
    else if (key === "ArrowLeft" && hasChildren && node.isOpen) this.#tree.setOpen(node, false);
    else if (key === "ArrowLeft" && node.parent !== null && node.parent.depth >= 0) this.#choose(node.parent);
    else return key.startsWith("Arrow");
    return true;
  }
}
