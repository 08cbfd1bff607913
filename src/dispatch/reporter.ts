import { OscError, OscRejectedError, type RejectReason } from "../errors.ts";
import { formatAddress, type NetAddress } from "../net-address.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { systemClock } from "./clock.ts";

/** Receives errors that don't stop anything. `clientAddress` is undefined if no client caused the error. */
export type ErrorListener = (error: OscError, clientAddress?: NetAddress) => void;

const WINDOW_MS = 1000;
/** Number of senders remembered for once-per-sender reports. Beyond this the oldest is forgotten, and may be reported again. */
const MAX_SENDERS = 1024;

/** Errors of one kind within one second. */
interface Window {
  readonly since: number;
  reported: number;
  suppressed: number;
}

/**
 * Passes errors to a listener, at most `maxReports` of a kind per second, so that a flood of bad packets doesn't become a flood of reports.
 * The rest are counted, and their number is reported at the end of the second.
 */
export class Reporter {
  readonly #listener: ErrorListener;
  readonly #maxReports: number;
  readonly #windows = new Map<string, Window>();
  readonly #told = new Set<string>();
  #timer: unknown = null;
  #timerSetAt = 0;

  constructor(listener: ErrorListener, maxReports: number) {
    this.#listener = listener;
    this.#maxReports = maxReports;
  }

  report(error: OscError, client?: NetAddress): void {
    if (this.#allows(kindOf(error))) this.#tell(error, client);
  }

  /** Like {@link report}, for a rejected packet. The error is created only if it is reported. */
  reportRejection(reason: RejectReason, makeError: () => OscRejectedError, client?: NetAddress): void {
    if (this.#allows(kindOfRejection(reason))) this.#tell(makeError(), client);
  }

  /** Like {@link report}, but only the first error with this code from this sender, whatever its port. */
  reportOnce(code: string, makeError: () => OscError, client: NetAddress): void {
    const sender = `${code} ${client.address}`;
    if (this.#told.has(sender) || !this.#allows(code)) return;
    const [oldest] = this.#told;
    if (oldest !== undefined && this.#told.size >= MAX_SENDERS) this.#told.delete(oldest);
    this.#told.add(sender);
    this.#tell(makeError(), client);
  }

  /** Reports suppressed errors, and clears the timer. The reporter can be used again. */
  close(): void {
    this.#tellSuppressed();
    if (this.#timer !== null) systemClock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /**
   * For a blocked thread, where the timer can't fire: reports suppressed errors whose second is over.
   *
   * @returns milliseconds until the next report; `Infinity` if nothing is suppressed
   */
  catchUp(): number {
    if (this.#timer === null) return Infinity;
    const left = this.#timerSetAt + WINDOW_MS - performance.now();
    if (left > 0) return left;
    systemClock.clearTimer(this.#timer);
    this.#tellSuppressed();
    return Infinity;
  }

  /** Counts an error of that kind. Returns whether it may be reported, rather than suppressed. */
  #allows(kind: string): boolean {
    const now = performance.now();
    let window = this.#windows.get(kind);
    if (window === undefined || (now - window.since >= WINDOW_MS && window.suppressed === 0)) {
      window = { since: now, reported: 0, suppressed: 0 };
      this.#windows.set(kind, window);
    }
    if (window.reported < this.#maxReports) {
      window.reported += 1;
      return true;
    }
    window.suppressed += 1;
    if (this.#timer === null) {
      this.#timerSetAt = now;
      this.#timer = systemClock.setTimer(() => this.#tellSuppressed(), WINDOW_MS);
    }
    return false;
  }

  #tellSuppressed(): void {
    this.#timer = null;
    for (const [kind, { suppressed }] of this.#windows) {
      if (suppressed > 0) this.#tell(new OscError("OSC_SUPPRESSED", `${suppressed} more errors of the kind ${kind} were suppressed.`));
    }
    this.#windows.clear();
  }

  #tell(error: OscError, client?: NetAddress): void {
    tellListener(this.#listener, error, client);
  }
}

function kindOf(error: OscError): string {
  return error instanceof OscRejectedError ? kindOfRejection(error.reason) : error.code;
}

function kindOfRejection(reason: RejectReason): string {
  return `OSC_REJECTED ${reason}`;
}

/** Calls a listener. If it throws, prints the error, because it must not stop the server. Never throws. */
export function tellListener(listener: ErrorListener, error: OscError, client?: NetAddress): void {
  try {
    listener(error, client);
  } catch (thrown) {
    if (listener !== reportToConsole) reportToConsole(error, client);
    printError([escapeForTerminal(`oscine: onError failed: ${textOf(thrown)}`), ...userFrames(thrown)].join("\n"));
  }
}

/** Prints an error to stderr: the default `onError`. One line, plus the user's stack frames if a handler threw. Never throws. */
export function reportToConsole(error: OscError, clientAddress?: NetAddress): void {
  try {
    const from = clientAddress === undefined ? "" : `from ${formatAddress(clientAddress)}: `;
    const line = escapeForTerminal(`oscine: ${from}${error.message} [${error.code}]`);
    printError([line, ...(error.code === "OSC_HANDLER_FAILED" ? userFrames(error.cause) : [])].join("\n"));
  } catch {
    printError("oscine: an error was reported that can't be shown.");
  }
}

let isStderrGuarded = false;

function printError(text: string): void {
  try {
    // In Node, the stream emits write errors later (a full disk, a closed pipe), which would crash the program.
    const node = Reflect.get(globalThis, "process") as { stderr?: { on?(event: "error", listener: () => void): unknown } } | undefined;
    if (!isStderrGuarded) node?.stderr?.on?.("error", () => undefined);
    isStderrGuarded = true;
    // oxlint-disable-next-line no-console -- stderr is where errors go that nobody listens for
    console.error(text);
  } catch {
    // There is nowhere left to report it.
  }
}

/** The frames of a callback's error outside Oscine and Node. Never throws. */
function userFrames(cause: unknown): string[] {
  const frames = stackOf(cause)
    ?.split("\n")
    .filter((line) => /^\s+at /.test(line));
  if (frames === undefined) return [];
  const end = frames.findIndex((line) => line.includes("PacketExecution.") || line.includes("at tellListener "));
  const before = (end < 0 ? frames : frames.slice(0, end)).filter((line) => !/[( ]node:|\(<anonymous>\)/.test(line));
  // The folder of this package, as written in a stack trace.
  const own = /^(?:file:\/\/)?(.*\/(?:src|dist)\/)/.exec(import.meta.url)?.[1];
  const users = own === undefined ? before : before.filter((line) => !line.includes(own));
  // In a bundle, the program and this package share one file.
  return (users.length > 0 ? users : before).map((line) => escapeForTerminal(line));
}

function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error ? String(thrown.stack) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "it threw a value that can't be shown.";
  }
}
