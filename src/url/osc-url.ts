import type { OscServerError } from "../errors.ts";
import type { Framing } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import { describe, optionError } from "../options.ts";
import { maskSecrets, withoutUser } from "./secrets.ts";

/** An endpoint to send packets to or receive them on, as parsed from a URL. */
export interface OscUrl {
  /** The transport. `unix`: a stream over a Unix domain socket. */
  readonly transport: "udp" | "tcp" | "unix" | "websocket" | "serial";
  /** As written, without the brackets of IPv6. Null if not specified: send to this machine, listen on all IPv4 interfaces. */
  readonly host: string | null;
  /** 0 to 65535. 0 lets the system choose a port to listen on. Always 0 for a Unix domain socket. */
  readonly port: number;
  /** The path of a Unix domain socket or serial port, or of a WebSocket including its query (at least `/`). Null for UDP and TCP. */
  readonly path: string | null;
  /** How a stream is split into packets; null if not specified. */
  readonly framing: Framing | null;
  /** True for `wss`. */
  readonly isSecure: boolean;
  /** The speed of a serial port, in bits per second; null if not specified. Only for serial ports. */
  readonly baud?: number | null;
  /** True if a target waits for clients instead of connecting: `?listen`. */
  readonly listens: boolean;
  /** The address of the network interface for a multicast host. Can't be set in a URL. Default: chosen by the system. */
  readonly multicastInterface?: string;
}

type Scheme = Pick<OscUrl, "transport" | "isSecure">;
type Query = Pick<OscUrl, "framing" | "listens" | "baud"> & { readonly rest: string };

/** The known schemes. The OSC ones follow liblo. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["osc.udp", { transport: "udp", isSecure: false }],
  ["osc.tcp", { transport: "tcp", isSecure: false }],
  ["osc.unix", { transport: "unix", isSecure: false }],
  ["osc.serial", { transport: "serial", isSecure: false }],
  ["ws", { transport: "websocket", isSecure: false }],
  ["wss", { transport: "websocket", isSecure: true }],
]);
/** What users of these schemes probably mean. */
const MEANT: Readonly<Record<string, string>> = { osc: "osc.udp", http: "ws", https: "wss" };

const FORMS = "osc.udp://host:port/, host:port, :port or a port number";
const LARGEST_PORT = 65_535;

/**
 * Parses `osc.udp://host:port/`, `osc.tcp://host:port/?framing=1.0`, `osc.unix:///path`, `osc.serial:///dev/ttyACM0?baud=115200`,
 * `ws://host:port/path`, `wss://…`, and for UDP `host:port`, `[::1]:port`, `:port` or `port`.
 *
 * @throws OscServerError `OSC_OPTION`, which says what is wrong and how to fix it
 */
export function parseOscUrl(url: string): OscUrl {
  // Quoted in error messages.
  const text = maskSecrets(url);
  const [, schemeName, afterScheme = ""] = /^(?:([^:/?#[\]]*):\/\/)?(.*)$/s.exec(url) ?? [];
  const scheme = findScheme(schemeName ?? "osc.udp", text);
  const [, authority = "", path = "", query = ""] = /^([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(afterScheme) ?? [];
  const hasUser = authority.includes("@") || (scheme.transport !== "websocket" && withoutUser(url) !== url);
  if (hasUser) throw optionError(`"${text}" was written with a user or password, which only nats:// and tls:// support: remove it.`);
  if (scheme.transport === "unix")
    return { ...scheme, host: null, port: 0, path: socketPath(authority, path, text), ...parseQuery(query, scheme, text) };
  if (scheme.transport === "serial") {
    const { rest: _rest, ...options } = parseQuery(query, scheme, text);
    return { ...scheme, host: null, port: 0, path: portName(authority, path, text), ...options };
  }
  const isWebSocket = scheme.transport === "websocket";
  if (!isWebSocket && path !== "" && path !== "/") throw pathError(text, authority, path);
  const { rest, ...options } = parseQuery(query, scheme, text);
  return { ...scheme, ...parseAuthority(authority, scheme, text), path: isWebSocket ? (path || "/") + rest : null, ...options };
}

/** The URL for display and copying. */
export function formatOscUrl({ transport, host, port, path, framing, baud = null, isSecure, listens }: OscUrl): string {
  const query = [baud === null ? "" : `baud=${baud}`, framing === null ? "" : `framing=${framing}`, listens ? "listen" : ""]
    .filter((part) => part !== "")
    .join("&");
  const name = transport === "websocket" ? (isSecure ? "wss" : "ws") : `osc.${transport}`;
  const place =
    transport === "unix" || transport === "serial" ? "" : `${host?.includes(":") === true ? `[${host}]` : (host ?? "")}:${port}`;
  return `${name}://${place}${path ?? "/"}${query === "" ? "" : `?${query}`}`;
}

/** @throws OscServerError `OSC_OPTION` if the text isn't `1.0`, `1.1` or `none` */
export function parseFraming(text: string): Framing {
  if (text === "1.0" || text === "1.1" || text === "none") return text;
  throw optionError(`The framing must be 1.0 (size before each packet), 1.1 (SLIP) or none (each read is one packet); got "${text}".`);
}

function findScheme(name: string, text: string): Scheme {
  const scheme = SCHEMES.get(name.toLowerCase());
  if (scheme !== undefined) return scheme;
  const known = [...SCHEMES.keys()].map((one) => `${one}://`).join(" ");
  const meant = MEANT[name.toLowerCase()] ?? (SCHEMES.has(`osc.${name.toLowerCase()}`) ? `osc.${name.toLowerCase()}` : null);
  const guess = meant === null ? "" : `, here perhaps ${meant}://${text.slice(text.indexOf("://") + "://".length)}`;
  throw optionError(`"${text}" begins with the unknown scheme ${name}://. Use one of ${known}${guess}`);
}

function socketPath(authority: string, path: string, text: string): string {
  if (authority === "" && path.length > 1) return path;
  const example = authority === "" ? "osc.unix:///tmp/osc.sock" : `osc.unix:///${authority}${path}`;
  throw optionError(`"${text}" needs the path of a socket, which begins with "/", after osc.unix://, as in ${example}`);
}

/** A serial port: `/dev/ttyACM0`, or `COM3` on Windows. */
function portName(authority: string, path: string, text: string): string {
  if (authority === "" && path.length > 1) return path;
  if (/^COM\d+$/i.test(authority) && (path === "" || path === "/")) return authority;
  const example = authority === "" ? "osc.serial:///dev/ttyACM0" : `osc.serial:///${authority}${path}`;
  throw optionError(`"${text}" needs the name of a serial port after osc.serial://, as in ${example} or osc.serial://COM3`);
}

function pathError(text: string, authority: string, path: string): OscServerError {
  if (authority === "" && !text.includes("://")) {
    return optionError(`"${text}" is an OSC address: put a URL or a port before it, as in :9000 ${path}`);
  }
  const place = text.slice(0, text.indexOf(path, text.indexOf("://") + "://".length));
  return optionError(
    `"${text}" has a path, ${path}, which only ws:// and osc.unix:// support: pass an OSC address as a separate argument, as in: ${place} ${path}`,
  );
}

function parseAuthority(authority: string, { transport, isSecure }: Scheme, text: string): Pick<OscUrl, "host" | "port"> {
  const place = /^\d+$/.test(authority) ? `:${authority}` : authority;
  const [matched, inBrackets, plain = "", digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(place) ?? [];
  const host = inBrackets ?? plain;
  if (/\s/.test(host)) throw optionError(`"${text}" has a space in its host. Write ${FORMS}`);
  const usual = transport === "websocket" && host !== "" ? (isSecure ? "443" : "80") : undefined;
  const port = digits ?? usual;
  if (matched === undefined || port === undefined) throw portError(authority, host, text);
  if (Number(port) > LARGEST_PORT) throw optionError(`"${text}" has port ${port}; a port is a number from 0 to ${LARGEST_PORT}.`);
  const isWrong = inBrackets !== undefined && !/^[\da-f.]*:[\da-f:.]*(?:%.+)?$/i.test(inBrackets);
  if (isWrong) throw optionError(`"${text}" has something other than an IPv6 address in its brackets.`);
  if (usual !== undefined && !URL.canParse(`ws://${place}/`)) throw optionError(`"${text}" has a host that is invalid for a WebSocket.`);
  return { host: host === "" ? null : host, port: Number(port) };
}

function portError(authority: string, host: string, text: string): OscServerError {
  if (/^\[?[\da-f]*:[\da-f]*:[\da-f:.%]*\]?$/i.test(authority)) {
    return optionError(`"${text}" is an IPv6 address without a port. Put it in brackets and add the port, as in [::1]:9000`);
  }
  const example = host === "" || /["']/.test(host) ? "" : `, as in ${text.replace(authority, () => `${authority}:9000`)}`;
  return optionError(`"${text}" names no port. Write ${FORMS}${example}`);
}

function parseQuery(query: string, { transport }: Scheme, text: string): Query {
  const isStream = transport === "tcp" || transport === "unix" || transport === "serial";
  let framing: Framing | null = null;
  let baud: number | null = null;
  let listens = false;
  const others: string[] = [];
  for (const part of query.split("&").filter((one) => one !== "")) {
    const [key = "", value = ""] = part.split(/=(.*)/s);
    if (key === "framing") {
      if (!isStream) throw optionError(`"${text}" specifies a framing, which only streams have. Use osc.tcp://, or remove it.`);
      framing = parseFraming(value);
    } else if (key === "listen" && value === "") {
      if (transport === "udp" || transport === "serial")
        throw optionError(`"${text}" asks to ?listen for connections, but ${transport === "udp" ? "UDP" : "a serial port"} has none.`);
      listens = true;
    } else if (key === "baud" && transport === "serial") {
      if (!/^[1-9]\d{0,8}$/.test(value))
        throw optionError(`"${text}" needs a number of bits per second, as in ?baud=115200; got "${value}".`);
      baud = Number(value);
    } else if (transport === "websocket") others.push(part);
    else {
      throw optionError(
        `"${text}" has an unknown option, ${key}. Streams have ?framing=1.0, 1.1 or none, serial ports ?baud=115200, and bridge targets ?listen.`,
      );
    }
  }
  if (listens && others.length > 0)
    throw optionError(`"${text}" has ?listen, which can't be combined with other options: remove the rest of the query.`);
  return { framing, listens, ...(transport === "serial" ? { baud } : {}), rest: others.length === 0 ? "" : `?${others.join("&")}` };
}

/**
 * Normalizes a WebSocket URL as defined by RFC 6455: `ws://host:port/path?query` or `wss://…`. `http` and `https` are accepted as synonyms.
 *
 * @throws OscServerError `OSC_OPTION` for anything else
 */
export function websocketUrl(url: string | URL): string {
  const text = String(url).replace(/^http/i, "ws");
  if (/^wss?:/i.test(text) && URL.canParse(text)) {
    const { href, hash } = new URL(text);
    if (hash === "") return href;
  }
  const isText = typeof url === "string" || (url as unknown) instanceof URL;
  throw optionError(`A WebSocket URL must be like "ws://127.0.0.1:8080/"; got ${describe(isText ? maskSecrets(String(url)) : url)}.`);
}

/** The server of a WebSocket URL. Its `address` may be an unresolved host name. */
export function websocketServer(url: string): NetAddress {
  const { hostname, port, protocol } = new URL(url);
  const isIPv6 = hostname.startsWith("[");
  const usual = protocol === "wss:" ? 443 : 80;
  return {
    address: isIPv6 ? hostname.slice(1, -1) : hostname,
    port: port === "" ? usual : Number(port),
    family: isIPv6 ? "IPv6" : "IPv4",
  };
}
