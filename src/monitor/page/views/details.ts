import { escapeForTerminal } from "../../../text/escape.ts";
import { formatMessage, formatParts } from "../../../text/format.ts";
import { formatCommentedHex } from "../../../text/hex.ts";
import { byId, element, setText } from "../dom.ts";
import { numbersOf } from "../plots.ts";
import { type MessageRow, type Row, argumentList, packetEntry } from "../rows.ts";

/** Maximum number of bytes shown: megabytes of hexadecimal would stall the page. */
const MAX_HEX_BYTES = 8192;

/** Actions on the selected message. */
export interface DetailsActions {
  readonly close: () => void;
  /** @param line the message in the form's syntax */
  readonly resend: (line: string) => void;
  readonly plot: (address: string) => void;
}

/** Shows everything about the selected row, including its bytes. */
export class MessageDetails {
  readonly #section = byId("details", HTMLElement);
  readonly #title = byId("details-title", HTMLHeadingElement);
  readonly #facts = byId("details-facts", HTMLDListElement);
  readonly #hex = byId("details-hex", HTMLPreElement);
  readonly #resend = byId("details-resend", HTMLButtonElement);
  readonly #plot = byId("details-plot", HTMLButtonElement);
  #message: MessageRow | null = null;

  constructor({ close, resend, plot }: DetailsActions) {
    byId("details-close", HTMLButtonElement).addEventListener("click", close);
    this.#resend.addEventListener("click", () => {
      if (this.#message !== null) resend(formatMessage({ message: this.#message.message, timeTag: null }));
    });
    this.#plot.addEventListener("click", () => {
      if (this.#message !== null) plot(this.#message.message.address);
    });
  }

  get isOpen(): boolean {
    return !this.#section.hidden;
  }

  /** Shows a row, or nothing for null. */
  show(row: Row | null): void {
    this.#section.hidden = row === null;
    if (row === null) return;
    this.#message = row.kind === "message" ? row : null;
    this.#resend.hidden = this.#message === null;
    this.#plot.hidden = this.#message === null || numbersOf(this.#message.message).length === 0;
    setText(this.#title, row.kind === "message" ? formatParts(row.message, null).address : row.code);
    this.#facts.replaceChildren(...factsOf(row).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
    const bytes = packetEntry(row.record)?.bytes;
    this.#hex.hidden = bytes === undefined;
    if (bytes !== undefined) setText(this.#hex, hexOf(bytes));
  }
}

function factsOf(row: Row): [name: string, text: string][] {
  const { entry } = row.record;
  const facts: [string, string][] = [];
  if (row.kind === "fault") facts.push(["reason", escapeForTerminal(row.reason)]);
  else {
    for (const [index, { tag, type, text }] of argumentList(row.message).entries()) {
      facts.push([`${index + 1}`, text === "" ? `${tag}  ${type}` : `${tag}  ${text}  ${type}`]);
    }
    if (!row.message.hasTypeTags) facts.push(["types", "not sent"]);
    if (row.timeTag !== null) facts.push(["time tag", String(row.timeTag)]);
  }
  facts.push(["arrived", new Date(entry.time).toISOString()]);
  if (entry.from !== "") facts.push(["sender", escapeForTerminal(entry.from)]);
  if (entry.kind === "packet") facts.push(["packet", `${entry.transport === "" ? "" : `${entry.transport}, `}${entry.bytes.length} bytes`]);
  return facts;
}

function hexOf(bytes: Uint8Array): string {
  const shown = formatCommentedHex(bytes.subarray(0, MAX_HEX_BYTES));
  return bytes.length <= MAX_HEX_BYTES ? shown : `${shown}\n… and ${bytes.length - MAX_HEX_BYTES} more bytes`;
}
