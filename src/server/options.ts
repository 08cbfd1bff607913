import { BlockList, isIP } from "node:net";
import type { ErrorListener } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";

/** What is lost when a queue is full. */
export type OverflowPolicy = "drop-newest" | "drop-oldest";

/** Options that every kind of server takes. */
export interface ServerOptions {
  /** Called with every error that does not stop the server. Default: one line on stderr, with the client's address. */
  readonly onError?: ErrorListener;
  /** Refuse packets that break the OSC text in ways that real programs do, instead of reading and reporting them. Default false. */
  readonly strict?: boolean;
  /** The most bytes that a packet may have. Default 16 MiB; a UDP datagram cannot carry more than 65,507. */
  readonly maxPacketSize?: number;
  /** How deep bundles, and arrays, may be nested. Default 32. */
  readonly maxNesting?: number;
  /** How many bundles may wait for their time. Default 4,096. */
  readonly maxWaiting?: number;
  /** How many bytes the waiting bundles may have together. Default 64 MiB. */
  readonly maxWaitingBytes?: number;
  /** How far ahead a bundle may be dated, in milliseconds. Default 600,000 (ten minutes), which is less than the hours by which a clock set to a wrong time zone errs. */
  readonly maxAhead?: number;
  /** How many packets may wait for a handler. Default 65,536: what 100,000 packets a second bring while a handler takes half a second. */
  readonly maxQueue?: number;
  /** How many bytes the packets that wait for a handler may have together. Default 64 MiB. */
  readonly maxQueueBytes?: number;
  /** What is lost when `maxQueue` or `maxQueueBytes` is reached: the packet that comes, or the one that has waited longest. Default `"drop-newest"`. */
  readonly overflow?: OverflowPolicy;
  /** How many errors of one kind are reported within a second; the others are counted and their number is reported. Default 20. */
  readonly maxReports?: number;
  /** Senders that are heard, as IP addresses (`"10.0.0.5"`) or subnets (`"10.0.0.0/8"`). Default: all. */
  readonly allow?: readonly string[];
  /**
   * How many packets each sender may send in a second; more are refused and counted as `rate`. A sender is an IP address, whatever its port;
   * all clients of a Unix domain socket are one. Default null: as many as there is room for.
   */
  readonly maxRate?: number | null;
  /** With `maxRate`: how many packets a sender may send at once after a pause. Default `maxRate`, what a second allows. */
  readonly maxBurst?: number;
  /** With `maxRate`: how many senders are told apart at a time; those beyond share one rate. Default 4,096. */
  readonly maxSources?: number;
}

/** The numbers of {@link ServerOptions}, filled in. They are plain data, so that they can go to another thread. */
export interface Limits {
  /** As {@link ServerOptions.strict}. */
  readonly strict: boolean;
  /** As {@link ServerOptions.maxPacketSize}. */
  readonly maxPacketSize: number;
  /** As {@link ServerOptions.maxNesting}. */
  readonly maxNesting: number;
  /** As {@link ServerOptions.maxWaiting}. */
  readonly maxWaiting: number;
  /** As {@link ServerOptions.maxWaitingBytes}. */
  readonly maxWaitingBytes: number;
  /** As {@link ServerOptions.maxAhead}. */
  readonly maxAhead: number;
  /** As {@link ServerOptions.maxQueue}. */
  readonly maxQueue: number;
  /** As {@link ServerOptions.maxQueueBytes}. */
  readonly maxQueueBytes: number;
  /** As {@link ServerOptions.overflow}. */
  readonly overflow: OverflowPolicy;
  /** As {@link ServerOptions.maxReports}. */
  readonly maxReports: number;
  /** As {@link ServerOptions.allow}; empty: all. */
  readonly allow: readonly string[];
  /** As {@link ServerOptions.maxRate}; null: none. */
  readonly maxRate: number | null;
  /** As {@link ServerOptions.maxBurst}. */
  readonly maxBurst: number;
  /** As {@link ServerOptions.maxSources}. */
  readonly maxSources: number;
}

const MIB = 1024 * 1024;

/** @throws OscServerError `OSC_OPTION` where a number is not a positive whole one */
export function limitsOf(options: ServerOptions): Limits {
  const maxRate = options.maxRate === null || options.maxRate === undefined ? null : positive("maxRate", options.maxRate, 1);
  return {
    strict: options.strict ?? false,
    maxPacketSize: positive("maxPacketSize", options.maxPacketSize, 16 * MIB),
    maxNesting: positive("maxNesting", options.maxNesting, 32),
    maxWaiting: positive("maxWaiting", options.maxWaiting, 4096),
    maxWaitingBytes: positive("maxWaitingBytes", options.maxWaitingBytes, 64 * MIB),
    maxAhead: positive("maxAhead", options.maxAhead, 600_000),
    maxQueue: positive("maxQueue", options.maxQueue, 65_536),
    maxQueueBytes: positive("maxQueueBytes", options.maxQueueBytes, 64 * MIB),
    overflow: options.overflow ?? "drop-newest",
    maxReports: positive("maxReports", options.maxReports, 20),
    allow: checkedSubnets(options.allow ?? []),
    maxRate,
    maxBurst: positive("maxBurst", options.maxBurst, maxRate ?? 1),
    maxSources: positive("maxSources", options.maxSources, 4096),
  };
}

function checkedSubnets(entries: readonly string[]): readonly string[] {
  subnetList(entries);
  return entries;
}

/** @throws OscServerError `OSC_OPTION` where an entry is neither an IP address nor a subnet */
export function subnetList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address);
    const bits = prefix === undefined ? undefined : Number(prefix);
    if (family === 0 || (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= (family === 4 ? 32 : 128)))) {
      throw new OscServerError(
        "OSC_OPTION",
        `allow takes IP addresses such as "10.0.0.5" and subnets such as "10.0.0.0/8"; got ${JSON.stringify(entry)}.`,
      );
    }
    if (bits === undefined) list.addAddress(address, family === 4 ? "ipv4" : "ipv6");
    else list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** A whole number from 1 on, or the default where it is not given. */
export function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < 1)
    throw new OscServerError("OSC_OPTION", `${name} is a whole number from 1 on; got ${String(value)}.`);
  return value;
}

/** A host and a port, as `[host, port]` or as the `serverAddress` of a server. */
export type AddressLike =
  | readonly [host: string, port: number]
  | {
      /** A name or an IP address; `"0.0.0.0"` for all interfaces by IPv4, `"::"` by IPv6 and IPv4. */
      readonly address: string;
      /** 0 to 65535; 0 lets the system choose. */
      readonly port: number;
    };

/** @throws OscServerError `OSC_OPTION` where it is not a host and a port from 0 to 65,535 */
export function hostAndPort(address: AddressLike): { readonly host: string; readonly port: number } {
  const [host, port] = "address" in address ? [address.address, address.port] : address;
  if (typeof host !== "string" || host === "") {
    throw new OscServerError("OSC_OPTION", `A host is a name or an IP address, such as "127.0.0.1"; got ${JSON.stringify(host)}.`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new OscServerError("OSC_OPTION", `A port is a whole number from 0 (the system chooses) to 65535; got ${String(port)}.`);
  }
  return { host, port };
}
