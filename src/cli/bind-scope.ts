import { networkInterfaces } from "node:os";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import type { Session } from "./command.ts";
import { shownUrl } from "./endpoint.ts";
import { plural } from "./output.ts";

const LOCAL_HOST = "127.0.0.1";
/** Maximum number of this machine's addresses to show. */
const MAX_SHOWN = 3;

/** Who can send to a listener: all hosts that reach this machine, only this machine, or hosts that reach one of its addresses. */
export type BindScope = "all interfaces" | "this machine only" | "one address";

/** @param url the bound URL */
export function bindScopeOf({ transport, host }: OscUrl): BindScope {
  if (host === "0.0.0.0" || host === "::") return "all interfaces";
  const isLocal = transport === "unix" || transport === "serial" || host === null || host === "::1" || host.startsWith("127.");
  return isLocal ? "this machine only" : "one address";
}

/** Describes where a command listens and who can send to it: `Listening on …`, or `Reading …` for a serial port. */
export function describeBound(url: OscUrl, styled: (text: string) => string = (text) => text): string {
  if (url.transport === "serial") return `Reading ${styled(shownUrl(url))}`;
  const scope = bindScopeOf(url);
  return `Listening on ${styled(`${shownUrl(url)}${scope === "one address" ? "" : ` (${scope})`}`)}`;
}

/** The listener's URL for programs on this machine. */
export function localUrl(url: OscUrl): OscUrl {
  return bindScopeOf(url) === "all interfaces" ? { ...url, host: LOCAL_HOST } : url;
}

/** The same, in the shortest form that `oscine send` accepts. */
export function localTarget(url: OscUrl): string {
  const local = localUrl(url);
  return local.transport === "udp" && local.host === LOCAL_HOST ? `:${local.port}` : formatOscUrl(local);
}

/** The targets for other machines, in the form that `oscine send` accepts; empty if they can't send. */
export function targetsForOthers(url: OscUrl, interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): readonly string[] {
  if (bindScopeOf(url) !== "all interfaces") return [];
  const family = url.host === "::" ? "IPv6" : "IPv4";
  const addresses = Object.values(interfaces).flatMap((one) => one ?? []);
  const reachable = addresses.filter((one) => !one.internal && one.family === family && !one.address.startsWith("fe80:"));
  const hosts = reachable.slice(0, MAX_SHOWN).map(({ address }) => address);
  return hosts.map((host) => (url.transport === "udp" && family === "IPv4" ? `${host}:${url.port}` : formatOscUrl({ ...url, host })));
}

/** One line with the targets for this machine and for others; null if the URL already says it. */
export function describeTargets(url: OscUrl): string | null {
  if (bindScopeOf(url) !== "all interfaces") return null;
  const others = targetsForOthers(url);
  const elsewhere = others.length === 0 ? "" : `, from other machines to ${others.join(" or ")}`;
  return `Send to ${localTarget(url)} from this machine${elsewhere}.`;
}

/** How a command listens so that other machines can send to it. */
export function openToOthers({ program }: Session, command: "dump" | "serve", url: OscUrl): string {
  return url.transport === "udp" ? `${program} ${command} :${url.port}` : "leave out the host of the URL";
}

const LOOK_MS = 1000;
/** Number of checks without a packet before printing how to test. */
const LOOKS_UNTIL_SILENT = 10;

/** The counters that a watch checks. */
export interface Arrivals {
  /** Packets received so far. */
  received(): number;
  /** Packets that the kernel has dropped so far; null if unknown. */
  dropped(): number | null;
}

/** Prints a hint once if nothing arrives, and a count whenever the kernel drops packets. */
export class ArrivalWatch {
  readonly #session: Session;
  readonly #url: OscUrl;
  readonly #arrivals: Arrivals;
  readonly #remedy: string;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #dropped = 0;

  /**
   * @param url the bound URL
   * @param remedy the command that listens on all interfaces, such as `oscine serve :9000`
   */
  constructor(session: Session, url: OscUrl, arrivals: Arrivals, remedy: string) {
    this.#session = session;
    this.#url = url;
    this.#arrivals = arrivals;
    this.#remedy = remedy;
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
      this.#say(`The kernel dropped ${lost} that arrived faster than this program reads (${dropped} in all).`);
    }
    this.#dropped = dropped;
  }

  #sayNothingArrives(): void {
    const url = this.#url;
    if (url.transport === "serial") {
      return this.#say(
        "Nothing has arrived yet. Check that the device sends SLIP at this speed; set others with ?baud= and ?framing= in the URL.",
      );
    }
    this.#say(`Nothing has arrived yet. To test: ${this.#session.program} send ${localTarget(url)} /hello`);
    const [other] = targetsForOthers(url);
    if (other !== undefined) this.#say(`Other machines send to ${other}; a firewall may block their packets.`);
    else if (bindScopeOf(url) === "this machine only" && url.transport !== "unix") {
      this.#say(`Phones and other machines can't send to ${url.host}. To let them: ${this.#remedy}`);
    }
  }

  #say(text: string): void {
    const { err } = this.#session;
    err.text(err.styled("yellow", text));
  }
}
