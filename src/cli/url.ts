import { UsageError } from "../text/usage-error.ts";

/** What carries the packets of a URL. */
type Transport = "udp" | "tcp";

/** Where packets go to or come from, as read from a URL. */
export interface OscUrl {
  readonly transport: Transport;
  /** As written, without the brackets of IPv6; null where the URL names none. */
  readonly host: string | null;
  /** 0 to 65535; 0 lets the system choose a port to listen on. */
  readonly port: number;
  /** How packets are told apart on a stream; null where the URL does not say. */
  readonly framing: Framing | null;
}

/** OSC 1.0: each packet after its size. OSC 1.1: SLIP. */
export type Framing = "1.0" | "1.1";

interface Scheme {
  readonly transport: Transport;
  /** True where packets travel in a stream, so that `?framing=` has a meaning. */
  readonly isStream: boolean;
}

/** Every scheme that is understood, as liblo writes them. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["osc.udp", { transport: "udp", isStream: false }],
  ["osc.tcp", { transport: "tcp", isStream: true }],
]);

const FORMS = "osc.udp://host:port/, host:port, :port or a port number";

/**
 * Reads `osc.udp://host:port/`, `osc.tcp://host:port/?framing=1.0`, `host:port`, `[::1]:port`, `:port` or `port`.
 *
 * @throws UsageError that says which part is wrong
 */
export function parseUrl(text: string): OscUrl {
  const [, schemeName, rest = ""] = /^(?:([^:/?#[\]]*):\/\/)?(.*)$/s.exec(text) ?? [];
  const scheme = findScheme(schemeName ?? "osc.udp", text);
  const [, place = "", path = "", query = ""] = /^([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(rest) ?? [];
  if (path !== "" && path !== "/") {
    throw new UsageError(
      `"${text}" has a path, ${path}: give the OSC address as a word of its own, as in: ${text.slice(0, -path.length)} ${path}`,
    );
  }
  const { host, port } = parsePlace(place, text);
  return { transport: scheme.transport, host, port, framing: parseQuery(query, scheme, text) };
}

/** The URL in full, for people to read and copy. */
export function formatUrl({ transport, host, port, framing }: OscUrl): string {
  const shownHost = host?.includes(":") === true ? `[${host}]` : (host ?? "");
  return `osc.${transport}://${shownHost}:${port}/${framing === null ? "" : `?framing=${framing}`}`;
}

function findScheme(name: string, text: string): Scheme {
  const scheme = SCHEMES.get(name.toLowerCase());
  if (scheme !== undefined) return scheme;
  throw new UsageError(
    `"${text}" begins with ${name}://, which is not known. Use one of ${[...SCHEMES.keys()].map((known) => `${known}://`).join(" ")}`,
  );
}

function parsePlace(place: string, text: string): { host: string | null; port: number } {
  const [, inBrackets, plain, portText] = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?(\d+)$/.exec(place) ?? [];
  if (portText === undefined) {
    if (/^\[?[\da-f]*:[\da-f]*:[\da-f:.%]*\]?$/i.test(place)) {
      throw new UsageError(`"${text}" is an IPv6 address without a port. Put it in brackets and add the port, as in [::1]:9000`);
    }
    throw new UsageError(`"${text}" names no port. Write ${FORMS}`);
  }
  const port = Number(portText);
  if (port > 65_535) throw new UsageError(`"${text}" has port ${portText}; a port is a number from 0 to 65535.`);
  if (inBrackets !== undefined && !inBrackets.includes(":"))
    throw new UsageError(`"${text}" has something other than an IPv6 address in its brackets.`);
  const host = inBrackets ?? plain ?? "";
  if (/\s/.test(host)) throw new UsageError(`"${text}" has a space in its host. Write ${FORMS}`);
  return { host: host === "" ? null : host, port };
}

function parseQuery(query: string, scheme: Scheme, text: string): Framing | null {
  let framing: Framing | null = null;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key !== "framing")
      throw new UsageError(`"${text}" has an option that is not known, ${key}. The one there is: ?framing=1.0 or ?framing=1.1`);
    if (!scheme.isStream) throw new UsageError(`"${text}" asks for a framing, which only a stream has. Use osc.tcp://, or leave it out.`);
    framing = parseFraming(value);
  }
  return framing;
}

/** @throws UsageError where the text is neither `1.0` nor `1.1` */
export function parseFraming(text: string): Framing {
  if (text === "1.0" || text === "1.1") return text;
  throw new UsageError(`A framing is 1.0 (size before each packet) or 1.1 (SLIP); got "${text}".`);
}
