/** So many lines are kept. */
const MAX_LINES = 50;

/** The lines that were sent, the newest last, and a place among them that the arrow keys move. */
export class SendHistory {
  #lines: string[];
  #place: number;
  #draft = "";

  /** @param lines as {@link lines} gave them, of an earlier visit */
  constructor(lines: readonly string[] = []) {
    this.#lines = lines.slice(-MAX_LINES);
    this.#place = this.#lines.length;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Remembers a line that was sent: once, at the end. */
  add(line: string): void {
    this.#lines = [...this.#lines.filter((other) => other !== line), line].slice(-MAX_LINES);
    this.#place = this.#lines.length;
    this.#draft = "";
  }

  /** The line before the one that is shown; null at the oldest. What was typed is kept for the way back. */
  older(shown: string): string | null {
    if (this.#place === 0) return null;
    if (this.#place === this.#lines.length) this.#draft = shown;
    this.#place -= 1;
    return this.#lines[this.#place] ?? null;
  }

  /** The line after the one that is shown: in the end what was typed; null there. */
  newer(): string | null {
    if (this.#place === this.#lines.length) return null;
    this.#place += 1;
    return this.#lines[this.#place] ?? this.#draft;
  }
}
