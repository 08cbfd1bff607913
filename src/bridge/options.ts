import type { ErrorListener } from "../dispatch/index.ts";
import { reportToConsole } from "../dispatch/index.ts";
import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import { positive } from "../server/options.ts";
import { durationOf } from "../server/transports.ts";
import type { BridgeNatsOptions } from "./nats-options.ts";
import type { BridgeRule } from "./rules.ts";
import type { SessionsSettings } from "./sessions.ts";
import type { SocketOptions } from "./sockets.ts";

/** Options of `bridge`. */
export interface BridgeOptions {
  /** What becomes of messages on their way to the targets. Default: all packets pass byte for byte. */
  readonly rules?: readonly BridgeRule[];
  /** What becomes of messages on their way back. Default: all packets pass byte for byte. */
  readonly rulesBack?: readonly BridgeRule[];
  /** True: nothing is sent back. All clients then share one socket to each target. Default false. */
  readonly oneWay?: boolean;
  /** Called with every error that does not end the bridge. Default: one line on stderr. */
  readonly onError?: ErrorListener;
  /** How many errors of one kind are reported within a second; the others are counted and their number is reported. Default 20. */
  readonly maxReports?: number;
  /** How many clients may have sockets to the targets, or answers from NATS, at once; one more takes the place of the one that was silent for longest. Default 256. */
  readonly maxSessions?: number;
  /** After how many milliseconds of silence, both ways, the sockets of a UDP client are closed. Default 60,000. */
  readonly sessionTimeout?: number;
  /** The most bytes of a packet. Default 16 MiB. */
  readonly maxPacketSize?: number;
  /**
   * How many packets of one client may wait for one target that is away or slow; beyond that the oldest are dropped. For NATS, whose connection all share: how
   * many of all clients. Default 10,000.
   */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** How many bytes may wait for one client, or on their way to one target. Default 4 MiB. */
  readonly maxBuffered?: number;
  /** Pages that may connect to `ws://` besides those of the bridge's own host, as for `AsyncOSCWebSocketServer`. Default none. */
  readonly origins?: readonly string[];
  /**
   * How often in a row the same bytes may come again from another sender on this machine, or on one that is sent to, each time within a second, until
   * that is taken for a loop and stopped; `Infinity`: always. Default 16.
   */
  readonly maxEchoes?: number;
  /** How to connect to `nats://…`: credentials, TLS, bounds. Default: as `NatsConnectionOptions` says. */
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
  readonly sessions: SessionsSettings;
}

const MIB = 1024 * 1024;

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function bridgeSettings(options: BridgeOptions): BridgeSettings {
  const { rules = [], rulesBack = [], oneWay = false, onError = reportToConsole, origins = [], maxEchoes = 16 } = options;
  return {
    rules: { forward: rules, back: rulesBack },
    oneWay,
    onError,
    maxReports: positive("maxReports", options.maxReports, 20),
    maxEchoes: maxEchoes === Infinity ? maxEchoes : positive("maxEchoes", maxEchoes, 16),
    nats: options.nats ?? {},
    sockets: {
      maxPacketSize: checkMaxPacketSize(positive("maxPacketSize", options.maxPacketSize, 16 * MIB)),
      maxBuffered: positive("maxBuffered", options.maxBuffered, 4 * MIB),
      origins,
    },
    sessions: {
      maxSessions: positive("maxSessions", options.maxSessions, 256),
      sessionTimeout: durationOf("sessionTimeout", options.sessionTimeout ?? 60_000) ?? 60_000,
      maxUnsent: positive("maxUnsent", options.maxUnsent, 10_000),
      maxUnsentBytes: positive("maxUnsentBytes", options.maxUnsentBytes, 16 * MIB),
      isShared: oneWay,
    },
  };
}
