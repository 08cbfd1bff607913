import { OscError, OscRejectedError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import type { ErrorListener } from "./options.ts";

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
  #timer: NodeJS.Timeout | null = null;

  constructor(listener: ErrorListener, maxReports: number) {
    this.#listener = listener;
    this.#maxReports = maxReports;
  }

  report(error: OscError, client?: NetAddress): void {
    const kind = error instanceof OscRejectedError ? `${error.code} ${error.reason}` : error.code;
    const now = performance.now();
    let window = this.#windows.get(kind);
    if (window === undefined || (now - window.since >= WINDOW_MS && window.suppressed === 0)) {
      window = { since: now, reported: 0, suppressed: 0 };
      this.#windows.set(kind, window);
    }
    if (window.reported < this.#maxReports) {
      window.reported += 1;
      this.#tell(error, client);
    } else {
      window.suppressed += 1;
      this.#timer ??= setTimeout(() => this.#tellSuppressed(), WINDOW_MS).unref();
    }
  }

  /** Reports what is still held back, and ends. */
  close(): void {
    this.#tellSuppressed();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #tellSuppressed(): void {
    this.#timer = null;
    for (const [kind, { suppressed }] of this.#windows) {
      if (suppressed > 0) this.#tell(new OscError("OSC_SUPPRESSED", `${suppressed} more errors of the kind ${kind} were counted and not reported one by one.`));
    }
    this.#windows.clear();
  }

  /** A listener that throws must not stop the server; what it throws is shown, for nobody else will. */
  #tell(error: OscError, client?: NetAddress): void {
    try {
      this.#listener(error, client);
    } catch (thrown) {
      printError(error, client);
      console.error("oscine: onError itself failed:", thrown);
    }
  }
}

/** The default of `onError`: one line on stderr; for a handler that threw, its stack too. */
export function printError(error: OscError, client?: NetAddress): void {
  const from = client === undefined ? "" : ` from ${formatAddress(client)}`;
  const cause = error.code === "OSC_HANDLER_FAILED" && error.cause instanceof Error ? `\n${error.cause.stack ?? error.cause.message}` : "";
  console.error(`oscine: ${error.code}${from}: ${error.message}${cause}`);
}
