import { MessageFilter } from "../../../text/message-filter.ts";
import { UsageError } from "../../../text/usage-error.ts";
import { byId, element, setText } from "../dom.ts";

/** The filter field: patterns of `oscine dump --match`, separated by spaces. */
export class FilterField {
  readonly #input = byId("filter", HTMLInputElement);
  readonly #clear = byId("filter-clear", HTMLButtonElement);
  readonly #problem = byId("filter-problem", HTMLParagraphElement);
  readonly #onChange: (filter: MessageFilter | null) => void;

  /** @param onChange called with the new filter, null for none; not called for invalid text */
  constructor(onChange: (filter: MessageFilter | null) => void) {
    this.#onChange = onChange;
    this.#input.addEventListener("input", () => this.#apply());
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.set("");
      this.#input.blur();
    });
    this.#clear.addEventListener("click", () => {
      this.set("");
      this.#input.focus();
    });
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  /** Sets the filter to one pattern, or clears it if it is already set to that pattern. */
  toggle(pattern: string): void {
    this.set(this.#input.value === pattern ? "" : pattern);
  }

  set(text: string): void {
    if (this.#input.value === text) return;
    this.#input.value = text;
    this.#apply();
  }

  #apply(): void {
    const { value } = this.#input;
    this.#clear.hidden = value === "";
    // An address may contain spaces; a pattern begins with a slash or a star.
    const wanted = value.trim() === "" ? [] : value.trim().split(/ +(?=[/*])/);
    let problem = "";
    try {
      const filter = wanted.length === 0 ? null : new MessageFilter(wanted);
      this.#onChange(filter);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problem = error.message;
    }
    this.#input.ariaInvalid = String(problem !== "");
    setText(this.#problem, problem);
  }
}

/** A key and what it does. */
export interface Shortcut {
  readonly key: string;
  /** The help text. */
  readonly what: string;
  readonly run: () => void;
}

/** Keys handled by the browser or a panel, listed in the help. */
const OTHER_KEYS: readonly (readonly [key: string, what: string])[] = [
  ["↑ ↓ Home End", "move through messages, addresses and sent lines"],
  ["← →", "close or open a level of addresses"],
  ["Enter", "filter by the selected address; send"],
  ["Space", "plot the selected address"],
  ["Esc", "close details, clear the filter, close this help"],
];

/** Single-key shortcuts for frequent actions. They can be turned off. */
export class Shortcuts {
  readonly #shortcuts: ReadonlyMap<string, Shortcut>;
  readonly #dialog = byId("help-dialog", HTMLDialogElement);
  readonly #switch = byId("shortcuts-on", HTMLInputElement);

  constructor(shortcuts: readonly Shortcut[]) {
    const help: Shortcut = { key: "?", what: "this help", run: () => this.#dialog.showModal() };
    const all = [...shortcuts, help];
    this.#shortcuts = new Map(all.map((shortcut) => [shortcut.key, shortcut]));
    const rows = [...all.map(({ key, what }) => [key, what] as const), ...OTHER_KEYS];
    byId("help-keys", HTMLDListElement).append(
      ...rows.map(([key, what]) => element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, what))),
    );
    byId("help", HTMLButtonElement).addEventListener("click", help.run);
    byId("help-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || this.#dialog.open || !this.#switch.checked) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    const shortcut = this.#shortcuts.get(event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  }
}

/** The parts of the page; a narrow screen shows one at a time. */
export type View = "messages" | "addresses" | "methods" | "plots" | "send";

const NAMES: readonly string[] = ["messages", "addresses", "methods", "plots", "send"] satisfies readonly View[];

/** The tabs at the bottom of narrow screens. */
export class Views {
  readonly #tabs = [...document.querySelectorAll<HTMLButtonElement>(".tabs button")];

  constructor() {
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.#choose(tab.dataset["view"] ?? ""));
  }

  show(view: View): void {
    this.#choose(view);
  }

  #choose(name: string): void {
    if (!NAMES.includes(name)) return;
    document.body.dataset["view"] = name;
    for (const tab of this.#tabs) {
      if (tab.dataset["view"] === name) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  }
}

/** Makes the browser save bytes as a file. */
export function download(name: string, parts: readonly Uint8Array[]): void {
  const url = URL.createObjectURL(new Blob(parts as Uint8Array<ArrayBuffer>[], { type: "application/x-ndjson" }));
  element("a", { href: url, download: name }).click();
  // By then the download has started.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
