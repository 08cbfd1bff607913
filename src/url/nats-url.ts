import { describe, optionError } from "../options.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "./osc-url.ts";
import { maskSecrets } from "./secrets.ts";

/** NATS servers and subjects, as parsed from a URL. */
export interface NatsUrl {
  readonly transport: "nats";
  /** Servers of one cluster, as `nats://host:port` or `tls://…`; the first may include a user and password. */
  readonly servers: readonly string[];
  /** The prefix of the subjects of packets; null if not specified. */
  readonly prefix: string | null;
  /** The subjects to listen to, with NATS wildcards; empty if not specified. */
  readonly subjects: readonly string[];
  /** The queue group whose listeners share the packets; null if not specified. */
  readonly queue: string | null;
}

const SCHEME = /^(nats|tls):\/\//i;

/** Whether a text is meant as a NATS URL. */
export function isNatsUrl(text: string): boolean {
  return SCHEME.test(text);
}

/**
 * Parses `nats://host:port/prefix`. Several servers are written `nats://one:4222,two:4222/prefix`. `?subject=osc.mixer.>` (repeatable) and
 * `&queue=name` select what to listen to. `tls://` enables TLS.
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

/** The URL for display, without credentials. */
export function formatNatsUrl({ servers, prefix, subjects, queue }: NatsUrl): string {
  const query = [...subjects.map((subject) => `subject=${subject}`), ...(queue === null ? [] : [`queue=${queue}`])].join("&");
  const hosts = servers.map((server) => server.replace(SCHEME, "").replace(/^.*@/, ""));
  const [scheme = ""] = SCHEME.exec(servers[0] ?? "") ?? [];
  return `${scheme}${hosts.join(",")}/${prefix ?? ""}${query === "" ? "" : `?${query}`}`;
}

/** A NATS server, and the credentials for it. */
export interface NatsServerAddress {
  readonly hostAndPort: string;
  readonly isSecure: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
}

/**
 * Parses `nats://host:port`, `tls://host:port` or `host:port`. A user and password, or a token, may precede the host.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function parseNatsServer(server: unknown): NatsServerAddress {
  const full = typeof server === "string" && !server.includes("://") ? `nats://${server}` : server;
  const url = typeof full === "string" && URL.canParse(full) ? new URL(full) : null;
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "" || !/^\/?$/.test(url.pathname)) {
    const shown = describe(typeof server === "string" ? maskSecrets(server) : server);
    throw optionError(`A NATS server must be nats://host:port, tls://host:port or host:port; got ${shown}.`);
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
 * Parses an OSC or NATS URL.
 *
 * @throws OscServerError `OSC_OPTION` that says which part is wrong
 */
export function parseEndpoint(text: string): EndpointUrl {
  return isNatsUrl(text) ? parseNatsUrl(text) : parseOscUrl(text);
}

/** The URL for display, without users, passwords and tokens. */
export function formatEndpoint(endpoint: EndpointUrl): string {
  return endpoint.transport === "nats" ? formatNatsUrl(endpoint) : maskSecrets(formatOscUrl(endpoint));
}
