/** Options of front ends and workers: plain data where it has to reach another thread. */
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

/** How a connection to NATS is secured. */
export interface NatsTlsOptions {
  /** The file with the trusted certificates, as PEM. Default: those that Node trusts. */
  readonly caFile?: string;
  /** The file with the certificate of this client, as PEM, for servers that verify clients. */
  readonly certFile?: string;
  /** The file with the key of that certificate, as PEM. */
  readonly keyFile?: string;
  /** True if the server begins with the TLS handshake and not with NATS's own greeting. Default false. */
  readonly handshakeFirst?: boolean;
}

/** How to reach NATS: plain data, because it may have to go to another thread. */
export interface NatsConnectionOptions {
  /**
   * The servers, as `nats://host:port` or `host:port`. The client picks one at random, tries the others if it can't be reached, and learns of
   * the rest of the cluster from it. `tls://…` asks for TLS; a user and password may stand before the host. Default `nats://127.0.0.1:4222`.
   */
  readonly servers?: string | readonly string[];
  /** The name of the connection in the monitoring of NATS. Default `oscine`. */
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
  /** True, or details, if the connection must be encrypted. Default: if the server asks for it. */
  readonly tls?: boolean | NatsTlsOptions;
  /** How long a server may take to answer when connecting, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * Whether to go on trying if no server can be reached at the start. Default false: that is an error. Later the client retries forever. A
   * worker with threads or processes waits a minute at most.
   */
  readonly waitForServer?: boolean;
  /** The longest pause before a server is tried again, in milliseconds; the pause is at least half of it, at random. Default 1,000. */
  readonly reconnectDelay?: number;
  /** How often to ping a silent server, in milliseconds; after two missing answers it is given up. Default 10,000. */
  readonly pingInterval?: number;
  /** How many messages may be on their way to the server, not confirmed yet. Default 8,192. */
  readonly maxUnconfirmed?: number;
  /** How many bytes they may have together. Default 8 MiB. One message is always let through. */
  readonly maxUnconfirmedBytes?: number;
}

/**
 * What is promised between a front end and the handlers of a worker.
 *
 * - `"at-most-once"`: a packet is published once; what is on its way when something fails is lost, as over UDP. What a worker had when it died
 *   is the difference between what front ends handled and what workers received.
 * - `"at-least-once"`: a stream keeps it until a handler has finished, and delivers it again if a worker fails; so a handler may see it twice.
 *   A front end publishes it with one id until the stream has confirmed it. A live worker reports the packets that its handlers are working on.
 *
 * Bundles dated in the future wait in the memory of the front end until their time.
 */
export type Delivery = "at-most-once" | "at-least-once";

/**
 * `"none"`: packets are handled wherever there is room. `"client"`: packets of one client are handled one after another, in the order in
 * which its front end received them. At-least-once, two cases can break that order: a change of the stream's leader within a cluster, and room in
 * a full stream that appears between two packets. At-most-once, two workers with the same share break it.
 */
export type DeliveryOrder = "none" | "client";

/** The stream that keeps packets for `"at-least-once"`. It is created if it is missing; an existing one is left as it is. */
export interface NatsStreamOptions {
  /** Its name: letters, digits, `-` and `_`. Default `OSCINE_` and the prefix, with `_` for what a name can't have. */
  readonly name?: string;
  /** Default `"file"`: kept when the server ends. `"memory"` is faster. */
  readonly storage?: "file" | "memory";
  /** How many packets it may hold; more are rejected, and wait at the front ends. Default 1,000,000. */
  readonly maxMessages?: number;
  /** How many bytes they may have together. Default 256 MiB, which the server reserves; as much again for dead letters. */
  readonly maxBytes?: number;
  /** After how long a packet that nobody handled is deleted, in milliseconds. Default 86,400,000: a day. */
  readonly maxAge?: number;
  /** On how many servers of a cluster it is stored, 1 to 5. Default 1. */
  readonly replicas?: number;
  /** How long it remembers the ids of packets, to ignore one that is published again, in milliseconds. Default 120,000. */
  readonly duplicateWindow?: number;
  /** The JetStream domain that it belongs to, for leaf nodes. Default: that of the server. */
  readonly domain?: string;
}

/** What front ends and workers have to agree on, and how they reach NATS. */
export interface NatsDeliveryOptions extends NatsConnectionOptions {
  /** What the subjects of packets begin with; each group of front ends and workers needs its own. Default `osc`. */
  readonly prefix?: string;
  /** Default `"at-most-once"`. */
  readonly delivery?: Delivery;
  /** Default `"none"`. */
  readonly order?: DeliveryOrder;
  /** With `order: "client"`: among how many partitions clients are spread, 1 to 1,024. Packets of one are handled one after another. Default 16. */
  readonly partitions?: number;
  /** With `delivery: "at-least-once"`. */
  readonly stream?: NatsStreamOptions;
}

/** Options of `NatsExecutor`. */
export interface NatsExecutorOptions extends NatsDeliveryOptions {
  /** Tells this front end from others: letters, digits, `-` and `_`. Default: a new one each time the server begins to serve. */
  readonly id?: string;
  /**
   * With `"at-least-once"`: how many packets may be on their way to the stream, not confirmed yet; the others wait in the server's queue.
   * Default 4,096. With `"at-most-once"` the limit is `maxUnconfirmed`.
   */
  readonly maxInFlight?: number;
  /** How many clients are remembered, so that replies find them; the one that has been silent for longest is forgotten first. Default 16,384. */
  readonly maxClients?: number;
  /** Called with the server as `host:port` when the connection is made, and with null when it breaks. */
  readonly onConnection?: (server: string | null) => void;
}

/** Where a worker runs its handlers: in the event loop, each packet in a thread, or each packet in a process. */
export type WorkerKind = "async" | "threading" | "forking";

/** Options of `serveNats`. Those of a server apply to each worker by itself. */
export interface ServeNatsOptions extends NatsDeliveryOptions, ServerOptions {
  /** Default `"async"`. */
  readonly kind?: WorkerKind;
  /**
   * The name that workers share among whom packets are spread: each packet goes to one of them. At-most-once, workers with another name get every
   * packet once more; a stream has one name. Default `oscine`.
   */
  readonly queue?: string;
  /**
   * How many packets may be handled at the same time: async, while handlers await something; else threads or processes. Default 64 for
   * `"async"`, 32 for `"threading"`, 8 for `"forking"`.
   */
  readonly concurrency?: number;
  /** With `kind: "threading"`: more about the threads. */
  readonly threads?: Omit<ThreadPoolOptions, "maxThreads">;
  /** With `kind: "forking"`: more about the processes. */
  readonly children?: Omit<ChildPoolOptions, "maxChildren">;
  /** With a handlers module: the `strictTiming` of its dispatcher, for bundles that no front end has scheduled. Default true. */
  readonly strictTiming?: boolean;
  /** How long `close()` waits for running handlers, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /** With `"async"`: called for each packet just before it is handled. A handlers module may export such a function. Default: accepts all. */
  readonly verifyRequest?: (data: Uint8Array, clientAddress: NetAddress) => boolean;
  /** Closes the worker when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * With `"at-least-once"`: how long the worker may be silent about a packet, in milliseconds, before it is delivered again. A live worker
   * reports the packets it has every third of that. Default 30,000.
   */
  readonly ackWait?: number;
  /** With `"at-least-once"`: how often a packet is given to workers before it becomes a dead letter. Default 5. */
  readonly maxDeliver?: number;
  /**
   * With `"at-least-once"`: after how long the worker stops reporting a packet, in milliseconds, so that one whose handler never ends is
   * delivered again. Default 60,000.
   */
  readonly handlerTimeout?: number;
  /** With `"at-least-once"`: how many packets the worker may have, those being handled included. Default twice `concurrency`. */
  readonly prefetch?: number;
  /**
   * With `"at-most-once"` and `order: "client"`: which partitions are this worker's. `[1, 3]`: it is the second of three workers (they count
   * from 0), and has every third partition. Default `[0, 1]`: all of them, so that there must be no other worker.
   */
  readonly share?: readonly [index: number, of: number];
}

/** What handles packets: a dispatcher, or a module whose default export is one. */
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

/** Checked by the server that gets them. */
const SERVER_CHECKS = Object.fromEntries(SERVER_OPTIONS.map((option) => [option, unchecked()])) as Record<
  keyof ServerOptions,
  OptionCheck<unknown>
>;

/** Of front ends and workers together, which may share one options object. */
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

/** Options that are filled in, apart from those that have no default. */
type Filled<Options, NoDefault extends keyof Options = never> = Required<Omit<Options, NoDefault>> & {
  readonly [Option in NoDefault]: Options[Option] | undefined;
};

/** {@link NatsConnectionOptions}, checked and filled in. Plain data. */
export type NatsConnectionSettings = Filled<
  Omit<NatsConnectionOptions, "servers" | "tls">,
  "user" | "password" | "token" | "credentials" | "nkey"
> & {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  /** Null: as the server asks. */
  readonly tls: NatsTlsOptions | null;
};

/** {@link NatsDeliveryOptions}, checked and filled in. Plain data. */
export interface DeliverySettings {
  readonly connection: NatsConnectionSettings;
  readonly prefix: string;
  readonly delivery: Delivery;
  /** Null: no order. */
  readonly partitions: number | null;
  readonly stream: Filled<NatsStreamOptions, "domain">;
}

/** {@link NatsExecutorOptions}, checked and filled in. */
export type ExecutorSettings = DeliverySettings & Filled<Omit<NatsExecutorOptions, keyof NatsDeliveryOptions>, "id" | "onConnection">;

/** {@link ServeNatsOptions} apart from the server's, checked and filled in. Plain data. */
export type WorkerSettings = DeliverySettings &
  Filled<Pick<ServeNatsOptions, "kind" | "queue" | "concurrency" | "ackWait" | "maxDeliver" | "handlerTimeout" | "prefetch" | "share">>;

/** @throws OscServerError `OSC_OPTION` if an option has a bad value, or two contradict each other */
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

/** Adds the user, password or token that the first server's URL names. */
function withIdentity(checked: CheckedConnection): NatsConnectionSettings {
  const { servers } = checked;
  const [first] = servers;
  const { user = first?.user, password = first?.password, token = first?.token, credentials, nkey } = checked;
  if ((user === undefined) !== (password === undefined)) throw optionError("user and password go together: give both, or neither.");
  const ways = [user, token, credentials, nkey].filter((way) => way !== undefined).length;
  if (ways > 1) throw optionError("Give one identity only: user and password, token, credentials or nkey.");
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

/** `undefined`: as the servers' URLs say; `null`: as the server asks. */
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

/** What NATS takes as the name of a stream, a consumer or a token of a subject. */
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
