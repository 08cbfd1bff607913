import { framedPacketSize } from "../client/options.ts";
import { type ErrorListener, reportToConsole } from "../dispatch/index.ts";
import type { NatsConnectionOptions } from "../nats/options.ts";
import {
  MAX_TIMER_MS,
  type OptionChecks,
  abortSignal,
  boolean,
  callback,
  integer,
  listOf,
  milliseconds,
  plainObject,
  readOptions,
  text,
  unchecked,
} from "../options.ts";
import type { BridgeRule } from "./rule.ts";
import type { SessionSettings } from "./session.ts";
import type { SocketOptions } from "./sockets.ts";

/** Options for connecting a bridge to NATS. The servers are in the URL. */
export type BridgeNatsOptions = Omit<NatsConnectionOptions, "servers">;

/** Options of `bridge`. */
export interface BridgeOptions {
  /** Rules for messages to the targets. Default: none; packets pass unchanged. */
  readonly rules?: readonly BridgeRule[];
  /** Rules for messages back to the clients. Default: none; packets pass unchanged. */
  readonly rulesBack?: readonly BridgeRule[];
  /** True to send nothing back; all clients then share one socket per target. Default false. */
  readonly oneWay?: boolean;
  /** Called with every error that doesn't end the bridge. Default: one line on stderr. */
  readonly onError?: ErrorListener;
  /** Maximum reports per second for each kind of error; more are only counted. Default 20. */
  readonly maxReports?: number;
  /** Maximum number of concurrent clients with sockets to the targets or replies from NATS; a new client replaces the one idle longest. Default 256. */
  readonly maxSessions?: number;
  /** Milliseconds without traffic in either direction after which a UDP client's sockets are closed. Default 60,000. */
  readonly sessionTimeout?: number;
  /** The largest packet in bytes. Default 16 MiB. */
  readonly maxPacketSize?: number;
  /**
   * Maximum queued packets per client and target while the target is unavailable or slow; beyond that, the oldest are dropped. For NATS, the limit is shared
   * by all clients, as is the connection. Default 10,000.
   */
  readonly maxUnsent?: number;
  /** Maximum total bytes of these packets. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** Maximum bytes buffered for one client or in flight to one target. Default 4 MiB. */
  readonly maxBuffered?: number;
  /**
   * Maximum bytes that all clients together may have queued for targets. Beyond that, packets of clients above their share (`maxMemory` divided by
   * `maxSessions`) are dropped. Default 256 MiB.
   */
  readonly maxMemory?: number;
  /** Additional origins allowed to connect to `ws://`, besides the bridge's own host, as for `AsyncOSCWebSocketServer`. Default none. */
  readonly origins?: readonly string[];
  /**
   * How often the same bytes may return from another sender on this machine or a target's, each within a second of the last, before they are stopped as a
   * loop. `Infinity` never stops them. Default 16.
   */
  readonly maxEchoes?: number;
  /** Options for connecting to `nats://…`: credentials, TLS, limits. Default: as in `NatsConnectionOptions`. */
  readonly nats?: BridgeNatsOptions;
  /** Closes the bridge when it is aborted. */
  readonly signal?: AbortSignal;
}

/** {@link BridgeOptions}, validated and with defaults. */
export interface BridgeSettings {
  readonly rules: { readonly forward: readonly BridgeRule[]; readonly back: readonly BridgeRule[] };
  readonly oneWay: boolean;
  readonly onError: ErrorListener;
  readonly maxReports: number;
  readonly maxEchoes: number;
  readonly sockets: SocketOptions;
  readonly nats: BridgeNatsOptions;
  readonly sessions: SessionSettings;
}

const MIB = 1024 * 1024;

const CHECKS = {
  rules: unchecked<readonly BridgeRule[]>(),
  rulesBack: unchecked<readonly BridgeRule[]>(),
  oneWay: boolean(false),
  onError: callback<ErrorListener>(),
  maxReports: integer(1, 20),
  maxSessions: integer(1, 256),
  sessionTimeout: milliseconds(60_000, 1, MAX_TIMER_MS),
  maxPacketSize: framedPacketSize,
  maxUnsent: integer(1, 10_000),
  maxUnsentBytes: integer(1, 16 * MIB),
  maxBuffered: integer(1, 4 * MIB),
  maxMemory: integer(1, 256 * MIB),
  origins: listOf(text(undefined, "http://localhost:5173")),
  maxEchoes: (value: unknown, name: string): number => (value === Infinity ? value : integer(1, 16)(value, name)),
  nats: plainObject<BridgeNatsOptions>(),
  signal: abortSignal(),
} satisfies OptionChecks<BridgeOptions>;

/**
 * @param originsOption the name of the option or flag for allowed origins, for error messages
 * @throws OscServerError `OSC_OPTION` for an unknown option or a bad value
 */
export function bridgeSettings(options: BridgeOptions, originsOption: string): BridgeSettings {
  const checked = readOptions("bridge", options, CHECKS);
  const { rules = [], rulesBack = [], oneWay, onError = reportToConsole, origins = [], nats = {} } = checked;
  const { maxReports, maxEchoes, maxPacketSize, maxBuffered } = checked;
  const { maxSessions, sessionTimeout, maxUnsent, maxUnsentBytes, maxMemory } = checked;
  return {
    rules: { forward: rules, back: rulesBack },
    oneWay,
    onError,
    maxReports,
    maxEchoes,
    nats,
    sockets: { maxPacketSize, maxBuffered, origins, originsOption },
    sessions: { maxSessions, sessionTimeout, maxUnsent, maxUnsentBytes, maxMemory, isShared: oneWay },
  };
}
