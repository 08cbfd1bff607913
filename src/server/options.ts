import { BlockList, isIP } from "node:net";
import type { ErrorListener } from "../dispatch/index.ts";
import { plainAddress } from "../net-address.ts";
import {
  type OptionChecks,
  boolean,
  callback,
  checkOptionValues,
  describe,
  integer,
  listOf,
  oneOf,
  optionError,
  orNull,
  text,
} from "../options.ts";
import { DEFAULT_MAX_MEMORY } from "../transport/memory-budget.ts";

/** What is lost when a queue is full. */
export type OverflowPolicy = "drop-newest" | "drop-oldest";

/** What happens to a bundle dated too far in the future. */
export type FarAheadPolicy = "deliver" | "reject";

/** Options that every kind of server takes. */
export interface ServerOptions {
  /** Called with every error that does not stop the server. Default: one line on stderr, with the client's address. */
  readonly onError?: ErrorListener;
  /** Refuse packets that break the OSC text in ways that real programs do, instead of reading and reporting them. Default false. */
  readonly strict?: boolean;
  /**
   * Handle messages whose address doesn't begin with `/`, such as liblo's `#reply`, instead of rejecting them as `not-osc`. They call handlers
   * that are mapped to `*`, and otherwise the default handler. Not together with `strict`. Default false.
   */
  readonly allowOddAddresses?: boolean;
  /**
   * The most bytes that a packet may have. Default 1 MiB. A UDP datagram can't carry more than 65,507 bytes; over streams, the largest packets in
   * common use are SuperCollider's synth definitions and buffer contents, of some hundred kilobytes. Raise it to receive larger blobs.
   */
  readonly maxPacketSize?: number;
  /** How deep bundles, and arrays, may be nested. Default 32. */
  readonly maxNesting?: number;
  /** How many bundles may wait for their time. Default 4,096. */
  readonly maxWaiting?: number;
  /** How many bytes the waiting bundles may have together. Default 64 MiB. */
  readonly maxWaitingBytes?: number;
  /** How far ahead a bundle may be dated, in milliseconds. Default 600,000 (ten minutes), which is less than the hours by which a clock set to a wrong time zone errs. */
  readonly maxAhead?: number;
  /**
   * What happens to a bundle dated further ahead than `maxAhead`: it is handled at once, or rejected as `too-far-ahead`. Both are reported,
   * `"deliver"` once per sender. If the time tag comes from a clock that doesn't count from 1900 (from boot, 1970 or 2001), the bundle is
   * always handled at once. Default `"deliver"`, because a live show wants the message.
   */
  readonly farAhead?: FarAheadPolicy;
  /** How many packets may wait for a handler. Default 65,536: what 100,000 packets per second bring while a handler takes half a second. */
  readonly maxQueue?: number;
  /** How many bytes the packets that wait for a handler may have together. Default 64 MiB. */
  readonly maxQueueBytes?: number;
  /**
   * How many bytes the server may hold for all of its clients together: packets that have not fully arrived, packets that wait, replies that have
   * not been read. Beyond it the connection that holds the most is ended, and counted as `evicted`; datagrams are dropped. Default 256 MiB.
   */
  readonly maxMemory?: number;
  /**
   * What is dropped when `maxQueue` or `maxQueueBytes` is reached: the newest or the oldest packet of the sender that has most waiting.
   * Default `"drop-newest"`.
   */
  readonly overflow?: OverflowPolicy;
  /** How many errors of one kind are reported per second; the others are counted, and their number is reported. Default 20. */
  readonly maxReports?: number;
  /** Senders that are heard, as IP addresses (`"10.0.0.5"`) or subnets (`"10.0.0.0/8"`). Default: all. */
  readonly allow?: readonly string[];
  /**
   * How many packets each sender may send per second; more are rejected and counted as `rate`. A sender is an IP address, whatever its port;
   * all clients of a Unix domain socket are one. Default null: as many as there is room for.
   */
  readonly maxRate?: number | null;
  /** With `maxRate`: how many packets a sender may send at once after a pause. Default `maxRate`, what a second allows. */
  readonly maxBurst?: number;
  /** With `maxRate`: how many senders are told apart at a time; those beyond share one rate. Default 4,096. */
  readonly maxSources?: number;
}

/** {@link ServerOptions} with their defaults, except `onError`. They are plain data, so that they can go to another thread. */
export type Limits = Readonly<Required<Omit<ServerOptions, "onError">>>;

const MIB = 1024 * 1024;

/** The checks and defaults of {@link ServerOptions}. */
const SERVER_CHECKS = {
  onError: callback<ErrorListener>(),
  strict: boolean(false),
  allowOddAddresses: boolean(false),
  maxPacketSize: integer(4, MIB, 0x7fff_ffff),
  maxNesting: integer(1, 32),
  maxWaiting: integer(1, 4096),
  maxWaitingBytes: integer(1, 64 * MIB),
  maxAhead: integer(1, 600_000),
  farAhead: oneOf(["deliver", "reject"], "deliver"),
  maxQueue: integer(1, 65_536),
  maxQueueBytes: integer(1, 64 * MIB),
  maxMemory: integer(1, DEFAULT_MAX_MEMORY),
  overflow: oneOf(["drop-newest", "drop-oldest"], "drop-newest"),
  maxReports: integer(1, 20),
  allow: listOf(text(undefined, "10.0.0.0/8")),
  maxRate: orNull(integer(1, undefined)),
  maxBurst: integer(1, undefined),
  maxSources: integer(1, 4096),
} satisfies OptionChecks<ServerOptions>;

/** The names of {@link ServerOptions}. */
export const SERVER_OPTIONS: readonly string[] = Object.keys(SERVER_CHECKS);

/** @throws OscServerError `OSC_OPTION` if an option has a bad value */
export function limitsOf(options: ServerOptions): Limits {
  const { onError: _onError, allow = [], maxRate = null, maxBurst = maxRate ?? 1, ...limits } = checkOptionValues(options, SERVER_CHECKS);
  subnetList(allow);
  if (limits.strict && limits.allowOddAddresses) {
    throw optionError("allowOddAddresses can't be true together with strict, which refuses such addresses. Leave out one of the two.");
  }
  return { ...limits, allow, maxRate, maxBurst };
}

/** @throws OscServerError `OSC_OPTION` if an entry is neither an IP address nor a subnet */
export function subnetList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [written = "", prefix] = entry.split("/");
    const address = plainAddress(written);
    const family = isIP(address);
    // The 96 bits before an IPv4-mapped address are the same for all of them.
    const bits = prefix === undefined ? undefined : Number(prefix === "" ? "none" : prefix) - (address === written ? 0 : 96);
    if (family === 0 || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= (family === 4 ? 32 : 128)))) {
      throw optionError(`allow takes IP addresses such as "10.0.0.5" and subnets such as "10.0.0.0/8"; got ${describe(entry)}.`);
    }
    if (bits === undefined) list.addAddress(address, family === 4 ? "ipv4" : "ipv6");
    else list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** A host and a port, as `[host, port]` or as the `serverAddress` of a server. */
export type AddressLike =
  | readonly [host: string, port: number]
  | {
      /**
       * A name or an IP address; `"0.0.0.0"` for all IPv4 interfaces, `"::"` for all IPv6 and IPv4 interfaces. A name stands for its IPv4 address if
       * it has one, else for its IPv6 address; clients choose by the same rule.
       */
      readonly address: string;
      /** 0 to 65535; 0 lets the system choose. */
      readonly port: number;
    };
