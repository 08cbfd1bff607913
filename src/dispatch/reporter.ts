import { OscError, OscRejectedError, type RejectReason } from "../errors.ts";
import { formatAddress, type NetAddress } from "../net-address.ts";
import { escapeForTerminal } from "../text/escape.ts";
import { systemClock } from "./clock.ts";

/** Takes what went wrong without stopping anything. `clientAddress` is missing if no client is to blame. */
export type ErrorListener = (error: OscError, clientAddress?: NetAddress) => void;

const WINDOW_MS = 1000;
/** How many senders are remembered for what is reported once per sender. Beyond them the oldest is forgotten, and may be reported again. */
const MAX_SENDERS = 1024;

/** Errors of one kind within one second. */
interface Window {
  readonly since: number;
  reported: number;
  suppressed: number;
}

/**
 * Passes errors on to a listener, at most `maxReports` of a kind per second, so that a flood of bad packets doesn't become a flood of
 * reports. The others are counted, and their number is reported when the second is over.
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

  /** As {@link report} for a rejected packet; the error is made only if it is reported. */
  reportRejection(reason: RejectReason, makeError: () => OscRejectedError, client?: NetAddress): void {
    if (this.#allows(kindOfRejection(reason))) this.#tell(makeError(), client);
  }

  /** As {@link report}, but only the first error of this code from this sender, whatever its port. */
  reportOnce(code: string, makeError: () => OscError, client: NetAddress): void {
    const sender = `${code} ${client.address}`;
    if (this.#told.has(sender) || !this.#allows(code)) return;
    const [oldest] = this.#told;
    if (oldest !== undefined && this.#told.size >= MAX_SENDERS) this.#told.delete(oldest);
    this.#told.add(sender);
    this.#tell(makeError(), client);
  }

  /** Reports what is still held back, and leaves no timer. The reporter can be used again. */
  close(): void {
    this.#tellSuppressed();
    if (this.#timer !== null) systemClock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /**
   * For a thread that blocks, where the timer can't fire: reports what was held back if its second is over.
   *
   * @returns in how many milliseconds there will be something to report; `Infinity` if nothing is held back
   */
  catchUp(): number {
    if (this.#timer === null) return Infinity;
    const left = this.#timerSetAt + WINDOW_MS - performance.now();
    if (left > 0) return left;
    systemClock.clearTimer(this.#timer);
    this.#tellSuppressed();
    return Infinity;
  }

  /** Counts an error of that kind: whether it may be reported, or is held back. */
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
      if (suppressed > 0) this.#tell(new OscError("OSC_SUPPRESSED", `${suppressed} more errors of the kind ${kind} were only counted.`));
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

/** Calls a listener. One that throws must not stop the server, so what it throws is printed, because nobody else will. Never throws. */
export function tellListener(listener: ErrorListener, error: OscError, client?: NetAddress): void {
  try {
    listener(error, client);
  } catch (thrown) {
    if (listener !== reportToConsole) reportToConsole(error, client);
    printError([escapeForTerminal(`oscine: onError failed: ${textOf(thrown)}`), ...userFrames(thrown)].join("\n"));
  }
}

/** Prints an error to stderr: the default `onError`. One line, and the caller's own stack frames if a handler threw. Never throws. */
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
    // In Node, the stream emits later that it couldn't write (a full disk, a closed pipe), and that would end the program.
    const node = Reflect.get(globalThis, "process") as { stderr?: { on?(event: "error", listener: () => void): unknown } } | undefined;
    if (!isStderrGuarded) node?.stderr?.on?.("error", () => undefined);
    isStderrGuarded = true;
    // oxlint-disable-next-line no-console -- stderr is where errors go that nobody listens for
    console.error(text);
  } catch {
    // There is nowhere left to tell.
  }
}

/** The frames of a callback's error that are neither ours nor Node's. Never throws. */
function userFrames(cause: unknown): string[] {
  const frames = stackOf(cause)
    ?.split("\n")
    .filter((line) => /^\s+at /.test(line));
  if (frames === undefined) return [];
  const end = frames.findIndex((line) => line.includes("PacketExecution.") || line.includes("at tellListener "));
  const before = (end < 0 ? frames : frames.slice(0, end)).filter((line) => !/[( ]node:|\(<anonymous>\)/.test(line));
  // The folder of this package, as it stands in a stack trace.
  const own = /^(?:file:\/\/)?(.*\/(?:src|dist)\/)/.exec(import.meta.url)?.[1];
  const users = own === undefined ? before : before.filter((line) => !line.includes(own));
  // A program that is bundled together with this package has no file of its own.
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
