import { OscTimeoutError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { abortSignal, bad, milliseconds, readOptions } from "../options.ts";
import type { ConnectionState } from "./connection.ts";
import type { PacketLinkFactory } from "./link.ts";
import { type ConnectionClientSettings, STREAM_IN_FLIGHT } from "./options.ts";
import { type ClientStats, PacketClient } from "./packet-client.ts";
import { startTimer } from "./timer.ts";

/** Counters of a client that keeps a connection. */
export interface ConnectionStats extends ClientStats {
  /** How often a connection was made. */
  readonly connects: number;
  /** Packets that wait for the connection. */
  readonly unsent: number;
  /** Packets that were dropped because `maxUnsent` or `maxUnsentBytes` was reached. `sendErrors` includes them. */
  readonly overflowed: number;
  /** Packets that were being sent when a connection broke: they may have arrived. `sendErrors` includes them. */
  readonly inDoubt: number;
}

/** Called with every change of the state; `error` is the reason, if it is known. */
export type StateListener = (state: ConnectionState, error: OscError | null) => void;

/** How long to wait for a connection. */
export interface ConnectOptions {
  /** Gives up after this many milliseconds. Default: the option `connectTimeout`, which limits each attempt. */
  readonly timeout?: number;
  /** Gives up when it is aborted: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * A client that keeps a connection to its server, and reconnects when it breaks.
 *
 * @example
 * const client = new TCPClient("127.0.0.1", 9000);
 * client.on("state", (state, error) => console.log(state, error?.code));
 * await client.connect({ timeout: 2000 });
 */
export abstract class ConnectionClient extends PacketClient {
  readonly #listeners = new Set<StateListener>();
  readonly #connectTimeout: number;

  /** @param target the server, for error messages */
  protected constructor(target: string, createLink: PacketLinkFactory, settings: ConnectionClientSettings) {
    super(target, createLink, settings, { ...settings, maxInFlightBytes: STREAM_IN_FLIGHT });
    this.#connectTimeout = settings.connectTimeout;
  }

  /**
   * Connects now instead of at the first use. Makes one attempt; others follow only if packets wait or someone waits for messages. Does
   * nothing if there is a connection.
   *
   * @returns the local address
   * @throws (rejects) OscSocketError if it fails: `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT` and so on; OscTimeoutError after `timeout`; the
   * signal's reason; `OSC_CLOSED` if the client is closed meanwhile
   */
  async connect(options: ConnectOptions = {}): Promise<NetAddress> {
    const { timeout, signal } = readOptions("connect()", options, { timeout: milliseconds(this.#connectTimeout), signal: abortSignal() });
    signal?.throwIfAborted();
    const giveUp = new AbortController();
    const stop = startTimer(timeout, () => giveUp.abort(new OscTimeoutError(`There was no connection within ${timeout} ms.`)));
    const abort = (): void => giveUp.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      return await this.connection.open(giveUp.signal);
    } finally {
      stop();
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Calls the listener whenever {@link state} changes. */
  on(event: "state", listener: StateListener): this {
    checkListener(event, listener);
    this.#listeners.add(listener);
    return this;
  }

  /** Stops calling the listener. */
  off(event: "state", listener: StateListener): this {
    checkListener(event, listener);
    this.#listeners.delete(listener);
    return this;
  }

  /** Counters since the client was created. */
  override stats(): ConnectionStats {
    const { connects, unsent, overflowed, inDoubt } = this.connection;
    return { ...super.stats(), connects, unsent, overflowed, inDoubt };
  }

  protected override stateChanged(state: ConnectionState, error: OscError | null): void {
    super.stateChanged(state, error);
    for (const listener of this.#listeners) {
      try {
        listener(state, error);
      } catch (cause) {
        this.listenerFailed("state", cause);
      }
    }
  }
}

function checkListener(event: unknown, listener: unknown): void {
  if (event !== "state") throw bad("The event", '"state"', event);
  if (typeof listener !== "function") throw bad("The listener", "a function", listener);
}
