import { OscDispatchError, OscTimeoutError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { type ConnectionOptions, connectTimeoutOf, reconnectingSettings } from "./connection-options.ts";
import { milliseconds } from "./options.ts";
import { type ClientStats, PacketClient } from "./packet-client.ts";
import type { PacketLinkFactory } from "./packet-link.ts";
import { type ConnectionState, ReconnectingKeeper } from "./reconnecting-keeper.ts";
import { startTimer } from "./timer.ts";

/** What a client that keeps a connection has done since it was made. */
export interface ConnectionStats extends ClientStats {
  /** How often a connection was made. */
  readonly connects: number;
  /** Packets that wait for the connection. */
  readonly unsent: number;
  /** Packets that were lost because `maxUnsent` or `maxUnsentBytes` was reached. They are among `sendErrors`. */
  readonly overflowed: number;
  /** Packets that were being sent when a connection broke: they may have arrived or not. They are among `sendErrors`. */
  readonly inDoubt: number;
}

/** Told of every change; `error` is why, where that is known. */
export type StateListener = (state: ConnectionState, error: OscError | null) => void;

/** How long to wait for a connection. */
export interface ConnectOptions {
  /** Gives up after so many milliseconds. Default: the option `connectTimeout`, which bounds each attempt. */
  readonly timeout?: number;
  /** Gives up when it is aborted: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * A client that keeps a connection to its server, and makes another when it breaks.
 *
 * @example
 * const client = new TCPClient("127.0.0.1", 9000);
 * client.on("state", (state, error) => console.log(state, error?.code));
 * await client.connect({ timeout: 2000 });
 */
export abstract class ConnectionClient extends PacketClient {
  readonly #keeper: ReconnectingKeeper;
  readonly #listeners: Set<StateListener>;
  readonly #connectTimeout: number;

  /**
   * @param target the server, for error messages
   * @throws OscServerError `OSC_OPTION` for a value that an option cannot have
   */
  protected constructor(target: string, createLink: PacketLinkFactory, options: ConnectionOptions) {
    const settings = reconnectingSettings(options);
    const listeners = new Set<StateListener>();
    const kept: ReconnectingKeeper[] = [];
    super(target, createLink, options, (create, events) => {
      const onState = (state: ConnectionState, error: OscError | null): void => {
        for (const listener of listeners) tell(listener, state, error, (fault) => events.onError(fault));
      };
      const keeper = new ReconnectingKeeper(create, { ...events, onState }, settings);
      kept.push(keeper);
      return keeper;
    });
    this.#keeper = kept[0] as ReconnectingKeeper;
    this.#listeners = listeners;
    this.#connectTimeout = connectTimeoutOf(options);
  }

  /** `"connecting"`, `"connected"`, `"disconnected"` (before the first use, too) or `"closed"`. */
  get state(): ConnectionState {
    return this.#keeper.state;
  }

  /**
   * Connects now, rather than when the client is first used: one attempt, after which others follow only where packets wait or someone
   * waits for messages. Does nothing while there is a connection.
   *
   * @returns where the client's socket is bound
   * @throws (rejects) OscSocketError where it fails: `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT` and so on; OscTimeoutError after `timeout`; the
   * signal's reason; `OSC_CLOSED` where the client is closed meanwhile
   */
  async connect({ timeout, signal }: ConnectOptions = {}): Promise<NetAddress> {
    const limit = milliseconds("timeout", timeout, this.#connectTimeout);
    signal?.throwIfAborted();
    const giveUp = new AbortController();
    const stop = startTimer(limit, () => giveUp.abort(new OscTimeoutError(`There was no connection within ${limit} ms.`)));
    const abort = (): void => giveUp.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      return await this.#keeper.open(giveUp.signal);
    } finally {
      stop();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Has the listener called whenever {@link state} changes. */
  on(_event: "state", listener: StateListener): this {
    this.#listeners.add(listener);
    return this;
  }

  /** Has the listener called no more. */
  off(_event: "state", listener: StateListener): this {
    this.#listeners.delete(listener);
    return this;
  }

  /** Counters since the client was made. */
  override stats(): ConnectionStats {
    const { connects, outbox } = this.#keeper;
    const { unsent, overflowed, inDoubt } = outbox;
    return { ...super.stats(), connects, unsent, overflowed, inDoubt };
  }
}

/** A listener that throws must not break what goes on; what it throws is reported. */
function tell(listener: StateListener, state: ConnectionState, error: OscError | null, report: (fault: OscError) => void): void {
  try {
    listener(state, error);
  } catch (cause) {
    report(new OscDispatchError("OSC_HANDLER_FAILED", `A listener of the state "${state}" failed: ${String(cause)}`, "", { cause }));
  }
}
