import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { OscMessage, TimeTag } from "../codec/index.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import type { ServerStats } from "../server/index.ts";
import { formatParts } from "../text/format.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { timeOfDay } from "../text/values.ts";
import { wrapHelp, wrapWords } from "./wrap.ts";

/** Terminal SGR codes. */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof STYLES;

const DEFAULT_COLUMNS = 80;
/** The narrowest width to wrap to. */
const LEAST_COLUMNS = 20;

/** Pause before writing to a full pipe again. */
const FULL_PIPE_MS = 5;

/**
 * Standard output or standard error. Writes synchronously, so nothing is lost when the process exits. Reports once if the reader closes the pipe
 * (`| head -1`).
 */
export class Output {
  /** True if colors are enabled. */
  readonly hasColor: boolean;
  readonly #descriptor: number;
  readonly #onClosed: (error: NodeJS.ErrnoException) => void;
  /** The width of the terminal; null if it isn't one. */
  readonly #columns: number | null;
  readonly #mask: (text: string) => string;
  #isClosed = false;
  #hasStatus = false;

  /**
   * @param descriptor 1 or 2
   * @param environment variables, including `NO_COLOR`, `FORCE_COLOR` and `COLUMNS`
   * @param onClosed called once with the system's error when writing fails
   * @param mask removes secrets from every line. Default: prints lines unchanged
   */
  constructor(
    descriptor: number,
    environment: Readonly<Record<string, string | undefined>>,
    onClosed: (error: NodeJS.ErrnoException) => void,
    mask: (text: string) => string = (text) => text,
  ) {
    this.#descriptor = descriptor;
    this.#onClosed = onClosed;
    this.#mask = mask;
    this.hasColor = wantsColor(environment) ?? isatty(descriptor);
    this.#columns = columnsOf(descriptor, environment["COLUMNS"]);
  }

  /** Writes a line. It may contain line breaks. */
  line(text: string): void {
    if (!this.#isClosed) this.#write(new TextEncoder().encode(`${this.#hasStatus ? CLEAR_LINE : ""}${this.#mask(text)}\n`));
    this.#hasStatus = false;
  }

  /** Writes prose: word-wrapped on a terminal, otherwise as one line for `grep`. */
  text(text: string): void {
    // Mask before wrapping, because a secret may contain a space.
    const masked = this.#mask(text);
    this.line(this.#columns === null ? masked : wrapWords(masked, this.#columns));
  }

  /** Writes a help text, wrapped to the terminal's width or 80 columns. */
  help(text: string): void {
    this.line(wrapHelp(text, this.#columns ?? DEFAULT_COLUMNS));
  }

  /** Whether it is a terminal that can rewrite a line. */
  get isTerminal(): boolean {
    return isatty(this.#descriptor);
  }

  /** Replaces the status on the terminal's last line; an empty text removes it. The next `line` overwrites it. */
  status(text: string): void {
    if (!this.#isClosed) this.#write(new TextEncoder().encode(`${CLEAR_LINE}${text}`));
    this.#hasStatus = text !== "";
  }

  /** The styled text; unchanged if colors are off. */
  styled(style: Style, text: string): string {
    return this.hasColor && text !== "" ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  #write(bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#descriptor, bytes, written);
      } catch (error) {
        if (isFull(error)) {
          pause(FULL_PIPE_MS);
          continue;
        }
        this.#isClosed = true;
        this.#onClosed(error as NodeJS.ErrnoException);
        return;
      }
    }
  }
}

/** Moves to the beginning of the line and erases it. */
const CLEAR_LINE = "\r\u001b[K";
const STATUS_MS = 500;

/** A progress line, updated every half second. Only shown on a terminal. */
export class StatusLine {
  readonly #output: Output;
  readonly #timer: ReturnType<typeof setInterval> | null;

  constructor(output: Output, describe: () => string) {
    this.#output = output;
    this.#timer = output.isTerminal ? setInterval(() => output.status(describe()), STATUS_MS) : null;
  }

  close(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#output.status("");
  }
}

/** Columns grow with their content up to this width, to fit lines into 80 columns. A longer word shifts only the rest of its own line. */
const MAX_WIDTH = { sender: 21, address: 20, types: 4 } as const;

type Column = keyof typeof MAX_WIDTH;

/** Stands for a sender that nobody knows, as of a recording. */
export const UNKNOWN_SENDER: NetAddress = { address: "-", port: 0, family: "unix" };

/** Prints messages as lines with aligned columns: time, sender, address, types, arguments, and the time tag of the bundle. */
export class MessagePrinter {
  readonly #output: Output;
  readonly #widths: Record<Column, number> = { sender: 15, address: 12, types: 3 };

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param time the time of arrival, in milliseconds since 1970 */
  print(message: OscMessage, timeTag: TimeTag | null, from: NetAddress, time: number): void {
    const { address, types, args, timeTag: dated } = formatParts(message, timeTag);
    const output = this.#output;
    const columns = [
      output.styled("dim", `${timeOfDay(time)}  ${this.#column("sender", escapeForTerminal(formatAddress(from)))}`),
      output.styled("bold", this.#column("address", escapeForTerminal(address))),
      output.styled("cyan", this.#column("types", escapeForTerminal(types))),
    ];
    const rest = [args, output.styled("dim", dated)].filter((part) => part !== "");
    output.line([...columns, ...rest].join("  ").trimEnd());
  }

  #column(column: Column, text: string): string {
    if (text.length <= MAX_WIDTH[column]) this.#widths[column] = Math.max(this.#widths[column], text.length);
    return text.padEnd(this.#widths[column]);
  }
}

/** `1 message`, `2 messages`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** The counters of a server as one line. */
export function describeTotals(stats: ServerStats): string {
  const { received, handled, unmatched, rejected, dropped, kernelDropped, handlerErrors, redelivered, deadLettered } = stats;
  const reasons = Object.entries(rejected).filter(([, count]) => count > 0);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  const why = reasons.length === 0 ? "" : ` (${reasons.map(([reason, count]) => `${reason} ${count}`).join(", ")})`;
  const others = {
    "messages without a handler": unmatched,
    "dropped by the kernel": kernelDropped ?? 0,
    "handler errors": handlerErrors,
    redelivered,
    "dead letters": deadLettered,
  };
  const shown = Object.entries(others).filter(([, count]) => count > 0);
  return [
    `received ${received}, handled ${handled}, rejected ${total}${why}, dropped ${dropped}`,
    ...shown.map((one) => one.join(" ")),
  ].join(", ");
}

/** Follows {@link https://no-color.org} and Node's own rules; undefined if the terminal decides. */
function wantsColor({ FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>): boolean | undefined {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  if ((NO_COLOR !== undefined && NO_COLOR !== "") || TERM === "dumb") return false;
  return undefined;
}

/** COLUMNS takes precedence, as in other tools. */
function columnsOf(descriptor: number, variable: string | undefined): number | null {
  const isSet = variable !== undefined && /^\d+$/.test(variable) && Number(variable) > 0;
  if (!isSet && !isatty(descriptor)) return null;
  const { columns = DEFAULT_COLUMNS } = isSet ? { columns: Number(variable) } : descriptor === 1 ? process.stdout : process.stderr;
  return Math.max(LEAST_COLUMNS, columns);
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EAGAIN" || code === "EINTR";
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
