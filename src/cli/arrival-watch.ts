import type { OscUrl } from "../url/osc-url.ts";
import type { Session } from "./command.ts";
import { localTarget, reachOf, targetsForOthers } from "./reach.ts";
import { plural } from "./tally.ts";

const LOOK_MS = 1000;
/** So many looks without any packet are worth a word. */
const LOOKS_UNTIL_SILENT = 10;

/** What is looked at. */
export interface Arrivals {
  /** Packets that arrived so far. */
  received(): number;
  /** Packets that the system dropped so far; null where it does not tell. */
  dropped(): number | null;
}

/** Says, once, that nothing arrives and what may be wrong; and, as it happens, that the system drops packets. */
export class ArrivalWatch {
  readonly #session: Session;
  readonly #urls: readonly OscUrl[];
  readonly #arrivals: Arrivals;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #dropped = 0;

  /** @param urls as they are bound */
  constructor(session: Session, urls: readonly OscUrl[], arrivals: Arrivals) {
    this.#session = session;
    this.#urls = urls;
    this.#arrivals = arrivals;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#looks += 1;
    if (this.#looks === LOOKS_UNTIL_SILENT && this.#arrivals.received() === 0) this.#sayNothingArrives();
    const dropped = this.#arrivals.dropped() ?? 0;
    if (dropped > this.#dropped) {
      const lost = plural(dropped - this.#dropped, "packet");
      this.#say(`The system dropped ${lost}, which came faster than this program reads (${dropped} in all).`);
    }
    this.#dropped = dropped;
  }

  #sayNothingArrives(): void {
    const [url] = this.#urls;
    if (url === undefined) return;
    const { program } = this.#session;
    this.#say(`Nothing has arrived yet. To see that it would: ${program} send ${localTarget(url)} /hello`);
    const [other] = targetsForOthers(url);
    if (other !== undefined) this.#say(`Other machines send to ${other}; a firewall may keep their packets away.`);
    else if (reachOf(url) === "this machine" && url.transport !== "unix") {
      this.#say(`Other machines cannot reach ${url.host}: for them, listen on 0.0.0.0, which is all interfaces.`);
    }
  }

  #say(text: string): void {
    const { err } = this.#session;
    err.line(err.styled("yellow", text));
  }
}
