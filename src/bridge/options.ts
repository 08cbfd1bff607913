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

/** How a bridge connects to NATS. Its servers are in the URL. */
export type BridgeNatsOptions = Omit<NatsConnectionOptions, "servers">;

/** Options of `bridge`. */
export interface BridgeOptions {
  /** What happens to messages on their way to the targets. Default: all packets pass byte for byte. */
  readonly rules?: readonly BridgeRule[];
  /** What happens to messages on their way back. Default: all packets pass byte for byte. */
  readonly rulesBack?: readonly BridgeRule[];
  /** True: nothing is sent back, and all clients share one socket to each target. Default false. */
  readonly oneWay?: boolean;
  /** Called with every error that doesn't end the bridge. Default: one line on stderr. */
  readonly onError?: ErrorListener;
  /** How many errors of one kind are reported per second; the number of the others is reported. Default 20. */
  readonly maxReports?: number;
  /** How many clients may have sockets to the targets, or answers from NATS, at once; one more replaces the one that was silent longest. Default 256. */
  readonly maxSessions?: number;
  /** After how many milliseconds of silence, both ways, a UDP client's sockets are closed. Default 60,000. */
  readonly sessionTimeout?: number;
  /** The largest packet in bytes. Default 16 MiB. */
  readonly maxPacketSize?: number;
  /**
   * How many packets of one client may wait for one target that is away or slow; beyond that the oldest are dropped. For NATS, whose connection all
   * clients share: how many of all clients. Default 10,000.
   */
  readonly maxUnsent?: number;
  /** How many bytes these packets may have together. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** How many bytes may wait for one client, or be in flight to one target. Default 4 MiB. */
  readonly maxBuffered?: number;
  /**
   * How many bytes of all clients together may wait for targets. If more do, packets of clients that hold more than their share (`maxMemory` divided by
   * `maxSessions`) are dropped. Default 256 MiB.
   */
  readonly maxMemory?: number;
  /** Pages that may connect to `ws://` besides those of the bridge's own host, as for `AsyncOSCWebSocketServer`. Default none. */
  readonly origins?: readonly string[];
  /**
   * How often in a row the same bytes may come again from another sender on this machine, or on one that the bridge sends to, each time within a second,
   * before they are stopped as a loop; `Infinity`: always. Default 16.
   */
  readonly maxEchoes?: number;
  /** How to connect to `nats://…`: credentials, TLS, limits. Default: as `NatsConnectionOptions` says. */
  readonly nats?: BridgeNatsOptions;
  /** Closes the bridge when it is aborted. */
  readonly signal?: AbortSignal;
}

/** {@link BridgeOptions}, checked and filled in. */
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
 * @param originsOption what holds the allowed origins, for error messages: the option, or a flag of the command line
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
