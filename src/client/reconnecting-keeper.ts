import { OscServerError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { keepAliveBy } from "./event-loop.ts";
import type { Keeper } from "./keeper.ts";
import { Outbox } from "./outbox.ts";
import type { PacketLink, PacketLinkEvents, PacketLinkFactory } from "./packet-link.ts";
import type { SendDone } from "./send-promise.ts";
import type { UnsentLimits } from "./unsent-queue.ts";

/** How things stand between a client and its server. */
export type ConnectionState = "connecting" | "connected" | "disconnected" | "closed";

/** How to go on when there is no connection. Times in milliseconds. */
export interface Reconnect {
  readonly minDelay: number;
  readonly maxDelay: number;
  readonly maxAttempts: number;
}

export interface ReconnectingSettings extends UnsentLimits {
  /** `null`: not at all. */
  readonly reconnect: Reconnect | null;
  /** How long `close()` waits until the last packets are on their way. */
  readonly closeTimeout: number;
}

export interface ReconnectingEvents extends PacketLinkEvents {
  onState(state: ConnectionState, error: OscError | null): void;
}

/** One who waits for the connection. */
interface Opener {
  resolve(address: NetAddress): void;
  reject(reason: unknown): void;
}

/**
 * Keeps a connection for a client: opens it when it is first needed, and again when it breaks, with growing pauses between attempts that
 * fail; meanwhile packets wait, within bounds.
 */
export class ReconnectingKeeper implements Keeper {
  readonly #createLink: PacketLinkFactory;
  readonly #events: ReconnectingEvents;
  readonly #settings: ReconnectingSettings;
  readonly outbox: Outbox;
  /** The link, once it is open, and where it is bound. */
  #open: { readonly link: PacketLink; readonly address: NetAddress; readonly since: number } | null = null;
  /** The link that is being opened. */
  #attempt: PacketLink | null = null;
  /** Runs until the next attempt. */
  #pause: ReturnType<typeof setTimeout> | null = null;
  readonly #openers: Opener[] = [];
  #state: ConnectionState = "disconnected";
  #session = 0;
  /** Attempts that failed, or did not hold, in a row. */
  #failures = 0;
  #holds = 0;
  /** True once there was a connection, which then is kept up even while nothing waits for it. */
  #isKept = false;
  #closing: Promise<void> | null = null;
  /** How often a connection was made. */
  connects = 0;

  constructor(createLink: PacketLinkFactory, events: ReconnectingEvents, settings: ReconnectingSettings) {
    this.#createLink = createLink;
    this.#events = events;
    this.#settings = settings;
    this.outbox = new Outbox(settings);
  }

  get address(): NetAddress | null {
    return this.#open?.address ?? null;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  get session(): number {
    return this.#session;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Waits for the attempt that is under way, or makes one now; rejects where that fails, though others may follow.
   *
   * @param signal rejects with its reason when it is aborted; the attempt ends where nothing else needs it
   */
  async open(signal?: AbortSignal): Promise<NetAddress> {
    if (this.#closing !== null) {
      await this.#closing;
      this.#closing = null;
    }
    if (this.#open !== null) return this.#open.address;
    return new Promise((resolve, reject) => {
      const opener: Opener = { resolve, reject };
      signal?.addEventListener("abort", () => this.#abandon(opener, signal.reason));
      this.#openers.push(opener);
      this.#try();
    });
  }

  async listen(): Promise<void> {
    if (this.#settings.reconnect === null) await this.open();
    else this.#start();
  }

  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    if (this.#closing !== null) {
      done(closedError("The client is closed: open() it again, or make another."));
      return;
    }
    this.outbox.send({ packet, to, done });
    if (this.#open === null) this.#start();
  }

  hold(): () => void {
    this.#holds += 1;
    this.#updateKeepAlive();
    return () => {
      this.#holds -= 1;
      this.#updateKeepAlive();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#session += 1;
    // What waits for an attempt may go out with it; what waits for the end of a pause will not.
    if (this.#attempt === null && this.#open === null)
      this.outbox.fail(closedError("The client was closed before there was a connection."));
    await this.outbox.settled(this.#settings.closeTimeout);
    this.#stopPause();
    const link = this.#open?.link ?? this.#attempt;
    this.#disconnect();
    this.#attempt = null;
    this.#isKept = false;
    this.#failures = 0;
    await link?.close();
    const error = closedError("The client was closed while the connection was made.");
    this.outbox.fail(error);
    this.#fail(error);
    this.#enter("closed", null);
  }

  /** Begins to connect, where that is not under way. */
  #start(): void {
    if (this.#open === null && this.#attempt === null && this.#pause === null) this.#try();
    this.#updateKeepAlive();
  }

  #try(): void {
    if (this.#attempt !== null) return;
    this.#stopPause();
    const link = this.#createLink({
      onPacket: (packet, from) => {
        if (this.#closing === null) this.#events.onPacket(packet, from);
      },
      onError: (error, address) => this.#events.onError(error, address),
      onEnd: (error) => this.#ended(link, error),
    });
    this.#attempt = link;
    this.#enter("connecting", null);
    // Who was told that may have closed the client.
    if (this.#attempt !== link) return;
    link.open().then(
      (address) => this.#opened(link, address),
      (error: unknown) => this.#refused(link, error as OscError),
    );
  }

  #opened(link: PacketLink, address: NetAddress): void {
    if (this.#attempt !== link) return;
    this.#attempt = null;
    this.#open = { link, address, since: performance.now() };
    this.#isKept = this.#settings.reconnect !== null;
    this.connects += 1;
    if (this.#holds > 0) link.keepAlive("on");
    for (const opener of this.#openers.splice(0)) opener.resolve(address);
    this.outbox.connect(link);
    this.#enter("connected", null);
  }

  #refused(link: PacketLink, error: OscError): void {
    if (this.#attempt !== link) return;
    this.#attempt = null;
    const isAwaited = this.#openers.length > 0;
    this.#fail(error);
    this.#retry(error, isAwaited ? "told" : "untold");
  }

  /** An open link has ended by itself. */
  #ended(link: PacketLink, error: OscError | null): void {
    if (this.#open?.link !== link) return;
    const { reconnect } = this.#settings;
    // One that was refused as soon as it was made, again and again, is not to be asked ever faster.
    if (reconnect !== null && performance.now() - this.#open.since >= reconnect.maxDelay) this.#failures = 0;
    this.#disconnect();
    this.#retry(error, "untold");
  }

  /** One who waited for a connection does so no longer. */
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

  #disconnect(): void {
    this.#open = null;
    this.outbox.disconnect();
  }

  /** Sees to the next attempt, or ends what waits for one. */
  #retry(error: OscError | null, cause: "told" | "untold"): void {
    const { reconnect } = this.#settings;
    const reason = error ?? closedError("The connection was closed by the other side.");
    this.#failures += 1;
    if (reconnect === null || this.#closing !== null || this.#failures > reconnect.maxAttempts) return this.#giveUp(error, reason);
    if (cause === "untold" && error !== null) this.#events.onError(error);
    if (this.#isWanted()) {
      const delay = Math.min(reconnect.maxDelay, reconnect.minDelay * 2 ** (this.#failures - 1));
      // Some jitter, for all clients of a server lose it at the same time.
      this.#pause = setTimeout(() => this.#resume(), delay * (0.5 + Math.random() / 2));
      this.#updateKeepAlive();
    }
    this.#enter("disconnected", error);
  }

  #giveUp(error: OscError | null, reason: OscError): void {
    this.#session += 1;
    this.#isKept = false;
    this.#failures = 0;
    this.outbox.fail(reason);
    this.#events.onEnd(error);
    this.#enter("disconnected", error);
  }

  #resume(): void {
    this.#pause = null;
    this.#try();
  }

  #stopPause(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
  }

  #isWanted(): boolean {
    return this.#isKept || this.#holds > 0 || this.outbox.unsent > 0;
  }

  #updateKeepAlive(): void {
    this.#open?.link.keepAlive(this.#holds > 0 ? "on" : "off");
    if (this.#pause !== null) keepAliveBy(this.#pause, this.#holds > 0 || this.outbox.unsent > 0 ? "on" : "off");
  }

  /** Ends the wait of all who wait for a connection. */
  #fail(error: OscError): void {
    for (const opener of this.#openers.splice(0)) opener.reject(error);
  }

  #enter(state: ConnectionState, error: OscError | null): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.onState(state, error);
  }
}

function closedError(message: string): OscServerError {
  return new OscServerError("OSC_CLOSED", message);
}
