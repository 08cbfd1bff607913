import type { ErrorListener } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import { type ReceiverName, type ReceiverProfile, profileOf } from "./receivers.ts";

/** Options that every kind of client takes. */
export interface PacketClientOptions {
  /**
   * The program or device that is sent to, where it takes less than all of OSC: packets are sent as it takes them, with other types and
   * forms, or refused with `OSC_RECEIVER_LIMIT` where that cannot be. docs/interoperability.md has the list. Default: one that takes all.
   */
  readonly for?: ReceiverName;
  /**
   * `"float"` sends every number whose type was not said as a float32 (`f`), for devices that take nothing else; `int(1)` stays an int.
   * Default `"auto"`: whole numbers are ints; with `for`, as that receiver likes them.
   */
  readonly numbers?: "auto" | "float";
  /**
   * Called with every error that ends nothing: a packet that cannot be decoded, a send refused later by the network, a send that failed
   * and whose promise nobody looked at, a handler that threw. Default: one line on stderr.
   */
  readonly onError?: ErrorListener;
  /**
   * How many errors of one code are reported within a second; the others are counted, and their number is reported with
   * the next one, or on `close()`. Default 20.
   */
  readonly maxReports?: number;
  /** Refuse packets that break the OSC text in ways that real programs do, instead of reading and reporting them. Default false. */
  readonly strict?: boolean;
  /** How deep bundles, and arrays, in packets that arrive may be nested. Default 32. */
  readonly maxNesting?: number;
  /** The most bytes that a packet that arrives may have. Default 16 MiB; a UDP datagram cannot carry more than 65,507. */
  readonly maxPacketSize?: number;
  /** How many messages are kept until someone reads them. When one more arrives, the oldest is dropped. Default 10,000. */
  readonly maxInbox?: number;
  /** How many bytes the packets of the messages kept may have together; beyond that, the oldest are dropped. Default 16 MiB. */
  readonly maxInboxBytes?: number;
}

/** How long to wait for messages. */
export interface ReceiveOptions {
  /** Ends the wait after this many milliseconds without a message; 0 takes only what has arrived. */
  readonly timeout?: number;
  /** Ends the wait when it is aborted; nothing is thrown. */
  readonly signal?: AbortSignal;
}

/** {@link ReceiveOptions}, checked and filled in. */
export interface Wait {
  readonly timeout: number;
  readonly signal: AbortSignal | null;
}

const MIB = 1024 * 1024;

/** {@link PacketClientOptions}, checked and filled in. */
export interface PacketClientSettings {
  readonly encode: { readonly numbers: "auto" | "float" };
  /** What the receiver takes; `null` for one that takes all. */
  readonly receiver: ReceiverProfile | null;
  readonly decode: { readonly strict: boolean; readonly maxNesting: number; readonly maxPacketSize: number };
  readonly maxReports: number;
  readonly maxInbox: number;
  readonly maxInboxBytes: number;
}

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function settingsOf(options: PacketClientOptions): PacketClientSettings {
  const { onError } = options;
  const profile = options.for === undefined ? null : profileOf(options.for);
  const numbers = options.numbers ?? profile?.numbers ?? "auto";
  if (numbers !== "auto" && numbers !== "float") throw optionError(`numbers is "auto" or "float"; got ${show(numbers)}.`);
  if (onError !== undefined && typeof onError !== "function") throw optionError(`onError is a function; got ${show(onError)}.`);
  return {
    encode: { numbers },
    receiver: profile === null ? null : { ...profile, numbers },
    decode: {
      strict: options.strict ?? false,
      maxNesting: positive("maxNesting", options.maxNesting, 32),
      maxPacketSize: positive("maxPacketSize", options.maxPacketSize, 16 * MIB),
    },
    maxReports: positive("maxReports", options.maxReports, 20),
    maxInbox: positive("maxInbox", options.maxInbox, 10_000),
    maxInboxBytes: positive("maxInboxBytes", options.maxInboxBytes, 16 * MIB),
  };
}

/** @throws OscServerError `OSC_OPTION` where the timeout is no number of milliseconds */
export function waitOf(options: ReceiveOptions, fallback: number): Wait {
  return { timeout: milliseconds("timeout", options.timeout, fallback), signal: options.signal ?? null };
}

/** A time from 0 on, `Infinity` included, or the default where it is not given. */
export function milliseconds(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 0) return value;
  throw optionError(`${name} is a number of milliseconds from 0 on, Infinity included; got ${show(value)}.`);
}

/** A whole number from `least` on, or the default where it is not given. */
export function wholeNumber(name: string, value: number | undefined, fallback: number, least: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw optionError(`${name} is a whole number from ${least} on; got ${show(value)}.`);
}

/** @throws OscServerError `OSC_OPTION` where there is no place with that host and port */
export function checkTarget(host: string, port: number): void {
  if (typeof host !== "string" || host.trim() === "") {
    throw optionError(`A host is a name or an IP address, such as "127.0.0.1"; got ${show(host)}.`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw optionError(`The port to send to is a whole number from 1 to 65535; got ${show(port)}.`);
  }
}

/** `example.org:9000`, `127.0.0.1:9000`, `[::1]:9000`. */
export function formatTarget(host: string, port: number): string {
  // No name holds a colon.
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function optionError(message: string): OscServerError {
  return new OscServerError("OSC_OPTION", message);
}

/** A value of the wrong kind, for an error message. */
export function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function positive(name: string, value: number | undefined, fallback: number): number {
  return wholeNumber(name, value, fallback, 1);
}
