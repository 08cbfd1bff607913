import type { OscError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { UsageError } from "../text/usage-error.ts";
import { timeOfDay } from "../text/values.ts";
import type { Output } from "./output.ts";

/** Exit codes. */
export const EXIT = { success: 0, failure: 1, usage: 2 } as const;

/** The context of every command. */
export interface Session {
  /** Standard output: the requested data. */
  readonly out: Output;
  /** Standard error: everything else. */
  readonly err: Output;
  /** Aborted by Ctrl-C, SIGTERM, and when the reader of the output is gone. */
  readonly stop: AbortSignal;
  /** How to call this program again, such as `oscine` or `npx oscine`. */
  readonly program: string;
}

/** One command of `oscine`. */
export interface Command {
  /** The text of `--help`. */
  readonly help: string;
  /**
   * @param words the words after the command's name
   * @returns the exit code
   * @throws UsageError if a word is invalid, OscError if the command fails
   */
  run(words: readonly string[], session: Session): Promise<number>;
}

/** Option names in the library's messages, and the flags that set them. */
const FLAGS: readonly (readonly [option: string, flag: string])[] = [
  ["the option origins", "--origin"],
  ["set strictTiming to false", "add --no-strict-timing"],
  ["strictTiming: false", "--no-strict-timing"],
];

/** Prints an error that doesn't end the command, as one line on standard error. */
export function report({ err }: Session, error: OscError, from?: NetAddress): void {
  const sender = from === undefined ? "" : `${formatAddress(from)}  `;
  const message = FLAGS.reduce((text, [option, flag]) => text.replaceAll(option, flag), error.message);
  err.text(`${err.styled("dim", `${timeOfDay(Date.now())}  ${sender}`)}${err.styled("red", error.code)}  ${escapeForTerminal(message)}`);
}

/** The error for a file that can't be written. */
export function unwritable(path: string, cause: unknown): UsageError {
  return new UsageError(`${path} can't be written: ${cause instanceof Error ? cause.message : String(cause)}`);
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
