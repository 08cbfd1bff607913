/** Options of front ends and workers. Options sent to another thread are plain data. */
import type { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import {
  type CheckedOptions,
  type OptionCheck,
  type OptionChecks,
  bad,
  boolean,
  callback,
  integer,
  milliseconds,
  oneOf,
  optionError,
  readOptions,
  text,
  unchecked,
} from "../options.ts";
import { SERVER_OPTIONS } from "../server/options.ts";
import type { ServerOptions } from "../server/options.ts";
import type { ChildPoolOptions, ThreadPoolOptions } from "../server/pool/pool-options.ts";
import { type NatsServerAddress, parseNatsServer } from "../url/nats-url.ts";
import { DEFAULT_PREFIX, checkPrefix } from "./subject.ts";

/** TLS options of a NATS connection. */
export interface NatsTlsOptions {
  /** PEM file with the trusted certificates. Default: those that Node trusts. */
  readonly caFile?: string;
  /** PEM file with this client's certificate, for servers that verify clients. */
  readonly certFile?: string;
  /** PEM file with the key of that certificate. */
  readonly keyFile?: string;
  /** True if the server starts with the TLS handshake instead of the NATS greeting. Default false. */
  readonly handshakeFirst?: boolean;
}

/** How to connect to NATS. Plain data, so it can be sent to another thread. */
export interface NatsConnectionOptions {
  /**
   * The servers, as `nats://host:port` or `host:port`. The client picks one at random, tries the others if it is unreachable, and discovers the
   * rest of the cluster. `tls://…` requires TLS; a user and password may precede the host. Default `nats://127.0.0.1:4222`.
   */
  readonly servers?: string | readonly string[];
  /** The connection's name in NATS monitoring. Default `oscine`. */
  readonly name?: string;
  /** The user; requires `password`. */
  readonly user?: string;
  /** The password; requires `user`. */
  readonly password?: string;
  /** A token, instead of a user. */
  readonly token?: string;
  /** The path of a credentials file (`.creds`) with a JWT and a seed. */
  readonly credentials?: string;
  /** The seed of an NKey, `SU…`. */
  readonly nkey?: string;
  /** True or TLS options to require encryption. Default: encrypts if the server requires it. */
  readonly tls?: boolean | NatsTlsOptions;
  /** Connection timeout in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * True to keep retrying if no server can be reached initially. Default false: fails with an error. Once connected, the client always reconnects. A
   * worker with threads or processes waits at most a minute.
   */
  readonly waitForServer?: boolean;
  /** The maximum delay before reconnecting, in milliseconds; the actual delay is random, at least half of it. Default 1,000. */
  readonly reconnectDelay?: number;
  /** Ping interval for an idle server, in milliseconds; after two missing answers, the client disconnects. Default 10,000. */
  readonly pingInterval?: number;
  /** Maximum number of unconfirmed messages in flight. Default 8,192. */
  readonly maxUnconfirmed?: number;
  /** Maximum total bytes of unconfirmed messages. Default 8 MiB. A single message is always allowed. */
  readonly maxUnconfirmedBytes?: number;
}

/**
 * The delivery guarantee between a front end and a worker's handlers.
 *
 * - `"at-most-once"`: a packet is published once; packets in flight during a failure are lost, as over UDP. Packets lost with a dead worker are the
 *   difference between those that front ends handled and those that workers received.
 * - `"at-least-once"`: a stream keeps a packet until a handler has finished, and redelivers it if a worker fails, so a handler may see it twice.
 *   A front end publishes it with the same id until the stream confirms it. A live worker reports the packets being handled.
 *
 * Bundles with a future time tag stay in the front end's memory until their time.
 */
export type Delivery = "at-most-once" | "at-least-once";

/**
 * `"none"`: any worker with capacity handles a packet. `"client"`: each client's packets are handled one after another, in the order in which its
 * front end received them. With at-least-once, two cases can break this order: a change of the stream's leader within a cluster, and a full stream
 * that gets room between two packets. With at-most-once, two workers with the same share break it.
 */
export type DeliveryOrder = "none" | "client";

/** The stream that stores packets for `"at-least-once"`. It is created if missing; an existing stream isn't changed. */
export interface NatsStreamOptions {
  /** Its name: letters, digits, `-` and `_`. Default: `OSCINE_` plus the prefix, with other characters replaced by `_`. */
  readonly name?: string;
  /** Default `"file"`: survives a server restart. `"memory"` is faster. */
  readonly storage?: "file" | "memory";
  /** Maximum number of packets; more are rejected and stay queued in the front ends. Default 1,000,000. */
  readonly maxMessages?: number;
  /** Maximum total bytes. Default 256 MiB. The server reserves this much, and the same again for dead letters. */
  readonly maxBytes?: number;
  /** Maximum age of unhandled packets in milliseconds; older ones are deleted. Default 86,400,000: one day. */
  readonly maxAge?: number;
  /** Number of servers in a cluster that store it, 1 to 5. Default 1. */
  readonly replicas?: number;
  /** How long it remembers packet ids to ignore duplicates, in milliseconds. Default 120,000. */
  readonly duplicateWindow?: number;
  /** Its JetStream domain, for leaf nodes. Default: the server's. */
  readonly domain?: string;
}

/** Options for connecting, and those that front ends and workers must agree on. */
export interface NatsDeliveryOptions extends NatsConnectionOptions {
  /** The prefix of packet subjects; each group of front ends and workers needs its own. Default `osc`. */
  readonly prefix?: string;
  /** The delivery guarantee. Default `"at-most-once"`. */
  readonly delivery?: Delivery;
  /** The order in which packets are handled. Default `"none"`. */
  readonly order?: DeliveryOrder;
  /** With `order: "client"`: the number of partitions for clients, 1 to 1,024. Packets in one partition are handled one after another. Default 16. */
  readonly partitions?: number;
  /** With `delivery: "at-least-once"`: options of the stream. */
  readonly stream?: NatsStreamOptions;
}

/** Options of `NatsExecutor`. */
export interface NatsExecutorOptions extends NatsDeliveryOptions {
  /** Identifies this front end: letters, digits, `-` and `_`. Default: a new id each time the server starts serving. */
  readonly id?: string;
  /**
   * With `"at-least-once"`: maximum number of unconfirmed packets in flight to the stream; others stay in the server's queue.
   * Default 4,096. With `"at-most-once"`, the limit is `maxUnconfirmed`.
   */
  readonly maxInFlight?: number;
  /** Maximum number of clients remembered for replies; the one idle longest is forgotten first. Default 16,384. */
  readonly maxClients?: number;
  /** Called with the server as `host:port` on connecting, and with null when the connection breaks. */
  readonly onConnection?: (server: string | null) => void;
}

/** Where a worker runs its handlers: in the event loop, in threads, or in processes. */
export type WorkerKind = "async" | "threading" | "forking";

/** Options of `serveNats`. Server options apply to each worker separately. */
export interface ServeNatsOptions extends NatsDeliveryOptions, ServerOptions {
  /** Where handlers run. Default `"async"`. */
  readonly kind?: WorkerKind;
  /**
   * The queue name. Each packet goes to one of the workers that share a name. With at-most-once, each other name receives every packet too; a stream
   * supports one name. Default `oscine`.
   */
  readonly queue?: string;
  /**
   * Maximum number of packets handled concurrently: by async handlers, or the number of threads or processes. Default 64 for `"async"`, 32 for
   * `"threading"`, 8 for `"forking"`.
   */
  readonly concurrency?: number;
  /** With `kind: "threading"`: options of the threads. */
  readonly threads?: Omit<ThreadPoolOptions, "maxThreads">;
  /** With `kind: "forking"`: options of the processes. */
  readonly children?: Omit<ChildPoolOptions, "maxChildren">;
  /** With a handlers module: its dispatcher's `strictTiming`, for bundles that no front end has scheduled. Default true. */
  readonly strictTiming?: boolean;
  /** How long `close()` waits for running handlers, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /** With `"async"`: called for each packet before it is handled; return false to reject it. A handlers module may export it. Default: accepts all. */
  readonly verifyRequest?: (data: Uint8Array, clientAddress: NetAddress) => boolean;
  /** Closes the worker when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * With `"at-least-once"`: redeliver a packet if its worker hasn't reported it for this many milliseconds. A live worker reports its packets
   * every third of that time. Default 30,000.
   */
  readonly ackWait?: number;
  /** With `"at-least-once"`: number of deliveries before a packet becomes a dead letter. Default 5. */
  readonly maxDeliver?: number;
  /**
   * With `"at-least-once"`: milliseconds after which the worker stops reporting a packet, so it is redelivered if its handler never ends.
   * Default 60,000.
   */
  readonly handlerTimeout?: number;
  /** With `"at-least-once"`: maximum number of packets the worker holds, including those being handled. Default twice `concurrency`. */
  readonly prefetch?: number;
  /**
   * With `"at-most-once"` and `order: "client"`: the partitions of this worker. `[1, 3]` is the second of three workers (counted from 0), which
   * handles every third partition. Default `[0, 1]`: all partitions, so it must be the only worker.
   */
  readonly share?: readonly [index: number, of: number];
}

/** The handlers: a dispatcher, or a module whose default export is one. */
export type WorkerHandlers = Dispatcher | URL | string;

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;
const CONCURRENCY: Readonly<Record<WorkerKind, number>> = { async: 64, threading: 32, forking: 8 };
const MAX_WORKERS = 1024;
const MAX_PREFETCH = 10_000;

const CONNECTION_CHECKS = {
  servers: serverList(),
  name: text("oscine"),
  user: text(undefined),
  password: text(undefined),
  token: text(undefined),
  credentials: text(undefined, "worker.creds"),
  nkey: text(undefined),
  tls: tls(),
  connectTimeout: milliseconds(10_000),
  waitForServer: boolean(false),
  reconnectDelay: milliseconds(1000),
  pingInterval: milliseconds(10_000),
  maxUnconfirmed: integer(1, 8192),
  maxUnconfirmedBytes: integer(1, 8 * MIB),
} satisfies Readonly<Record<keyof OptionChecks<NatsConnectionOptions>, unknown>>;

const DELIVERY_CHECKS = {
  ...CONNECTION_CHECKS,
  prefix: (value: unknown) => checkPrefix((value === undefined ? DEFAULT_PREFIX : value) as string),
  delivery: oneOf(["at-most-once", "at-least-once"], "at-most-once"),
  order: oneOf(["none", "client"], "none"),
  partitions: integer(1, 16, 1024),
  stream: unchecked<NatsStreamOptions>(),
} satisfies Readonly<Record<keyof OptionChecks<NatsDeliveryOptions>, unknown>>;

/** Validated by the server. */
const SERVER_CHECKS = Object.fromEntries(SERVER_OPTIONS.map((option) => [option, unchecked()])) as Record<
  keyof ServerOptions,
  OptionCheck<unknown>
>;

/** Checks for front ends and workers, which may share one options object. */
const NATS_CHECKS = {
  ...DELIVERY_CHECKS,
  id: name(undefined),
  maxInFlight: integer(1, 4096),
  maxClients: integer(1, 16_384),
  onConnection: callback<(server: string | null) => void>(),
  ...SERVER_CHECKS,
  kind: oneOf(["async", "threading", "forking"], "async"),
  queue: name("oscine"),
  concurrency: integer(1, undefined),
  threads: unchecked(),
  children: unchecked(),
  strictTiming: boolean(true),
  closeTimeout: unchecked(),
  verifyRequest: callback(),
  signal: unchecked(),
  ackWait: milliseconds(30_000),
  maxDeliver: integer(1, 5),
  handlerTimeout: milliseconds(60_000),
  prefetch: integer(1, undefined, MAX_PREFETCH),
  share: share(),
} satisfies Readonly<Record<keyof OptionChecks<NatsExecutorOptions & ServeNatsOptions>, unknown>>;

const STREAM_CHECKS = {
  storage: oneOf(["file", "memory"], "file"),
  maxMessages: integer(1, 1_000_000),
  maxBytes: integer(1, 256 * MIB),
  maxAge: integer(1, DAY_MS),
  replicas: integer(1, 1, 5),
  duplicateWindow: integer(1, 120_000),
  domain: text(undefined),
} satisfies Readonly<Record<keyof OptionChecks<Omit<NatsStreamOptions, "name">>, unknown>>;

type Checked = CheckedOptions<typeof NATS_CHECKS>;
type CheckedConnection = CheckedOptions<typeof CONNECTION_CHECKS>;

/** Options with defaults applied, except those without a default. */
type Filled<Options, NoDefault extends keyof Options = never> = Required<Omit<Options, NoDefault>> & {
  readonly [Option in NoDefault]: Options[Option] | undefined;
};

/** {@link NatsConnectionOptions}, validated and with defaults. Plain data. */
export type NatsConnectionSettings = Filled<
  Omit<NatsConnectionOptions, "servers" | "tls">,
  "user" | "password" | "token" | "credentials" | "nkey"
> & {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  /** Null: encrypts if the server requires it. */
  readonly tls: NatsTlsOptions | null;
};

/** {@link NatsDeliveryOptions}, validated and with defaults. Plain data. */
export interface DeliverySettings {
  readonly connection: NatsConnectionSettings;
  readonly prefix: string;
  readonly delivery: Delivery;
  /** Null: unordered. */
  readonly partitions: number | null;
  readonly stream: Filled<NatsStreamOptions, "domain">;
}

/** {@link NatsExecutorOptions}, validated and with defaults. */
export type ExecutorSettings = DeliverySettings & Filled<Omit<NatsExecutorOptions, keyof NatsDeliveryOptions>, "id" | "onConnection">;

/** {@link ServeNatsOptions} without server options, validated and with defaults. Plain data. */
export type WorkerSettings = DeliverySettings &
  Filled<Pick<ServeNatsOptions, "kind" | "queue" | "concurrency" | "ackWait" | "maxDeliver" | "handlerTimeout" | "prefetch" | "share">>;

/** @throws OscServerError `OSC_OPTION` if an option has a bad value or two options conflict */
export function natsConnectionSettings(options: NatsConnectionOptions): NatsConnectionSettings {
  return withIdentity(readOptions("NatsLink.open()", options, CONNECTION_CHECKS));
}

/** @throws OscServerError `OSC_OPTION` */
export function executorSettings(options: NatsExecutorOptions): ExecutorSettings {
  const checked = readOptions("NatsExecutor.for()", options, NATS_CHECKS);
  const { id, maxInFlight, maxClients, onConnection } = checked;
  return { ...deliverySettings(checked), id, maxInFlight, maxClients, onConnection };
}

/** @throws OscServerError `OSC_OPTION` */
export function workerSettings(options: ServeNatsOptions): WorkerSettings {
  const checked = readOptions("serveNats()", options, NATS_CHECKS);
  const { kind, queue, ackWait, maxDeliver, handlerTimeout, share: part } = checked;
  const { concurrency = CONCURRENCY[kind] } = checked;
  const { prefetch = Math.min(2 * concurrency, MAX_PREFETCH) } = checked;
  return { ...deliverySettings(checked), kind, concurrency, queue, ackWait, maxDeliver, handlerTimeout, prefetch, share: part };
}

function deliverySettings(checked: Checked): DeliverySettings {
  const { prefix, delivery, order, partitions, stream } = checked;
  const connection = Object.fromEntries(
    Object.keys(CONNECTION_CHECKS).map((option) => [option, checked[option as keyof CheckedConnection]]),
  ) as CheckedConnection;
  return {
    connection: withIdentity(connection),
    prefix,
    delivery,
    partitions: order === "client" ? partitions : null,
    stream: readOptions("stream", stream, { ...STREAM_CHECKS, name: name(`OSCINE_${prefix.replaceAll(/[^\w-]/g, "_")}`) }),
  };
}

/** Adds the user, password or token from the first server's URL. */
function withIdentity(checked: CheckedConnection): NatsConnectionSettings {
  const { servers } = checked;
  const [first] = servers;
  const { user = first?.user, password = first?.password, token = first?.token, credentials, nkey } = checked;
  if ((user === undefined) !== (password === undefined)) throw optionError("user and password belong together: set both or neither.");
  const ways = [user, token, credentials, nkey].filter((way) => way !== undefined).length;
  if (ways > 1) throw optionError("Set only one identity: user and password, token, credentials or nkey.");
  return {
    ...checked,
    servers: servers.map(({ hostAndPort }) => hostAndPort),
    user,
    password,
    token,
    tls: checked.tls ?? (servers.some(({ isSecure }) => isSecure) ? {} : null),
  };
}

function serverList(): OptionCheck<readonly NatsServerAddress[]> {
  return (value = "nats://127.0.0.1:4222", option) => {
    const given: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (given.length === 0) throw optionError(`${option} is empty: name at least one server, such as nats://127.0.0.1:4222.`);
    return given.map(parseNatsServer);
  };
}

/** `undefined`: as in the servers' URLs; `null`: encrypts if the server requires it. */
function tls(): OptionCheck<NatsTlsOptions | null | undefined> {
  return (value, option) => {
    if (value === undefined) return undefined;
    if (typeof value === "boolean") return value ? {} : null;
    readOptions(option, value, {
      caFile: text(undefined),
      certFile: text(undefined),
      keyFile: text(undefined),
      handshakeFirst: boolean(undefined),
    });
    return value;
  };
}

/** A name valid in NATS for a stream, a consumer or a subject token. */
function name<Fallback extends string | undefined>(fallback: Fallback): OptionCheck<string | Fallback> {
  return (value, option) => {
    if (value === undefined) return fallback;
    if (typeof value === "string" && /^[\w-]{1,128}$/.test(value)) return value;
    throw bad(option, "made of letters, digits, - and _", value);
  };
}

function share(): OptionCheck<readonly [index: number, of: number]> {
  return (value = [0, 1], option) => {
    const [index, of] = Array.isArray(value) && value.length === 2 ? (value as readonly unknown[]) : [];
    if (Number.isInteger(index) && Number.isInteger(of)) {
      const [own, all] = [index as number, of as number];
      if (own >= 0 && own < all && all <= MAX_WORKERS) return [own, all];
    }
    throw bad(option, `[index, of] with 0 <= index < of <= ${MAX_WORKERS}, such as [0, 3]`, value);
  };
}
