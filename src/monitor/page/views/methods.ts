import { decodeOrFault } from "../../../codec/decode.ts";
import { OscMessage, type OscValue, encode } from "../../../codec/index.ts";
import { OscDecodeError, OscEncodeError } from "../../../errors.ts";
import { escapeForTerminal } from "../../../text/escape.ts";
import { flatten, formatParts, formatValue } from "../../../text/format.ts";
import type { SendCommand, ShownMethod, ShownMethods, ShownRange } from "../../protocol.ts";
import { byId, element, setText } from "../dom.ts";

/** Actions on methods. */
export interface MethodActions {
  readonly filter: (address: string) => void;
  /** Returns false if there is no connection. */
  readonly send: (command: SendCommand) => boolean;
}

/** Up to this many methods, all levels start open. */
const ALL_OPEN = 60;
/** Received values don't move a control while the user moves it, nor for this long afterwards. */
const USER_MS = 600;
const MAX_SHOWN = 200;
/** This panel's commands have negative ids, to distinguish them from those of the send form. */
const FIRST_ID = -1;

/** Shows the methods of a remote namespace, with controls to set them. */
export class MethodPanel {
  readonly #actions: MethodActions;
  readonly #panel = byId("panel-methods", HTMLElement);
  readonly #tab = byId("tab-methods", HTMLButtonElement);
  readonly #title = byId("methods-title", HTMLHeadingElement);
  readonly #count = byId("method-count", HTMLParagraphElement);
  readonly #problem = byId("methods-problem", HTMLParagraphElement);
  readonly #tree = byId("method-tree", HTMLDivElement);
  readonly #rows = new Map<string, MethodRow>();
  readonly #values = new Map<string, OscMessage>();
  /** Methods with a new value to draw. */
  readonly #changed = new Set<string>();
  /** The levels that the user has opened or closed. */
  readonly #toggled = new Map<string, boolean>();
  #known: ReadonlySet<string> = new Set();
  #shown: ShownMethods | null = null;
  #text = "";
  /** A new tree, shown once the user releases the control. */
  #next: ShownMethods | null = null;
  #touchedAt = -Infinity;
  #id = FIRST_ID;

  constructor(actions: MethodActions) {
    this.#actions = actions;
  }

  /** Shows a tree and its values. */
  show(methods: ShownMethods, values: Uint8Array): void {
    this.#setHidden(false);
    this.#next = methods;
    this.#known = new Set(methods.methods.map(({ address }) => address));
    for (const address of this.#values.keys()) if (!this.#known.has(address)) this.#values.delete(address);
    const packet = decodeOrFault(values);
    if (!(packet instanceof OscDecodeError)) for (const { message } of flatten(packet)) this.value(message);
  }

  /** Handles a method's new value. */
  value(message: OscMessage): void {
    const { address } = message;
    if (!this.#known.has(address)) return;
    this.#values.set(address, message);
    this.#changed.add(address);
  }

  /** Hides the panel until there are methods. */
  hide(): void {
    this.#setHidden(true);
  }

  /** @param time from `performance.now()` */
  draw(time: number): void {
    if (this.#next !== null && time - this.#touchedAt >= USER_MS) {
      this.#build(this.#next);
      this.#next = null;
    }
    for (const address of this.#changed) {
      const row = this.#rows.get(address);
      if (row !== undefined && time - row.touchedAt < USER_MS) continue;
      row?.show(this.#values.get(address));
      this.#changed.delete(address);
    }
  }

  focus(): void {
    this.#title.focus();
  }

  /** Handles the result of a command; false if it isn't one of this panel's. */
  answer(id: number, problem: string | null): boolean {
    if (id > FIRST_ID) return false;
    setText(this.#problem, escapeForTerminal(problem ?? ""));
    return true;
  }

  #setHidden(hidden: boolean): void {
    this.#panel.hidden = hidden;
    this.#tab.hidden = hidden;
    document.body.classList.toggle("has-methods", !hidden);
  }

  #build(methods: ShownMethods): void {
    const text = JSON.stringify(methods);
    if (text === this.#text) return;
    this.#text = text;
    this.#shown = methods;
    this.#rows.clear();
    const { name, total } = methods;
    setText(this.#title, name === "" ? "Methods" : `Methods of ${escapeForTerminal(name)}`);
    setText(this.#count, methods.methods.length < total ? `${methods.methods.length} of ${total}` : String(total));
    this.#tree.replaceChildren(...this.#level(treeOf(methods.methods)));
  }

  /** The elements of a level. Those below are created when it is opened. */
  #level(parent: Level): HTMLElement[] {
    return [...parent.children.values()].flatMap((level) => {
      const own = level.method === null ? [] : [this.#row(level.method, level.name)];
      return level.children.size === 0 ? own : [...own, this.#details(level)];
    });
  }

  #details(level: Level): HTMLElement {
    const below = element("div", { class: "method-level" });
    const details = element("details", {}, element("summary", {}, `${escapeForTerminal(level.name)}/`), below);
    const open = (): void => {
      if (below.childElementCount === 0) below.append(...this.#level(level));
    };
    details.open = this.#toggled.get(level.address) ?? (this.#shown?.methods.length ?? 0) <= ALL_OPEN;
    if (details.open) open();
    details.addEventListener("toggle", () => {
      this.#toggled.set(level.address, details.open);
      if (details.open) open();
    });
    return details;
  }

  #row(method: ShownMethod, name: string): HTMLElement {
    const row = new MethodRow(method, name, {
      filter: () => this.#actions.filter(method.address),
      send: (args) => {
        this.#touchedAt = performance.now();
        this.#send(method, args);
      },
    });
    this.#rows.set(method.address, row);
    row.show(this.#values.get(method.address));
    return row.element;
  }

  #send({ address, types }: ShownMethod, args: readonly OscValue[]): void {
    this.#id -= 1;
    const own = [...types].map((tag, index) => (typeof args[index] === "boolean" ? (args[index] ? "T" : "F") : tag)).join("");
    try {
      const packet = encode(new OscMessage(address, args, own));
      const isSent = this.#actions.send({ id: this.#id, target: this.#shown?.target ?? "", packet });
      setText(this.#problem, isSent ? "" : "Not sent: the monitor is not connected.");
    } catch (error) {
      if (!(error instanceof OscEncodeError)) throw error;
      setText(this.#problem, escapeForTerminal(error.message));
    }
  }
}

/** A level of the tree. */
interface Level {
  readonly name: string;
  readonly address: string;
  readonly children: Map<string, Level>;
  method: ShownMethod | null;
}

function treeOf(methods: readonly ShownMethod[]): Level {
  const root: Level = { name: "", address: "", children: new Map(), method: null };
  for (const method of methods) {
    let level = root;
    for (const name of method.address.slice(1).split("/")) {
      let child = level.children.get(name);
      if (child === undefined) {
        child = { name, address: `${level.address}/${name}`, children: new Map(), method: null };
        level.children.set(name, child);
      }
      level = child;
    }
    level.method = method;
  }
  return root;
}

/** Actions of a row. */
interface RowActions {
  readonly filter: () => void;
  readonly send: (args: readonly OscValue[]) => void;
}

/** A method: its name, its description and a control for each argument. */
class MethodRow {
  readonly element: HTMLElement;
  /** When the user last moved a control, from `performance.now()`. */
  touchedAt: number = -Infinity;
  readonly #types: string;
  readonly #arguments: readonly Argument[];
  /** The whole value, if its arguments don't have fields of their own. */
  readonly #text = element("output", {}, "");

  constructor(method: ShownMethod, name: string, actions: RowActions) {
    const { address, description = "", access, types } = method;
    this.#types = plainTypes(types);
    // Arrays don't have controls.
    const tags = /[[\]]/.test(types) ? [] : [...types];
    const canWrite = (access === "write" || access === "readwrite") && tags.length === types.length;
    this.#arguments = tags.map((tag, index) => new Argument(method, tag, index, canWrite && tags.every(isSettable)));
    const button = element("button", { type: "button", class: "method-name", title: escapeForTerminal(address) }, escapeForTerminal(name));
    button.addEventListener("click", actions.filter);
    const send = (): void => {
      this.touchedAt = performance.now();
      actions.send(this.#arguments.map(({ value }) => value));
    };
    for (const argument of this.#arguments) argument.onChange = send;
    const fields: HTMLElement[] = this.#arguments.map((argument) => argument.element);
    if (canWrite && tags.every((tag) => tag === "I" || tag === "N")) {
      const bang = element("button", { type: "button", class: "method-send", "aria-label": `Send ${escapeForTerminal(address)}` }, "Send");
      bang.addEventListener("click", send);
      fields.push(bang);
    }
    const head = element(
      "div",
      { class: "method-head" },
      button,
      element("span", { class: "method-text" }, escapeForTerminal(description)),
    );
    this.element = element("div", { class: "method", "data-address": address }, head, ...fields, this.#text);
  }

  /** @param message its value, if any */
  show(message: OscMessage | undefined): void {
    if (message === undefined) return;
    const fits = plainTypes(message.types) === this.#types && this.#arguments.length === message.args.length;
    if (fits) for (const [index, argument] of this.#arguments.entries()) argument.show(message.args[index] as OscValue);
    setText(this.#text, fits ? "" : formatParts(message, null).args.slice(0, MAX_SHOWN));
  }
}

/** Treats both booleans as one type. */
function plainTypes(types: string): string {
  return types.replaceAll("F", "T");
}

type Field = HTMLInputElement | HTMLSelectElement;

/** One argument of a method: a control if it can be set, and its value. */
class Argument {
  readonly element: HTMLElement;
  /** Called when the user changes the value. */
  onChange: () => void = () => undefined;
  value: OscValue;
  readonly #tag: string;
  readonly #field: Field | null;
  readonly #output = element("output", {}, "");

  constructor({ address, range, unit }: ShownMethod, tag: string, index: number, canSet: boolean) {
    const allowed = range?.[index] ?? {};
    this.#tag = tag;
    this.value = firstValue(tag, allowed);
    this.#field = canSet ? fieldOf(tag, allowed) : null;
    this.element = element("label", { class: "argument" });
    if (this.#field !== null) {
      this.#field.ariaLabel = `${escapeForTerminal(address)}${index === 0 ? "" : `, argument ${index + 1}`}`;
      // Sliders send while they move; text fields send when editing ends.
      const isText = this.#field instanceof HTMLInputElement && (this.#field.type === "text" || this.#field.type === "number");
      this.#field.addEventListener(isText ? "change" : "input", () => this.#changed());
      this.element.append(this.#field);
    }
    // Other fields show the value themselves.
    if (this.#field === null || this.#field.type === "range") this.element.append(this.#output);
    this.element.append(element("span", { class: "unit" }, escapeForTerminal(unit?.[index] ?? "")));
  }

  show(value: OscValue): void {
    this.value = value;
    const field = this.#field;
    if (field instanceof HTMLSelectElement) {
      field.selectedIndex = [...field.options].findIndex((option) => option.value === String(value));
    } else if (field?.type === "checkbox") field.checked = value === true;
    // Don't overwrite what the user is typing.
    else if (field !== null && (field.type === "range" || document.activeElement !== field)) field.value = String(value);
    this.#write();
  }

  #changed(): void {
    const field = this.#field;
    if (field === null) return;
    const text = field.value;
    if (field instanceof HTMLInputElement && field.type === "checkbox") this.value = field.checked;
    else if (this.#tag === "s" || this.#tag === "S") this.value = text;
    else if (this.#tag === "h") this.value = /^[-+]?\d+$/.test(text) ? BigInt(text) : this.value;
    else this.value = text === "" ? this.value : Number(text);
    this.#write();
    this.onChange();
  }

  #write(): void {
    const { value } = this;
    setText(this.#output, typeof value === "boolean" ? (value ? "on" : "off") : formatValue(this.#tag, value).slice(0, MAX_SHOWN));
  }
}

function isSettable(tag: string): boolean {
  return "ifdhsSTFNI".includes(tag);
}

/** The value sent for an argument that doesn't have one yet. */
function firstValue(tag: string, { min, max, values }: ShownRange): OscValue {
  if (tag === "s" || tag === "S") return String(values?.[0] ?? "");
  if (tag === "T" || tag === "F") return false;
  if (tag === "N") return null;
  if (tag === "I") return Infinity;
  const number = Number(values?.[0] ?? Math.max(min ?? -Infinity, Math.min(max ?? Infinity, 0)));
  return tag === "h" ? BigInt(Math.trunc(number)) : number;
}

function fieldOf(tag: string, { min, max, values }: ShownRange): Field | null {
  if (tag === "N" || tag === "I") return null;
  if (tag === "T" || tag === "F") return element("input", { type: "checkbox", role: "switch" });
  if (values !== undefined && values.length > 0) {
    const options = values.map((value) => element("option", { value: String(value) }, escapeForTerminal(String(value))));
    return element("select", {}, ...options);
  }
  if (tag === "s" || tag === "S")
    return element("input", { type: "text", autocapitalize: "none", spellcheck: "false", enterkeyhint: "send" });
  if (tag === "h") return element("input", { type: "text", inputmode: "numeric", enterkeyhint: "send" });
  const isWhole = tag === "i";
  if (min === undefined || max === undefined)
    return element("input", { type: "number", step: isWhole ? "1" : "any", enterkeyhint: "send" });
  const step = isWhole ? "1" : String((max - min) / 1000 || 1);
  return element("input", { type: "range", min: String(min), max: String(max), step });
}
