import { isIPv6 } from "node:net";
import { OscServerError } from "../errors.ts";
import type { Framing } from "../framing/index.ts";

/** One end of a bridge, as read from a URL. */
export interface BridgeEndpoint {
  readonly transport: "udp" | "tcp" | "unix" | "websocket";
  /** Null where the URL names none: this machine to send to, all its IPv4 interfaces to listen on. */
  readonly host: string | null;
  readonly port: number;
  /** Of a Unix domain socket; of a WebSocket, `/` at least. Null for UDP and TCP. */
  readonly path: string | null;
  /** How packets lie in a stream; null where the URL does not say. */
  readonly framing: Framing | null;
  /** True for `wss`. */
  readonly isSecure: boolean;
  /** True where a target waits for clients instead of connecting: `?listen`. */
  readonly listens: boolean;
}

type Scheme = Pick<BridgeEndpoint, "transport" | "isSecure">;

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["osc.udp", { transport: "udp", isSecure: false }],
  ["osc.tcp", { transport: "tcp", isSecure: false }],
  ["osc.unix", { transport: "unix", isSecure: false }],
  ["ws", { transport: "websocket", isSecure: false }],
  ["wss", { transport: "websocket", isSecure: true }],
]);

/**
 * Reads `osc.udp://host:port/`, `osc.tcp://host:port/?framing=1.0`, `osc.unix:///path`, `ws://host:port/path`, `wss://…`, and `host:port` or
 * `:port` for UDP.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parseEndpoint(text: string): BridgeEndpoint {
  const [, schemeName = "osc.udp", rest = ""] = /^(?:([^:/?#[\]]*):\/\/)?(.*)$/s.exec(text) ?? [];
  const scheme = SCHEMES.get(schemeName.toLowerCase());
  if (scheme === undefined) {
    const known = [...SCHEMES.keys()].map((name) => `${name}://`).join(" ");
    throw endpointError(`"${text}" begins with ${schemeName}://, which is not known. Use one of ${known}`);
  }
  const [, authority = "", path = "", query = ""] = /^([^/?]*)([^?]*)(?:\?(.*))?$/s.exec(rest) ?? [];
  const options = parseQuery(query, scheme, text);
  if (scheme.transport === "unix") {
    if (authority !== "" || path.length < 2) throw endpointError(`"${text}" is to be osc.unix:// and then a path that begins with "/".`);
    return { ...scheme, ...options, host: null, port: 0, path };
  }
  const isWebSocket = scheme.transport === "websocket";
  if (!isWebSocket && path !== "" && path !== "/") throw endpointError(`"${text}" has a path, ${path}, which only ws:// has.`);
  return { ...scheme, ...options, ...parseAuthority(authority, scheme, text), path: isWebSocket ? path || "/" : null };
}

/** The endpoint as a URL in full, for people to read and copy. */
export function formatEndpoint({ transport, host, port, path, framing, isSecure, listens }: BridgeEndpoint): string {
  const query = [framing === null ? "" : `framing=${framing}`, listens ? "listen" : ""].filter((part) => part !== "").join("&");
  const name = transport === "websocket" ? (isSecure ? "wss" : "ws") : `osc.${transport}`;
  const place = transport === "unix" ? "" : `${host !== null && isIPv6(host) ? `[${host}]` : (host ?? "")}:${port}`;
  return `${name}://${place}${path ?? "/"}${query === "" ? "" : `?${query}`}`;
}

export function endpointError(message: string): OscServerError {
  return new OscServerError("OSC_OPTION", message);
}

function parseAuthority(text: string, { transport, isSecure }: Scheme, whole: string): Pick<BridgeEndpoint, "host" | "port"> {
  const [matched, inBrackets, plain, portText] = /^(?:\[([^\]]+)\]|([^:[\]\s]*))(?::(\d+))?$/.exec(text) ?? [];
  const isBarePort = transport === "udp" && portText === undefined && /^\d+$/.test(text);
  const host = isBarePort ? "" : (inBrackets ?? plain ?? "");
  const usual = transport === "websocket" && host !== "" ? (isSecure ? "443" : "80") : undefined;
  const port = isBarePort ? text : (portText ?? usual);
  if (matched === undefined || port === undefined || (inBrackets !== undefined && !isIPv6(inBrackets))) {
    throw endpointError(`"${whole}" is to name a host and a port, as in 127.0.0.1:9000, [::1]:9000 or :9000.`);
  }
  if (Number(port) > 65_535) throw endpointError(`"${whole}" has port ${port}; a port is a number from 0 to 65535.`);
  return { host: host === "" ? null : host, port: Number(port) };
}

function parseQuery(query: string, { transport }: Scheme, text: string): Pick<BridgeEndpoint, "framing" | "listens"> {
  let framing: Framing | null = null;
  let listens = false;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "framing" && (value === "1.0" || value === "1.1") && (transport === "tcp" || transport === "unix")) framing = value;
    else if (key === "listen" && value === "" && transport !== "udp") listens = true;
    else
      throw endpointError(
        `"${text}" has an option that means nothing there: ${key}. Streams have ?framing=1.0 or 1.1, and targets ?listen.`,
      );
  }
  return { framing, listens };
}
