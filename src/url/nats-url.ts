import { describe, optionError } from "../options.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "./osc-url.ts";
import { maskSecrets } from "./secrets.ts";

/** NATS servers and subjects, as parsed from a URL. */
export interface NatsUrl {
  readonly transport: "nats";
  /** Servers of one cluster, as `nats://host:port` or `tls://…`; a user and password may stand before the first host. */
  readonly servers: readonly string[];
  /** The prefix of the subjects of packets; null if the URL doesn't say. */
  readonly prefix: string | null;
  /** The subjects to listen to, with the wildcards of NATS; empty if the URL names none. */
  readonly subjects: readonly string[];
  /** The queue group whose listeners share the packets; null if the URL names none. */
  readonly queue: string | null;
}

const SCHEME = /^(nats|tls):\/\//i;

/** Whether a text is meant as a URL of NATS. */
export function isNatsUrl(text: string): boolean {
  return SCHEME.test(text);
}

/**
 * Parses `nats://host:port/prefix`, with several servers as `nats://one:4222,two:4222/prefix`, and what to listen to as
 * `?subject=osc.mixer.>`, any number of times, and `&queue=name`. `tls://` asks for TLS.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parseNatsUrl(text: string): NatsUrl {
  const [, scheme = "", authority = "", path = "", query = ""] = /^([a-z]+:\/\/)([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/is.exec(text) ?? [];
  const [, user = "", places = ""] = /^([^@]*@)?(.*)$/s.exec(authority) ?? [];
  if (user.includes(",") || places.includes("@") || path.includes("@") || query.includes("@")) {
    throw optionError(`"${maskSecrets(text)}" has a user or password that contains @ , / or ?: write %40 %2C %2F %3F instead.`);
  }
  const hosts = places.split(",");
  if (!SCHEME.test(scheme) || hosts.includes("")) {
    throw optionError(`"${maskSecrets(text)}" must name a NATS server, as in nats://127.0.0.1:4222/osc.`);
  }
  const subjects: string[] = [];
  let queue: string | null = null;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "subject" && value !== "") subjects.push(value);
    else if (key === "queue" && value !== "") queue = value;
    else throw optionError(`"${maskSecrets(text)}" has an unknown option, ${key}. NATS has ?subject=osc.mixer.> and ?queue=name.`);
  }
  const prefix = path.replace(/\/$/, "");
  if (prefix.includes("/")) throw optionError(`"${maskSecrets(text)}" has a slash in its prefix: write ${prefix.replaceAll("/", ".")}.`);
  return {
    transport: "nats",
    servers: hosts.map((host, index) => scheme.toLowerCase() + (index === 0 ? user : "") + host),
    prefix: prefix === "" ? null : prefix,
    subjects,
    queue,
  };
}

/** The whole URL for people to read, without users and passwords. */
export function formatNatsUrl({ servers, prefix, subjects, queue }: NatsUrl): string {
  const query = [...subjects.map((subject) => `subject=${subject}`), ...(queue === null ? [] : [`queue=${queue}`])].join("&");
  const hosts = servers.map((server) => server.replace(SCHEME, "").replace(/^.*@/, ""));
  const [scheme = ""] = SCHEME.exec(servers[0] ?? "") ?? [];
  return `${scheme}${hosts.join(",")}/${prefix ?? ""}${query === "" ? "" : `?${query}`}`;
}

/** A NATS server, and how to identify oneself there. */
export interface NatsServerAddress {
  readonly hostAndPort: string;
  readonly isSecure: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
}

/**
 * Parses `nats://host:port`, `tls://host:port` or `host:port`. A user and password, or a token, may stand before the host.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function parseNatsServer(server: unknown): NatsServerAddress {
  const full = typeof server === "string" && !server.includes("://") ? `nats://${server}` : server;
  const url = typeof full === "string" && URL.canParse(full) ? new URL(full) : null;
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "" || !/^\/?$/.test(url.pathname)) {
    const shown = describe(typeof server === "string" ? maskSecrets(server) : server);
    throw optionError(`A server of NATS is written nats://host:port, tls://host:port or host:port; got ${shown}.`);
  }
  const userName = url.username === "" ? undefined : decodeURIComponent(url.username);
  const secret = url.password === "" ? undefined : decodeURIComponent(url.password);
  return {
    hostAndPort: `${url.hostname}:${url.port === "" ? "4222" : url.port}`,
    isSecure: url.protocol === "tls:",
    user: secret === undefined ? undefined : userName,
    password: secret,
    token: secret === undefined ? userName : undefined,
  };
}

/** One end of a bridge: a socket, or NATS subjects. */
export type EndpointUrl = OscUrl | NatsUrl;

/**
 * Parses what `parseOscUrl` and `parseNatsUrl` parse.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parseEndpoint(text: string): EndpointUrl {
  return isNatsUrl(text) ? parseNatsUrl(text) : parseOscUrl(text);
}

/** The whole URL as people may see it, without users, passwords and tokens. */
export function formatEndpoint(endpoint: EndpointUrl): string {
  return endpoint.transport === "nats" ? formatNatsUrl(endpoint) : maskSecrets(formatOscUrl(endpoint));
}
