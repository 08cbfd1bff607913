/** The parts of the page; on a narrow screen one at a time is shown. */
export type View = "messages" | "addresses" | "plots" | "send";

const NAMES: readonly string[] = ["messages", "addresses", "plots", "send"] satisfies readonly View[];

/** The tabs at the bottom of a narrow screen. */
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
