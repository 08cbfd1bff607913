import { checkMaxPacketSize } from "../framing/frame-decoder.ts";
import type { Framing } from "../framing/index.ts";
import {
  type PacketClientOptions,
  type PacketClientSettings,
  checkTarget,
  formatTarget,
  milliseconds,
  optionError,
  show,
  wholeNumber,
} from "./options.ts";
import type { Reconnect, ReconnectingSettings } from "./reconnecting-keeper.ts";
import type { TcpLinkSpec } from "./tcp-link.ts";
import type { ClientOverflowPolicy } from "./unsent-queue.ts";

/** How a client goes on when its connection breaks or cannot be made. */
export interface ReconnectOptions {
  /** The pause before the second attempt, in milliseconds; it doubles with each that fails. A random part of up to a half is taken off. Default 100. */
  readonly minDelay?: number;
  /** The longest pause, in milliseconds. A connection that lasted for as long is taken to be sound. Default 10,000. */
  readonly maxDelay?: number;
  /** After so many failed attempts in a row the client gives up, until it is used again. Default `Infinity`. */
  readonly maxAttempts?: number;
}

/** Options of the TCP clients. */
export interface TCPClientOptions extends PacketClientOptions {
  /** How packets lie in the stream, both ways: `"1.0"` each after its size, `"1.1"` SLIP. Default `"1.1"`. */
  readonly framing?: Framing;
  /** Another name of `framing`, as python-osc has it. */
  readonly mode?: Framing;
  /** How long one attempt to connect may take, in milliseconds. Default 10,000. */
  readonly connectTimeout?: number;
  /**
   * How to go on when the connection breaks or cannot be made. With `false` the client gives up at once: what waits is rejected, iterations
   * end, and the next use connects again. Default: {@link ReconnectOptions} as they are.
   */
  readonly reconnect?: boolean | ReconnectOptions;
  /** How many packets may wait for the connection, or for a server that reads slowly. Default 10,000. */
  readonly maxUnsent?: number;
  /** How many bytes they may have together. Default 16 MiB. */
  readonly maxUnsentBytes?: number;
  /** What is lost when there are more: the packet that comes, or the one that has waited longest. Its promise is rejected. Default `"drop-newest"`. */
  readonly overflow?: ClientOverflowPolicy;
  /** How long `close()` waits until the last packets are on their way, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /** Send small packets at once (TCP_NODELAY), instead of waiting until the ones before them have arrived. Default true. */
  readonly noDelay?: boolean;
  /** Have the system ask a server that is silent for a minute whether it is still there. Default true. */
  readonly keepAlive?: boolean;
}

/** The server: a host and a port, or the path of a Unix domain socket (on Windows, of a named pipe); and then the options. */
export type TCPClientArguments<Options> =
  | [host: string, port: number, options?: Options]
  | [place: { readonly path: string }, options?: Options];

/** The arguments of a client, told apart. */
export function readArguments<Options extends object>(
  args: TCPClientArguments<Options>,
): { readonly place: { readonly host: string; readonly port: number; readonly path: string | null }; readonly options: Partial<Options> } {
  const [first, second, third] = args;
  if (typeof first === "object" && first !== null) {
    const { path } = first;
    if (typeof path !== "string" || path === "")
      throw optionError(`path is the path of a Unix domain socket, such as "/run/osc.sock"; got ${show(path)}.`);
    return { place: { host: "", port: 0, path }, options: (second as Options | undefined) ?? {} };
  }
  checkTarget(first, second as number);
  return { place: { host: first, port: second as number, path: null }, options: third ?? {} };
}

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function tcpLinkSpec(
  { host, port, path }: { readonly host: string; readonly port: number; readonly path: string | null },
  options: TCPClientOptions,
  { decode }: PacketClientSettings,
): TcpLinkSpec {
  return {
    host,
    port,
    path,
    target: path ?? formatTarget(host, port),
    framing: framingOf(options),
    maxPacketSize: checkMaxPacketSize(decode.maxPacketSize),
    connectTimeout: milliseconds("connectTimeout", options.connectTimeout, 10_000),
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive ?? true,
  };
}

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function reconnectingSettings(options: TCPClientOptions): ReconnectingSettings {
  const { overflow = "drop-newest" } = options;
  if (overflow !== "drop-newest" && overflow !== "drop-oldest") {
    throw optionError(`overflow is "drop-newest" or "drop-oldest"; got ${show(overflow)}.`);
  }
  return {
    reconnect: reconnectOf(options.reconnect ?? true),
    maxUnsent: wholeNumber("maxUnsent", options.maxUnsent, 10_000, 1),
    maxUnsentBytes: wholeNumber("maxUnsentBytes", options.maxUnsentBytes, 16 * 1024 * 1024, 1),
    overflow,
    closeTimeout: milliseconds("closeTimeout", options.closeTimeout, 5000),
  };
}

function reconnectOf(wish: boolean | ReconnectOptions): Reconnect | null {
  if (wish === false) return null;
  const options = wish === true ? {} : wish;
  const minDelay = wholeNumber("reconnect.minDelay", options.minDelay, 100, 1);
  const maxDelay = wholeNumber("reconnect.maxDelay", options.maxDelay, Math.max(10_000, minDelay), 1);
  if (maxDelay < minDelay || maxDelay > 2 ** 31 - 1) {
    throw optionError(
      `reconnect.maxDelay is a whole number of milliseconds from minDelay (${minDelay}) to ${2 ** 31 - 1}; got ${maxDelay}.`,
    );
  }
  const { maxAttempts = Infinity } = options;
  return {
    minDelay,
    maxDelay,
    maxAttempts: maxAttempts === Infinity ? maxAttempts : wholeNumber("reconnect.maxAttempts", maxAttempts, 1, 1),
  };
}

function framingOf({ framing, mode }: TCPClientOptions): Framing {
  if (framing !== undefined && mode !== undefined && framing !== mode) {
    throw optionError(`mode is another name of framing: give one of them, not ${show(mode)} and ${show(framing)}.`);
  }
  const value: unknown = framing ?? mode ?? "1.1";
  if (value === "1.0" || value === "1.1") return value;
  throw optionError(`framing is "1.0" or "1.1"; got ${show(value)}.`);
}
