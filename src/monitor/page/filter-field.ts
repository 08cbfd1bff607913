import { MessageFilter } from "../../text/message-filter.ts";
import { UsageError } from "../../text/usage-error.ts";
import { byId, setText } from "./element.ts";

/** The field for the filter: patterns as `oscine dump --match` takes them, parted by spaces. */
export class FilterField {
  readonly #input = byId("filter", HTMLInputElement);
  readonly #clear = byId("filter-clear", HTMLButtonElement);
  readonly #problem = byId("filter-problem", HTMLParagraphElement);
  readonly #onChange: (filter: MessageFilter | null) => void;

  /** @param onChange called with the new filter, null for none; not where the text is wrong */
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

  /** The text is taken for one pattern; the same once more takes it away. */
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
    // An address may hold spaces; a pattern begins with a slash or a star.
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
