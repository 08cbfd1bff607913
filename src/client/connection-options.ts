import { type PacketClientOptions, milliseconds, optionError, show, wholeNumber } from "./options.ts";
import type { Reconnect, ReconnectingSettings } from "./reconnecting-keeper.ts";
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

/** Options of the clients that keep a connection. */
export interface ConnectionOptions extends PacketClientOptions {
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
}

/** @throws OscServerError `OSC_OPTION` for a value that an option cannot have */
export function reconnectingSettings(options: ConnectionOptions): ReconnectingSettings {
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

/** How long one attempt to connect may take, in milliseconds. */
export function connectTimeoutOf({ connectTimeout }: ConnectionOptions): number {
  return milliseconds("connectTimeout", connectTimeout, 10_000);
}
