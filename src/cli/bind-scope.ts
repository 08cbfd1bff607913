import { networkInterfaces } from "node:os";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import type { Session } from "./command.ts";
import { shownUrl } from "./endpoint.ts";
import { plural } from "./output.ts";

const LOCAL_HOST = "127.0.0.1";
/** How many addresses of this machine are shown. */
const MAX_SHOWN = 3;

/** Who can send to a listener: everyone who reaches this machine, this machine alone, or whoever reaches its one address. */
export type BindScope = "all interfaces" | "this machine only" | "one address";

/** @param url as it is bound */
export function bindScopeOf({ transport, host }: OscUrl): BindScope {
  if (host === "0.0.0.0" || host === "::") return "all interfaces";
  const isLocal = transport === "unix" || transport === "serial" || host === null || host === "::1" || host.startsWith("127.");
  return isLocal ? "this machine only" : "one address";
}

/** Says where a command listens, and who can send to it: `Listening on …` or, of a serial port, `Reading …`. */
export function describeBound(url: OscUrl, styled: (text: string) => string = (text) => text): string {
  if (url.transport === "serial") return `Reading ${styled(shownUrl(url))}`;
  const scope = bindScopeOf(url);
  return `Listening on ${styled(`${shownUrl(url)}${scope === "one address" ? "" : ` (${scope})`}`)}`;
}

/** The URL that reaches the listener from this machine. */
export function localUrl(url: OscUrl): OscUrl {
  return bindScopeOf(url) === "all interfaces" ? { ...url, host: LOCAL_HOST } : url;
}

/** The same as `oscine send` takes it, as short as possible. */
export function localTarget(url: OscUrl): string {
  const local = localUrl(url);
  return local.transport === "udp" && local.host === LOCAL_HOST ? `:${local.port}` : formatOscUrl(local);
}

/** Where other machines send to, as `oscine send` takes it; empty if they can't. */
export function targetsForOthers(url: OscUrl, interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): readonly string[] {
  if (bindScopeOf(url) !== "all interfaces") return [];
  const family = url.host === "::" ? "IPv6" : "IPv4";
  const addresses = Object.values(interfaces).flatMap((one) => one ?? []);
  const reachable = addresses.filter((one) => !one.internal && one.family === family && !one.address.startsWith("fe80:"));
  const hosts = reachable.slice(0, MAX_SHOWN).map(({ address }) => address);
  return hosts.map((host) => (url.transport === "udp" && family === "IPv4" ? `${host}:${url.port}` : formatOscUrl({ ...url, host })));
}

/** One line that says where to send, from here and from elsewhere; null if the URL already says it. */
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
/** After this many looks without a packet, the watch says how to test. */
const LOOKS_UNTIL_SILENT = 10;

/** What a watch looks at. */
export interface Arrivals {
  /** Packets received so far. */
  received(): number;
  /** Packets that the kernel has dropped so far; null if it doesn't say. */
  dropped(): number | null;
}

/** Says once that nothing arrives and what may be wrong; and whenever the kernel drops packets, how many. */
export class ArrivalWatch {
  readonly #session: Session;
  readonly #url: OscUrl;
  readonly #arrivals: Arrivals;
  readonly #remedy: string;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #dropped = 0;

  /**
   * @param url as it is bound
   * @param remedy how to listen on all interfaces with this command, such as `oscine serve :9000`
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
      return this.#say("Nothing has arrived yet. Check that the device sends SLIP at this speed: the URL may have ?baud= and ?framing=.");
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
