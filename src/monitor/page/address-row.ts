import { formatParts } from "../../text/format.ts";
import { escapeForTerminal } from "../../text/escape.ts";
import { element, setText } from "./element.ts";
import type { AddressNode } from "./model/address-tree.ts";
import { numbersOf } from "./model/plot-series.ts";

/** A light goes out within about this many milliseconds. */
const AFTERGLOW_MS = 500;
const MAX_SHOWN = 120;

/** How a node is shown beside what it holds. */
export interface NodeState {
  readonly isChosen: boolean;
  readonly isPlotted: boolean;
  /** The monitor's time, in milliseconds since 1970. */
  readonly now: number;
}

/** The elements of one line of the tree. */
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
