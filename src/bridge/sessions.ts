import type { Peer } from "../transport/transport.ts";
import { Session, type SessionEvents, type SessionSettings, type Target } from "./session.ts";

export interface SessionsSettings extends SessionSettings {
  readonly maxSessions: number;
  /** In milliseconds. */
  readonly sessionTimeout: number;
  /** True where nothing comes back, so that all clients may share one. */
  readonly isShared: boolean;
}

/** The sessions of the clients of a bridge, within bounds. */
export class Sessions {
  readonly #targets: readonly Target[];
  readonly #settings: SessionsSettings;
  readonly #events: SessionEvents;
  readonly #sessions = new Map<string | object, Session>();
  readonly #byNumber = new Map<number, Session>();
  readonly #closing = new Set<Promise<void>>();
  readonly #sweep: NodeJS.Timeout;

  constructor(targets: readonly Target[], settings: SessionsSettings, events: SessionEvents) {
    this.#targets = targets;
    this.#settings = settings;
    this.#events = events;
    this.#sweep = setInterval(() => this.#endIdle(), Math.max(5, settings.sessionTimeout / 4)).unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  withNumber(number: number): Session | undefined {
    return this.#byNumber.get(number);
  }

  /** The client's session, which is made where there is none. */
  of(peer: Peer): Session {
    const key = this.#settings.isShared ? "all" : peer.key;
    const known = this.#sessions.get(key);
    if (known !== undefined) {
      known.peer = peer;
      return known;
    }
    if (this.#sessions.size >= this.#settings.maxSessions) this.#endOldest();
    const session = new Session(peer, this.#targets, this.#settings, this.#events);
    this.#sessions.set(key, session);
    this.#byNumber.set(session.number, session);
    if (!this.#settings.isShared) void peer.closed?.then(() => this.#end(key, session));
    return session;
  }

  /**
   * Connects a client to the targets before it says anything, for they may have something to say. Where half of all sessions are taken that waits
   * until it does: where targets lead back here, each connection would make another.
   */
  expect(peer: Peer): void {
    if (this.#sessions.size * 2 < this.#settings.maxSessions) this.of(peer).listen();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    for (const [key, session] of this.#sessions) this.#end(key, session);
    await Promise.all(this.#closing);
  }

  #endIdle(): void {
    const since = performance.now() - this.#settings.sessionTimeout;
    for (const [key, session] of this.#sessions) {
      // A connection tells when it ends.
      if (session.peer.closed === undefined && session.lastActive < since) this.#end(key, session);
    }
  }

  #endOldest(): void {
    let oldest: [key: string | object, session: Session] | null = null;
    for (const entry of this.#sessions) if (oldest === null || entry[1].lastActive < oldest[1].lastActive) oldest = entry;
    if (oldest !== null) this.#end(...oldest);
  }

  #end(key: string | object, session: Session): void {
    if (this.#sessions.get(key) !== session) return;
    this.#sessions.delete(key);
    this.#byNumber.delete(session.number);
    const closing: Promise<void> = session.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
