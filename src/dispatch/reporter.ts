import { OscError, OscRejectedError, type RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { systemClock } from "./clock.ts";
import { type ErrorListener, reportToConsole } from "./error-report.ts";

const WINDOW_MS = 1000;

/** Errors of one kind within one second. */
interface Window {
  readonly since: number;
  reported: number;
  suppressed: number;
}

/**
 * Passes errors on to a listener, so many of a kind within a second that a flood of bad packets does not become a flood of reports.
 * What is held back is counted, and its number reported when the second is over.
 */
export class Reporter {
  readonly #listener: ErrorListener;
  readonly #maxReports: number;
  readonly #windows = new Map<string, Window>();
  #timer: unknown = null;
  #timerSetAt = 0;

  constructor(listener: ErrorListener, maxReports: number) {
    this.#listener = listener;
    this.#maxReports = maxReports;
  }

  report(error: OscError, client?: NetAddress): void {
    if (this.#isToBeTold(kindOf(error))) this.#tell(error, client);
  }

  /** As {@link report} for a packet that was refused; the error is made only where it is told. */
  reportRefusal(reason: RejectReason, makeError: () => OscRejectedError, client?: NetAddress): void {
    if (this.#isToBeTold(kindOfRefusal(reason))) this.#tell(makeError(), client);
  }

  /** Counts an error of that kind: as told, or as held back. */
  #isToBeTold(kind: string): boolean {
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

  /** Reports what is still held back, and leaves no timer. It may be used again. */
  close(): void {
    this.#tellSuppressed();
    if (this.#timer !== null) systemClock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /**
   * For a thread that blocks, where the timer cannot fire: reports what was held back if its second is over.
   *
   * @returns in how many milliseconds there will be something to report; `Infinity` where nothing is held back
   */
  catchUp(): number {
    if (this.#timer === null) return Infinity;
    const left = this.#timerSetAt + WINDOW_MS - performance.now();
    if (left > 0) return left;
    systemClock.clearTimer(this.#timer);
    this.#tellSuppressed();
    return Infinity;
  }

  #tellSuppressed(): void {
    this.#timer = null;
    for (const [kind, { suppressed }] of this.#windows) {
      if (suppressed > 0)
        this.#tell(
          new OscError("OSC_SUPPRESSED", `${suppressed} more errors of the kind ${kind} were counted and not reported one by one.`),
        );
    }
    this.#windows.clear();
  }

  #tell(error: OscError, client?: NetAddress): void {
    tellListener(this.#listener, error, client);
  }
}

function kindOf(error: OscError): string {
  return error instanceof OscRejectedError ? kindOfRefusal(error.reason) : error.code;
}

function kindOfRefusal(reason: RejectReason): string {
  return `OSC_REJECTED ${reason}`;
}

/** A listener that throws must not stop the server; what it throws is shown, for nobody else will. */
export function tellListener(listener: ErrorListener, error: OscError, client?: NetAddress): void {
  try {
    listener(error, client);
  } catch (thrown) {
    reportToConsole(error, client);
    // oxlint-disable-next-line no-console -- there is nobody else to tell
    console.error("oscine: onError itself failed:", thrown);
  }
}
