import { OscServerError } from "../errors.ts";
import { positive } from "../server/options.ts";
import { durationOf } from "../server/transports.ts";

/** How a connection to NATS is secured. */
export interface NatsTlsOptions {
  /** The file with the certificates of those whose servers are trusted, as PEM. Default: those that Node trusts. */
  readonly caFile?: string;
  /** The file with the certificate of this client, as PEM, for servers that verify clients. */
  readonly certFile?: string;
  /** The file with the key to that certificate, as PEM. */
  readonly keyFile?: string;
  /** True where the server begins with the handshake of TLS and not with NATS's own greeting. Default false. */
  readonly handshakeFirst?: boolean;
}

/** How to reach NATS: plain data, for it may have to go to another thread. */
export interface NatsConnectionOptions {
  /**
   * The servers, as `nats://host:port` or `host:port`; one is taken at random, and the others are tried when it cannot be reached. Others of the same
   * cluster are learned of from it. `tls://…` asks for TLS; a user and password may stand before the host. Default `nats://127.0.0.1:4222`.
   */
  readonly servers?: string | readonly string[];
  /** What the connection is called in the monitoring of NATS. Default `oscine`. */
  readonly name?: string;
  /** With `password`. */
  readonly user?: string;
  /** With `user`. */
  readonly password?: string;
  /** A token in place of a user. */
  readonly token?: string;
  /** The path of a file of credentials (`.creds`): a JWT and a seed. */
  readonly credentials?: string;
  /** The seed of an NKey, `SU…`. */
  readonly nkey?: string;
  /** True, or more of how, where the connection has to be encrypted. Default: where the server asks for it. */
  readonly tls?: boolean | NatsTlsOptions;
  /** How long a server may take to answer when the connection is made, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * Whether to go on trying where no server can be reached at the start. Default false: that is an error. Later it is tried again for
   * ever. A worker with threads or processes waits a minute at most.
   */
  readonly waitForServer?: boolean;
  /** The longest pause before a server is tried again, in milliseconds; the pause is at least half of it, by chance. Default 1,000. */
  readonly reconnectDelay?: number;
  /** How often a silent server is asked whether it is there, in milliseconds; when two answers are missing it is given up. Default 10,000. */
  readonly pingInterval?: number;
  /** How many messages may be on their way to the server, not confirmed yet. Default 8,192. */
  readonly maxUnconfirmed?: number;
  /** How many bytes they may have together. Default 8 MiB. One message is always let through. */
  readonly maxUnconfirmedBytes?: number;
}

/** {@link NatsConnectionOptions}, checked and filled in. */
export interface NatsConnectionSettings {
  readonly servers: readonly string[];
  readonly name: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly token: string | null;
  readonly credentials: string | null;
  readonly nkey: string | null;
  /** Null: as the server asks. */
  readonly tls: NatsTlsOptions | null;
  readonly connectTimeout: number;
  readonly waitForServer: boolean;
  readonly reconnectDelay: number;
  readonly pingInterval: number;
  readonly maxUnconfirmed: number;
  readonly maxUnconfirmedBytes: number;
}

const MIB = 1024 * 1024;

/** @throws OscServerError `OSC_OPTION` where an option has no such value, or two contradict each other */
export function natsConnectionSettings(options: NatsConnectionOptions): NatsConnectionSettings {
  const given = typeof options.servers === "string" ? [options.servers] : (options.servers ?? ["nats://127.0.0.1:4222"]);
  if (given.length === 0) throw new OscServerError("OSC_OPTION", "servers is empty: name at least one, such as nats://127.0.0.1:4222.");
  const servers = given.map(serverOf);
  const [first] = servers;
  const identity = {
    user: options.user ?? first?.user ?? null,
    password: options.password ?? first?.password ?? null,
    token: options.token ?? first?.token ?? null,
    credentials: options.credentials ?? null,
    nkey: options.nkey ?? null,
  };
  checkIdentity(identity);
  const tls = options.tls ?? servers.some(({ isSecure }) => isSecure);
  return {
    servers: servers.map(({ place }) => place),
    name: options.name ?? "oscine",
    ...identity,
    tls: tls === false ? null : tls === true ? {} : { ...tls },
    connectTimeout: durationOf("connectTimeout", options.connectTimeout ?? 10_000) ?? 10_000,
    waitForServer: options.waitForServer ?? false,
    reconnectDelay: durationOf("reconnectDelay", options.reconnectDelay ?? 1000) ?? 1000,
    pingInterval: durationOf("pingInterval", options.pingInterval ?? 10_000) ?? 10_000,
    maxUnconfirmed: positive("maxUnconfirmed", options.maxUnconfirmed, 8192),
    maxUnconfirmedBytes: positive("maxUnconfirmedBytes", options.maxUnconfirmedBytes, 8 * MIB),
  };
}

interface ServerPlace {
  /** `host:port`. */
  readonly place: string;
  readonly isSecure: boolean;
  readonly user: string | null;
  readonly password: string | null;
  readonly token: string | null;
}

function serverOf(text: string): ServerPlace {
  const url = parseUrl(text);
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "" || !/^\/?$/.test(url.pathname)) {
    throw new OscServerError(
      "OSC_OPTION",
      `A server of NATS is written nats://host:port, tls://host:port or host:port; got ${withoutSecret(text)}.`,
    );
  }
  const name = url.username === "" ? null : decodeURIComponent(url.username);
  const secret = url.password === "" ? null : decodeURIComponent(url.password);
  return {
    place: `${url.hostname}:${url.port === "" ? "4222" : url.port}`,
    isSecure: url.protocol === "tls:",
    user: secret === null ? null : name,
    password: secret,
    token: secret === null ? name : null,
  };
}

function parseUrl(text: string): URL | null {
  const full = text.includes("://") ? text : `nats://${text}`;
  return URL.canParse(full) ? new URL(full) : null;
}

/** What stands before an @ is not for logs. */
function withoutSecret(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^@/]*@/, "//…@"));
}

function checkIdentity({
  user,
  password,
  token,
  credentials,
  nkey,
}: Pick<NatsConnectionSettings, "user" | "password" | "token" | "credentials" | "nkey">): void {
  if ((user === null) !== (password === null))
    throw new OscServerError("OSC_OPTION", "user and password go together: give both, or neither.");
  const ways = [user, token, credentials, nkey].filter((way) => way !== null).length;
  if (ways > 1) throw new OscServerError("OSC_OPTION", "Say who connects in one way: user and password, token, credentials or nkey.");
}
