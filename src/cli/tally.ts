import type { Output } from "./output.ts";
import { escapeForTerminal } from "../text/escape.ts";

/** So many addresses are counted one by one; a sender that makes up new ones must not fill the memory. */
const MAX_ADDRESSES = 10_000;

/** Counts messages by their address. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #others = 0;
  #faults = 0;

  add(address: string): void {
    const count = this.#counts.get(address);
    if (count === undefined && this.#counts.size >= MAX_ADDRESSES) this.#others += 1;
    else this.#counts.set(address, (count ?? 0) + 1);
  }

  /** A packet that could not be read. */
  addFault(): void {
    this.#faults += 1;
  }

  /**
   * Prints the counts, the largest first.
   *
   * @param unseen how many datagrams the system dropped before they could be read
   */
  print(output: Output, unseen = 0): void {
    const rows = [...this.#counts].toSorted(([, a], [, b]) => b - a);
    if (this.#others > 0) rows.push(["(further addresses)", this.#others]);
    const total = rows.reduce((sum, [, count]) => sum + count, 0);
    const width = String(total).length;
    for (const [address, count] of rows) output.line(`${String(count).padStart(width)}  ${escapeForTerminal(address)}`);
    const faults = this.#faults === 0 ? "" : `; ${plural(this.#faults, "packet")} could not be read`;
    output.line(
      output.styled(
        "bold",
        `${plural(total, "message")}${faults}${unseen === 0 ? "" : `; ${plural(unseen, "packet")} dropped by the system`}`,
      ),
    );
  }
}

/** `1 message`, `2 messages`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
