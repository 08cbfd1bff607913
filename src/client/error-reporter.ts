import { reportToConsole } from "../dispatch/index.ts";
import { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { ClientErrorListener } from "./options.ts";

const WINDOW_MS = 1000;

/** The errors of one code within one second. */
interface Window {
  readonly since: number;
  reported: number;
  held: number;
}

/** Passes errors on to a listener, so many of a code within a second that a flood of bad packets is not a flood of reports. */
export class ErrorReporter {
  readonly #listener: ClientErrorListener;
  readonly #maxReports: number;
  readonly #windows = new Map<string, Window>();

  constructor(listener: ClientErrorListener = printError, maxReports: number) {
    this.#listener = listener;
    this.#maxReports = maxReports;
  }

  report(error: OscError, address?: NetAddress): void {
    const now = performance.now();
    let window = this.#windows.get(error.code);
    if (window === undefined || now - window.since >= WINDOW_MS) {
      this.#tellHeld(error.code, window);
      window = { since: now, reported: 0, held: 0 };
      this.#windows.set(error.code, window);
    }
    if (window.reported >= this.#maxReports) {
      window.held += 1;
      return;
    }
    window.reported += 1;
    this.#tell(error, address);
  }

  /** Says how many errors were held back, and forgets them. */
  flush(): void {
    for (const [code, window] of this.#windows) this.#tellHeld(code, window);
    this.#windows.clear();
  }

  #tellHeld(code: string, window: Window | undefined): void {
    if (window === undefined || window.held === 0) return;
    this.#tell(new OscError("OSC_SUPPRESSED", `${window.held} more errors ${code} were counted and not reported one by one.`));
  }

  /** A listener that throws must not end the program; what it throws is shown, for nobody else will. */
  #tell(error: OscError, address?: NetAddress): void {
    try {
      this.#listener(error, address);
    } catch (thrown) {
      printError(error, address);
      // oxlint-disable-next-line no-console -- the last resort
      console.error("oscine: onError itself failed:", thrown);
    }
  }
}

function printError(error: OscError, address?: NetAddress): void {
  if (address !== undefined) reportToConsole(error, address);
  // oxlint-disable-next-line no-console -- what a client does where nobody listens for its errors
  else console.error(`oscine: ${error.message} [${error.code}]`);
}
