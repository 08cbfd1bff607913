import { byId, element } from "./element.ts";

/** A key and what it does. */
export interface Shortcut {
  readonly key: string;
  /** What the help says. */
  readonly what: string;
  readonly run: () => void;
}

/** Keys that elements have by themselves, for the help. */
const OTHER_KEYS: readonly (readonly [key: string, what: string])[] = [
  ["↑ ↓ Home End", "move in messages, addresses, and lines sent"],
  ["← →", "close and open a level of addresses"],
  ["Enter", "filter by the chosen address; send"],
  ["Space", "plot the chosen address"],
  ["Esc", "close details, clear the filter, close this"],
];

/** Single keys for what is done often. They can be switched off, for those to whom they get in the way. */
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
    if (event.target instanceof HTMLInputElement) return;
    const shortcut = this.#shortcuts.get(event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  }
}
