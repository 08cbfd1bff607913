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

/** Which packet is dropped when a queue is full. */
export type OverflowPolicy = "drop-newest" | "drop-oldest";

/** What happens to a bundle dated further ahead than `maxAhead`. */
export type FarAheadPolicy = "deliver" | "reject";

/** Options of every kind of server. */
export interface ServerOptions {
  /** Called with every error that doesn't stop the server. Default: prints a line to stderr, with the client's address. */
  readonly onError?: ErrorListener;
  /** Reject packets with common violations of the OSC specification, instead of reading and reporting them. Default false. */
  readonly strict?: boolean;
  /**
   * Handle messages whose address doesn't begin with `/`, such as liblo's `#reply`, instead of rejecting them as `not-osc`. They call
   * handlers mapped to `*`, or else the default handler. Can't be combined with `strict`. Default false.
   */
  readonly allowOddAddresses?: boolean;
  /**
   * Maximum size of a packet, in bytes. Default 1 MiB. A UDP datagram carries at most 65,507 bytes. Over streams, the largest packets in
   * common use are SuperCollider's synth definitions and buffer contents, of a few hundred kilobytes. Raise it to receive larger blobs.
   */
  readonly maxPacketSize?: number;
  /** Maximum nesting depth of bundles and arrays. Default 32. */
  readonly maxNesting?: number;
  /** Maximum number of bundles waiting for their time. Default 4,096. */
  readonly maxWaiting?: number;
  /** Maximum total size of waiting bundles, in bytes. Default 64 MiB. */
  readonly maxWaitingBytes?: number;
  /**
   * How far ahead a bundle may be dated, in milliseconds. Default 600,000 (ten minutes): less than the error of a clock in the wrong time
   * zone.
   */
  readonly maxAhead?: number;
  /**
   * What happens to a bundle dated further ahead than `maxAhead`: it is handled at once (`"deliver"`), or rejected as `too-far-ahead`.
   * Both are reported, the former once per sender. A bundle whose time tag counts from boot, 1970 or 2001 instead of 1900 is always
   * handled at once. Default `"deliver"`, because in a live show the message matters more than its time.
   */
  readonly farAhead?: FarAheadPolicy;
  /** Maximum number of packets waiting for a handler. Default 65,536: more than half a second of 100,000 packets per second. */
  readonly maxQueue?: number;
  /** Maximum total size of packets waiting for a handler, in bytes. Default 64 MiB. */
  readonly maxQueueBytes?: number;
  /**
   * Maximum number of bytes that the server holds for all clients together: incomplete packets, waiting packets, unread replies. Beyond
   * that, the server ends the connection that holds the most, counts it as `evicted`, and drops datagrams. Default 256 MiB.
   */
  readonly maxMemory?: number;
  /**
   * What is dropped when `maxQueue` or `maxQueueBytes` is reached: the newest or the oldest packet of the sender with the most packets
   * waiting. Default `"drop-newest"`.
   */
  readonly overflow?: OverflowPolicy;
  /** How many errors of one kind are reported per second. The others are counted, and their number is reported. Default 20. */
  readonly maxReports?: number;
  /** Allowed senders, as IP addresses (`"10.0.0.5"`) or subnets (`"10.0.0.0/8"`). Default: all. */
  readonly allow?: readonly string[];
  /**
   * Maximum number of packets per second from each sender; more are rejected and counted as `rate`. A sender is an IP address, whatever
   * its port; all clients of a Unix domain socket count as one. Default null: unlimited.
   */
  readonly maxRate?: number | null;
  /** With `maxRate`: how many packets a sender may send at once after a pause. Default `maxRate`: one second's worth. */
  readonly maxBurst?: number;
  /** With `maxRate`: how many senders are tracked separately; others share one rate. Default 4,096. */
  readonly maxSources?: number;
}

/** {@link ServerOptions} with their defaults, except `onError`. Plain data, so that they can be sent to another thread. */
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
    throw optionError("allowOddAddresses can't be combined with strict, which rejects such addresses. Leave out one of them.");
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
    // An IPv4-mapped IPv6 address has 96 bits before the IPv4 address.
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
       * A name or an IP address; `"0.0.0.0"` for all IPv4 interfaces, `"::"` for all IPv6 and IPv4 interfaces. A name resolves to its
       * IPv4 address if it has one, otherwise to its IPv6 address, as in clients.
       */
      readonly address: string;
      /** 0 to 65535; 0 lets the system choose. */
      readonly port: number;
    };
