import type { OscMessage, TimeTag } from "../codec/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { formatParts } from "../text/format.ts";
import type { Output } from "./output.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { timeOfDay } from "../text/time-text.ts";

/** Columns grow with what they hold, up to here; what is longer pushes the rest of its own line aside. */
const MAX_WIDTH = { sender: 21, address: 36, types: 10 } as const;

type Column = keyof typeof MAX_WIDTH;

/** Prints messages as lines with aligned columns: time, sender, address, types, arguments, and the time tag of the bundle. */
export class MessagePrinter {
  readonly #output: Output;
  readonly #widths: Record<Column, number> = { sender: 15, address: 12, types: 3 };

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param time of arrival, in milliseconds since 1970 */
  print(message: OscMessage, timeTag: TimeTag | null, from: NetAddress, time: number): void {
    const { address, types, args, timeTag: dated } = formatParts(message, timeTag);
    const output = this.#output;
    const columns = [
      output.styled("dim", `${timeOfDay(time)}  ${this.#column("sender", escapeForTerminal(formatAddress(from)))}`),
      output.styled("bold", this.#column("address", address)),
      output.styled("cyan", this.#column("types", types)),
    ];
    const rest = [args, output.styled("dim", dated)].filter((part) => part !== "");
    output.line([...columns, ...rest].join("  ").trimEnd());
  }

  #column(column: Column, text: string): string {
    this.#widths[column] = Math.min(Math.max(this.#widths[column], text.length), MAX_WIDTH[column]);
    return text.padEnd(this.#widths[column]);
  }
}
