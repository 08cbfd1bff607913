import { escapeForTerminal } from "../../../text/escape.ts";
import { formatParts } from "../../../text/format.ts";
import { type AddressNode, type AddressTree, MAX_NODES } from "../address-tree.ts";
import { VirtualList, byId, element, setText } from "../dom.ts";
import { type Plots, numbersOf } from "../plots.ts";
import type { Store } from "../store.ts";

/** Actions on an address. */
export interface AddressActions {
  readonly filter: (node: AddressNode) => void;
  readonly plot: (address: string) => void;
  /** The monitor's time, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Shows the tree of received addresses. */
export class AddressPanel {
  #tree: AddressTree;
  #plots: Plots;
  readonly #actions: AddressActions;
  readonly #scroller = byId("address-scroller", HTMLDivElement);
  readonly #empty = byId("addresses-empty", HTMLParagraphElement);
  readonly #count = byId("address-count", HTMLParagraphElement);
  readonly #list: VirtualList<AddressRowView>;
  #chosen: AddressNode | null = null;

  constructor({ tree, plots }: Store, actions: AddressActions) {
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

  /** Shows the addresses of another store. */
  show({ tree, plots }: Store): void {
    this.#tree = tree;
    this.#plots = plots;
    this.#chosen = null;
    this.draw();
  }

  draw(): void {
    const rows = this.#tree.rows();
    this.#list.draw(rows.length);
    this.#empty.hidden = rows.length > 0;
    const { unlisted } = this.#tree;
    setText(this.#count, unlisted === 0 ? "" : `${MAX_NODES} levels; ${unlisted} messages at other addresses`);
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

  /** Keys follow the ARIA practices for trees; Enter filters, Space plots. */
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

  /** @returns false if the key has no action here */
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

/** An activity light fades within about this time. */
const AFTERGLOW_MS = 500;
const MAX_SHOWN = 120;

/** The display state of a node. */
export interface NodeState {
  readonly isChosen: boolean;
  readonly isPlotted: boolean;
  /** The monitor's time, in milliseconds since 1970. */
  readonly now: number;
}

/** The elements of one row of the tree. */
export class AddressRowView {
  readonly element: HTMLDivElement = element("div", { class: "node", role: "treeitem" });
  readonly toggle: HTMLSpanElement = element("span", { class: "toggle", "aria-hidden": "true" });
  readonly plot: HTMLButtonElement = element("button", { type: "button", class: "plot-toggle", tabindex: "-1" }, "∿");
  node: AddressNode | null = null;
  readonly #light = element("span", { class: "light", "aria-hidden": "true" });
  readonly #name = element("span", { class: "name" }, "");
  readonly #value = element("span", { class: "value" }, "");
  readonly #rate = element("span", { class: "rate" }, "");

  constructor() {
    this.element.append(this.toggle, this.#light, this.#name, this.#value, this.#rate, this.plot);
  }

  show(node: AddressNode, { isChosen, isPlotted, now }: NodeState): void {
    if (this.node !== node) {
      this.node = node;
      this.element.style.setProperty("--depth", String(Math.min(node.depth, 12)));
      this.element.setAttribute("aria-level", String(node.depth + 1));
      setText(this.#name, nameOf(node));
      this.element.title = escapeForTerminal(node.address);
    }
    const hasChildren = node.children.size > 0;
    this.toggle.classList.toggle("has", hasChildren);
    if (hasChildren) this.element.ariaExpanded = String(node.isOpen);
    else this.element.removeAttribute("aria-expanded");
    this.element.ariaSelected = String(isChosen);
    const value = node.last === null ? (node.hasMessages ? "(large)" : "") : formatParts(node.last, null).args.slice(0, MAX_SHOWN);
    setText(this.#value, value);
    setText(this.#rate, rateText(node.meter.rate(now)));
    const glow = Math.exp((node.lastTime - now) / AFTERGLOW_MS);
    this.#light.style.opacity = Math.max(0.12, Math.min(1, glow)).toFixed(2);
    this.plot.hidden = node.last === null || numbersOf(node.last).length === 0;
    this.plot.ariaPressed = String(isPlotted);
    this.plot.ariaLabel = `Plot ${node.address}`;
  }
}

function nameOf({ name, children, parent }: AddressNode): string {
  const shown = name === "" ? "(empty)" : escapeForTerminal(name);
  if (parent?.parent === null && !shown.startsWith("/")) return `/${shown}${children.size > 0 ? "/" : ""}`;
  return children.size > 0 ? `${shown}/` : shown;
}

function rateText(rate: number): string {
  if (rate < 0.05) return "";
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toString()}/s`;
}
