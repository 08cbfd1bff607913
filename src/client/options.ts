import { type AddressPattern, compilePattern } from "../address/index.ts";
import { Dispatcher, type ErrorListener } from "../dispatch/index.ts";
import {
  MAX_TIMER_MS,
  type OptionCheck,
  bad,
  boolean,
  callback,
  checkHostAndPort,
  describe,
  integer,
  milliseconds,
  oneOf,
  optionError,
  readOptions,
  unchecked,
  abortSignal,
} from "../options.ts";
import type { ConnectionSettings, Reconnect } from "./connection.ts";
import { type ReceiverName, type ReceiverProfile, profileOf } from "./receivers.ts";
import type { ClientOverflowPolicy } from "./sender.ts";

/** Options that every kind of client takes. */
export interface PacketClientOptions {
  /** The handlers that `handleMessages()` calls. Default: a dispatcher of the client's own, without handlers. */
  readonly dispatcher?: Dispatcher;
  /**
   * The program or device that receives, if it takes less than all of OSC. The client converts types and forms that it doesn't take, or
   * rejects the packet with `OSC_RECEIVER_LIMIT`. docs/interoperability.md has the list. Default: a receiver that takes everything.
   */
  readonly for?: ReceiverName;
  /**
   * `"float"` sends every number without an explicit type as a float32 (`f`), for devices that take nothing else; `int(1)` stays an int.
   * Default `"auto"`: integers are sent as int32; with `for`, as that receiver likes them.
   */
  readonly numbers?: "auto" | "float";
  /**
   * Called with every error that ends nothing: a packet that can't be decoded, a send that the network rejected later, a failed send whose
   * promise nobody looked at, a handler that threw. Default: one line on stderr.
   */
  readonly onError?: ErrorListener;
  /**
   * How many errors with the same code are reported per second. The others are counted, and their number is reported with the next one or
   * on `close()`. Default 20.
   */
  readonly maxReports?: number;
  /** Rejects packets that break the OSC text in ways that real programs do, instead of reading and reporting them. Default false. */
  readonly strict?: boolean;
  /** How deep bundles and arrays in packets that arrive may be nested. Default 32. */
  readonly maxNesting?: number;
  /** The largest packet that may arrive, in bytes. Default 16 MiB; a UDP datagram can't carry more than 65,507. */
  readonly maxPacketSize?: number;
  /** How many messages are kept until someone reads them; then the oldest is dropped. Default 10,000. */
  readonly maxInbox?: number;
  /** How many bytes the kept messages may have together, 32 for each argument included; then the oldest are dropped. Default 16 MiB. */
  readonly maxInboxBytes?: number;
}

/** What a client does when its connection breaks or can't be made. */
export interface ReconnectOptions {
  /** The pause before the second attempt, in milliseconds. It doubles after each failure, minus a random part of up to a half. Default 100. */
  readonly minDelay?: number;
  /** The longest pause, in milliseconds. After a connection that lasted this long, pauses start from `minDelay` again. Default 10,000. */
  readonly maxDelay?: number;
  /** After this many failed attempts in a row the client gives up until it is used again. Default `Infinity`. */
  readonly maxAttempts?: number;
}

/** Options of the clients that keep a connection. */
export interface ConnectionOptions extends PacketClientOptions {
  /** How long one attempt to connect may take, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * Whether and when to reconnect. With `false` the client gives up at once: waiting packets are rejected, iterations end, and the next use
   * connects again. Default: true, with the defaults of {@link ReconnectOptions}.
   */
  readonly reconnect?: boolean | ReconnectOptions;
  /**
   * What happens with packets sent while there is no connection. `"queue"`: they wait for it, within `maxUnsent`, `maxUnsentBytes` and
   * `maxUnsentTime`. `"reject"`: they wait for an attempt under way, and are rejected when it fails or while the client pauses between
   * attempts. Default `"queue"`.
   */
  readonly offline?: "queue" | "reject";
  /** How many packets may wait for the connection, or for a server that reads slowly. Default 10,000. */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** How long a packet may wait for a connection, in milliseconds; then its promise is rejected. Default 30,000. */
  readonly maxUnsentTime?: number;
  /** What is dropped when the queue is full: the new packet, or the one that has waited longest. Its promise is rejected. Default `"drop-newest"`. */
  readonly overflow?: ClientOverflowPolicy;
  /** How long `close()` waits for the last packets, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
}

/** How long to wait for messages. */
export interface ReceiveOptions {
  /** Ends the wait after this many milliseconds without a message; 0 takes only what has arrived. */
  readonly timeout?: number;
  /** Ends the wait when it is aborted; nothing is thrown. */
  readonly signal?: AbortSignal;
}

/** {@link ReceiveOptions}, checked. */
export interface Wait {
  readonly timeout: number;
  readonly signal: AbortSignal | null;
}

/** Calculated here, because esbuild keeps module-level objects with calculations on names. */
const SIXTEEN_MIB = 16 * 1024 * 1024;

/** {@link PacketClientOptions}, checked and filled in. */
export interface ClientSettings {
  readonly dispatcher: Dispatcher | undefined;
  /** `null`: a receiver that takes everything. */
  readonly for: ReceiverProfile | null;
  readonly numbers: "auto" | "float" | undefined;
  readonly onError: ErrorListener | undefined;
  readonly maxReports: number;
  readonly strict: boolean;
  readonly maxNesting: number;
  readonly maxPacketSize: number;
  readonly maxInbox: number;
  readonly maxInboxBytes: number;
}

/** {@link ConnectionOptions}, checked and filled in. */
export interface ConnectionClientSettings extends ClientSettings, Omit<ConnectionSettings, "maxInFlightBytes"> {
  readonly connectTimeout: number;
}

/** One check for each option, which gives its setting. */
export type Checks<Settings> = { readonly [Name in keyof Settings]: OptionCheck<Settings[Name]> };

export const CLIENT_CHECKS: Checks<ClientSettings> = {
  dispatcher: dispatcher(),
  for: receiver(),
  numbers: oneOf(["auto", "float"], undefined),
  onError: callback<ErrorListener>(),
  maxReports: integer(1, 20),
  strict: boolean(false),
  maxNesting: integer(1, 32),
  maxPacketSize: integer(1, SIXTEEN_MIB),
  maxInbox: integer(1, 10_000),
  maxInboxBytes: integer(1, SIXTEEN_MIB),
};

export const CONNECTION_CHECKS: Checks<ConnectionClientSettings> = /* @__PURE__ */ (() => ({
  ...CLIENT_CHECKS,
  connectTimeout: milliseconds(10_000),
  reconnect: reconnect(),
  offline: oneOf(["queue", "reject"], "queue"),
  maxUnsent: integer(1, 10_000),
  maxUnsentBytes: integer(1, SIXTEEN_MIB),
  maxUnsentTime: milliseconds(30_000),
  overflow: oneOf(["drop-newest", "drop-oldest"], "drop-newest"),
  closeTimeout: milliseconds(5000),
}))();

/** The check of `maxPacketSize` for packets in a stream: what a size prefix can hold. */
export const framedPacketSize: OptionCheck<number> = /* @__PURE__ */ integer(4, SIXTEEN_MIB, 0x7fff_ffff);

/** How many bytes a client gives to a stream before the stream has taken the first of them. */
export const STREAM_IN_FLIGHT: number = 64 * 1024;

/** @throws OscServerError `OSC_OPTION` */
export function waitOf(owner: string, options: ReceiveOptions, fallback: number): Wait {
  const { timeout, signal = null } = readOptions(owner, options, { timeout: milliseconds(fallback), signal: abortSignal() });
  return { timeout, signal };
}

/**
 * An address or an address pattern, compiled.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function addressPattern(name: string, value: unknown): AddressPattern {
  const pattern = typeof value === "string" && value.startsWith("/") ? compilePattern(value) : null;
  if (pattern !== null && pattern.problem === undefined) return pattern;
  throw bad(name, `an address or an address pattern (${pattern?.problem ?? 'it begins with "/"'})`, value);
}

/* @__NO_SIDE_EFFECTS__ */ function dispatcher(): OptionCheck<Dispatcher | undefined> {
  return (value, name) => {
    if (value === undefined || value instanceof Dispatcher) return value;
    throw bad(name, "a Dispatcher", value);
  };
}

/* @__NO_SIDE_EFFECTS__ */ function receiver(): OptionCheck<ReceiverProfile | null> {
  return (value) => (value === undefined ? null : profileOf(value as ReceiverName));
}

/* @__NO_SIDE_EFFECTS__ */ function reconnect(): OptionCheck<Reconnect | null> {
  return (value, name) => {
    if (value === false) return null;
    const { minDelay, maxDelay, maxAttempts } = readOptions(name, value === true ? undefined : value, {
      minDelay: integer(1, 100, MAX_TIMER_MS),
      maxDelay: integer(1, undefined, MAX_TIMER_MS),
      maxAttempts: unchecked<number>(),
    });
    const longest = maxDelay ?? Math.max(10_000, minDelay);
    if (longest < minDelay) throw optionError(`${name}.maxDelay must be at least minDelay (${minDelay}); got ${longest}.`);
    return {
      minDelay,
      maxDelay: longest,
      maxAttempts: maxAttempts === Infinity ? Infinity : integer(1, Infinity)(maxAttempts, `${name}.maxAttempts`),
    };
  };
}

/**
 * Checks where to send to, and tells whoever wrote host and port in another form what the right one is.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function checkTarget(owner: string, host: unknown, port: unknown): { readonly host: string; readonly port: number } {
  const [, name, number] = (typeof host === "string" && /^(.*[^:]):(\d+)$/.exec(host)) || [];
  const isPair = Array.isArray(host) || (typeof host === "object" && host !== null && "port" in host);
  if (port === undefined && (isPair || name !== undefined)) {
    const example = name === undefined ? `"127.0.0.1", 9000` : `${JSON.stringify(name)}, ${number}`;
    throw optionError(`${owner} takes the host and the port as two arguments, such as new ${owner}(${example}); got ${describe(host)}.`);
  }
  return checkHostAndPort(host, port, 1);
}
