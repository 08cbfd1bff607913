import { OscDroppedError, type OscError, type OscServerError, OscSocketError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { MAX_TIMER_MS } from "../options.ts";
import { type PacketLink, type PacketLinkEvents, type PacketLinkFactory, closedError } from "./link.ts";
import { Sender, type SenderSettings } from "./sender.ts";
import { keepAliveBy } from "./timer.ts";

/** The state of a client's connection to its server. */
export type ConnectionState = "connecting" | "connected" | "disconnected" | "closed";

/** When to try again after a connection failed or broke. Times in milliseconds. */
export interface Reconnect {
  readonly minDelay: number;
  readonly maxDelay: number;
  readonly maxAttempts: number;
}

/** Decides what happens with packets that are sent while there is no connection. */
export interface ConnectionSettings extends SenderSettings {
  /** `null`: never. */
  readonly reconnect: Reconnect | null;
  /** `"queue"`: packets wait for the connection. `"reject"`: they fail as soon as an attempt to connect has failed. */
  readonly offline: "queue" | "reject";
  /** How long a packet may wait for a connection, in milliseconds. */
  readonly maxUnsentTime: number;
  /** How long `close()` waits for the last packets, in milliseconds. */
  readonly closeTimeout: number;
}

export interface ConnectionEvents extends PacketLinkEvents {
  onState(state: ConnectionState, error: OscError | null): void;
}

/** Someone who waits for the connection. */
interface Opener {
  resolve(address: NetAddress): void;
  reject(reason: unknown): void;
}

/**
 * The one connection of a client: opens a link when it is first needed and again when it breaks, after growing pauses. Packets wait
 * meanwhile, within limits. UDP clients use it with `reconnect: null` and no limits.
 */
export class Connection extends Sender {
  readonly #createLink: PacketLinkFactory;
  readonly #events: ConnectionEvents;
  readonly #settings: ConnectionSettings;
  /** The local address of the open link, and since when it is open. */
  #address: NetAddress | null = null;
  #openSince = 0;
  /** The link that is being opened. */
  #attempt: PacketLink | null = null;
  readonly #openers: Opener[] = [];
  /** Runs until the next attempt. */
  #retryTimer: ReturnType<typeof setTimeout> | null = null;
  /** Runs until the oldest waiting packet is too old. */
  #ageTimer: ReturnType<typeof setTimeout> | null = null;
  #state: ConnectionState = "disconnected";
  /** Attempts that failed, or connections that didn't last, in a row. */
  #failures = 0;
  #lastError: OscError | null = null;
  #isOutageReported = false;
  #refs = 0;
  /** True once there was a connection: it is then restored even if nothing waits for it. */
  #isKept = false;
  #closing: Promise<void> | null = null;
  /** Changes whenever it becomes pointless to wait for messages on this connection. */
  epoch = 0;
  /** How often a link was opened. */
  connects = 0;

  constructor(createLink: PacketLinkFactory, settings: ConnectionSettings, events: ConnectionEvents) {
    super(settings);
    this.#createLink = createLink;
    this.#settings = settings;
    this.#events = events;
  }

  /** The local address; `null` while no link is open. */
  get address(): NetAddress | null {
    return this.#address;
  }

  /** @throws OscServerError `OSC_CLOSED` if it was closed and not opened again */
  checkOpen(): void {
    if (this.#closing !== null) throw clientClosed();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Joins the attempt under way, or makes one now. Rejects if that fails, even if others follow. Reopens a closed connection.
   *
   * @param signal rejects with its reason when aborted; the attempt ends if nothing else needs it
   */
  async open(signal?: AbortSignal): Promise<NetAddress> {
    if (this.#closing !== null) {
      await this.#closing;
      this.#closing = null;
      this.refusal = null;
    }
    if (this.#address !== null) return this.#address;
    return new Promise((resolve, reject) => {
      const opener: Opener = { resolve, reject };
      signal?.addEventListener("abort", () => this.#abandon(opener, signal.reason));
      this.#openers.push(opener);
      this.#connect();
    });
  }

  /** Makes sure that messages can arrive: now, or as soon as there is a connection. */
  async listen(): Promise<void> {
    if (this.#settings.reconnect === null) await this.open();
    else this.needLink();
  }

  /** Keeps the process alive until the returned function is called. */
  ref(): () => void {
    this.#refs += 1;
    this.#updateKeepAlive();
    return () => {
      this.#refs -= 1;
      this.#updateKeepAlive();
    };
  }

  /** Closes the link after everything given to `send` is out, within `closeTimeout`. */
  close(): Promise<void> {
    this.refusal = clientClosed();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.epoch += 1;
    // Packets may still go out with an attempt under way, but not after a pause.
    if (this.#attempt === null && this.link === null) {
      this.queue.drop(closedError("The client was closed before there was a connection."));
    }
    await this.drained(this.#settings.closeTimeout);
    this.#stopTimers();
    const link = this.link ?? this.#attempt;
    this.link = null;
    this.#address = null;
    this.#attempt = null;
    this.#isKept = false;
    this.#failures = 0;
    await link?.close();
    const error = closedError("The client was closed while it connected.");
    this.queue.drop(error);
    this.#rejectOpeners(error);
    this.#enter("closed", null);
  }

  /** Starts to connect unless that is under way. */
  protected override needLink(): void {
    if (this.link === null && this.#attempt === null && this.#retryTimer === null) this.#connect();
    this.#watchAge();
    this.#updateKeepAlive();
  }

  #connect(): void {
    if (this.#attempt !== null) return;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    if (this.#closing === null) this.refusal = null;
    const link = this.#createLink({
      onPacket: (packet, from) => {
        if (this.#closing === null) this.#events.onPacket(packet, from);
      },
      onError: (error, address) => this.#events.onError(error, address),
      onEnd: (error) => this.#ended(link, error),
    });
    this.#attempt = link;
    this.#enter("connecting", null);
    // A listener may have closed the client.
    if (this.#attempt !== link) return;
    link.open().then(
      (address) => this.#opened(link, address),
      (error: unknown) => this.#refused(link, error as OscError),
    );
  }

  #opened(link: PacketLink, address: NetAddress): void {
    if (this.#attempt !== link) return;
    this.#attempt = null;
    this.link = link;
    this.#address = address;
    this.#openSince = performance.now();
    this.#isKept = this.#settings.reconnect !== null;
    this.#isOutageReported = false;
    this.connects += 1;
    if (this.#refs > 0) link.keepAlive("on");
    for (const opener of this.#openers.splice(0)) opener.resolve(address);
    this.flush(link);
    this.#enter("connected", null);
  }

  #refused(link: PacketLink, error: OscError): void {
    if (this.#attempt !== link) return;
    this.#attempt = null;
    const isAwaited = this.#openers.length > 0;
    this.#rejectOpeners(error);
    this.#disconnected(error, isAwaited ? "told" : "untold");
  }

  /** An open link ended by itself. */
  #ended(link: PacketLink, error: OscError | null): void {
    if (this.link !== link) return;
    const { reconnect } = this.#settings;
    // The pauses stay long for a server that accepts connections and drops them at once.
    if (reconnect !== null && performance.now() - this.#openSince >= reconnect.maxDelay) this.#failures = 0;
    this.link = null;
    this.#address = null;
    this.#disconnected(error, "untold");
  }

  /** Plans the next attempt, or gives up. */
  #disconnected(error: OscError | null, cause: "told" | "untold"): void {
    const { reconnect, offline } = this.#settings;
    const reason = error ?? closedError("The connection was closed by the other side.");
    this.#lastError = reason;
    this.#failures += 1;
    if (reconnect === null || this.#closing !== null || this.#failures > reconnect.maxAttempts) {
      this.#giveUp(error, reason);
      return;
    }
    if (cause === "untold" && error !== null) this.#reportOutage(error);
    if (offline === "reject") this.queue.drop(reason);
    if (this.#isWanted()) {
      const delay = Math.min(reconnect.maxDelay, reconnect.minDelay * 2 ** (this.#failures - 1));
      // With jitter, because all clients of a server lose it at the same time.
      this.#retryTimer = setTimeout(() => this.#connect(), delay * (0.5 + Math.random() / 2));
      if (offline === "reject") this.refusal = reason;
      this.#watchAge();
      this.#updateKeepAlive();
    }
    this.#enter("disconnected", error);
  }

  #giveUp(error: OscError | null, reason: OscError): void {
    this.epoch += 1;
    this.#isKept = false;
    this.#failures = 0;
    this.#isOutageReported = false;
    this.queue.drop(reason);
    this.#events.onEnd(error);
    this.#enter("disconnected", error);
  }

  /** Reports the first failure of an outage only; state events tell of each. */
  #reportOutage(error: OscError): void {
    if (this.#isOutageReported) return;
    this.#isOutageReported = true;
    if (!(error instanceof OscSocketError)) {
      this.#events.onError(error);
      return;
    }
    const waiting = this.queue.size;
    const packets =
      waiting === 0 || this.#settings.offline === "reject" ? "" : `, ${waiting} ${waiting === 1 ? "packet waits" : "packets wait"}`;
    const message = `${error.message} Reconnecting${packets}.`;
    this.#events.onError(new OscSocketError(error.code, message, error.address, { cause: error }));
  }

  /** Rejects an opener that no longer waits, and ends the attempt if nothing else needs it. */
  #abandon(opener: Opener, reason: unknown): void {
    const index = this.#openers.indexOf(opener);
    if (index < 0) return;
    this.#openers.splice(index, 1);
    opener.reject(reason);
    const attempt = this.#attempt;
    if (attempt === null || this.#openers.length > 0 || this.#isWanted()) return;
    this.#attempt = null;
    void attempt.close();
    this.#enter("disconnected", null);
  }

  #rejectOpeners(error: OscError): void {
    for (const opener of this.#openers.splice(0)) opener.reject(error);
  }

  #isWanted(): boolean {
    return this.#isKept || this.#refs > 0 || this.queue.size > 0;
  }

  /** Drops packets that have waited for a connection too long, and looks again when the next one has. */
  #watchAge(): void {
    const { maxUnsentTime } = this.#settings;
    if (this.#ageTimer !== null || this.link !== null || this.queue.size === 0 || maxUnsentTime === Infinity) return;
    const wait = Math.max(0, this.queue.oldest + maxUnsentTime - performance.now());
    this.#ageTimer = setTimeout(
      () => {
        this.#ageTimer = null;
        if (this.link !== null) return;
        const why = this.#lastError === null ? "" : ` ${this.#lastError.message}`;
        const message = `A packet was not sent because there was no connection for ${maxUnsentTime} ms (maxUnsentTime).${why}`;
        this.queue.drop(new OscDroppedError("maxUnsentTime", message), performance.now() - maxUnsentTime);
        this.#watchAge();
      },
      Math.min(wait + 1, MAX_TIMER_MS),
    );
    keepAliveBy(this.#ageTimer, "off");
  }

  #updateKeepAlive(): void {
    this.link?.keepAlive(this.#refs > 0 ? "on" : "off");
    if (this.#retryTimer !== null) keepAliveBy(this.#retryTimer, this.#refs > 0 || this.queue.size > 0 ? "on" : "off");
  }

  #stopTimers(): void {
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    if (this.#ageTimer !== null) clearTimeout(this.#ageTimer);
    this.#retryTimer = null;
    this.#ageTimer = null;
  }

  #enter(state: ConnectionState, error: OscError | null): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.onState(state, error);
  }
}

function clientClosed(): OscServerError {
  return closedError("The client is closed. Call open(), or create another client.");
}
