import type { OscError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import type { Output } from "./output.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { timeOfDay } from "../text/time-text.ts";

/** How a command ends. */
export const EXIT = { success: 0, failure: 1, usage: 2 } as const;

/** What a command has around it. */
export interface Session {
  /** Standard output: what was asked for. */
  readonly out: Output;
  /** Standard error: what is said about it. */
  readonly err: Output;
  /** Aborted by Ctrl-C, by a request to end, and when nobody reads the output any more. */
  readonly stop: AbortSignal;
  /** How to call this program again, such as `oscine` or `npx oscine`. */
  readonly program: string;
}

/** One command of `oscine`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** All that `--help` shows. */
  readonly help: string;
  /**
   * @param words what stands after the command's name
   * @returns the exit code
   * @throws UsageError for a wrong word, OscError for what cannot be done
   */
  run(words: readonly string[], session: Session): Promise<number>;
}

/** Shows an error that does not end the command, as one line on standard error. */
export function report({ err }: Session, error: OscError, from?: NetAddress): void {
  const sender = from === undefined ? "" : `${formatAddress(from)}  `;
  err.line(
    `${err.styled("dim", `${timeOfDay(Date.now())}  ${sender}`)}${err.styled("red", error.code)}  ${escapeForTerminal(error.message)}`,
  );
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
