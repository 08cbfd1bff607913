import { Connection, type ConnectionSettings, type ConnectionState } from "../client/connection.ts";
import type { PacketLinkFactory } from "../client/link.ts";
import { STREAM_IN_FLIGHT } from "../client/options.ts";
import { OscDroppedError, type OscError } from "../errors.ts";
import { compact } from "../transport/memory-budget.ts";
import type { Peer } from "../transport/transport.ts";

/** A target that a session connects to. */
export interface Target {
  readonly createLink: PacketLinkFactory;
  /** For example `udp`. */
  readonly transport: string;
}

export interface SessionEvents {
  /** Called with a reply for the client. */
  onReply(packet: Uint8Array, session: Session): void;
  onError(error: OscError): void;
  /** Called after sending a packet to a target, with the error if it failed. */
  onSent(error: OscError | null): void;
  /** Called when a socket to a target opens. The returned function is called when it closes. */
  onOpened(transport: string, port: number): () => void;
}

export interface SessionSettings {
  readonly maxSessions: number;
  /** In milliseconds. */
  readonly sessionTimeout: number;
  readonly maxUnsent: number;
  readonly maxUnsentBytes: number;
  /** Maximum bytes queued in all sessions together. */
  readonly maxMemory: number;
  /** True if all clients share one session, because there are no replies. */
  readonly isShared: boolean;
}

/** Reconnect policy for targets. */
const RECONNECT = { minDelay: 100, maxDelay: 5000, maxAttempts: Infinity } as const;
const CLOSE_TIMEOUT_MS = 1000;
/** Overhead of a queued packet besides its bytes. */
const OVERHEAD_BYTES = 256;

/** A client's own sockets to the targets, so replies reach the right client. */
export class Session {
  /** The sender of the client's last packet, which receives the replies. */
  peer: Peer;
  /** When a packet was last sent in either direction, from `performance.now()`. */
  lastActive: number = performance.now();
  /** Bytes of packets queued or being sent. */
  heldBytes = 0;
  /** Identifies the session to targets without per-session sockets. */
  readonly number: number;
  readonly #events: SessionEvents;
  readonly #connections: readonly Connection[];

  constructor(peer: Peer, number: number, targets: readonly Target[], settings: SessionSettings, events: SessionEvents) {
    this.peer = peer;
    this.number = number;
    this.#events = events;
    this.#connections = targets.map((target) => this.#connect(target, settings));
  }

  /** Connects to the targets before anything is sent. */
  listen(): void {
    for (const connection of this.#connections) void connection.listen();
  }

  /**
   * Sends a packet to all targets.
   *
   * @param done called once, when the client may send more: immediately if a target is unavailable
   * @param release called once, when no target needs the packet any longer
   */
  send(packet: Uint8Array, done: () => void, release: () => void): void {
    let toSend = this.#connections.length;
    let toRelease = toSend;
    for (const connection of this.#connections) {
      const isConnected = connection.state === "connected";
      let isCounted = false;
      const settle = (): void => {
        if (isCounted) return;
        isCounted = true;
        toSend -= 1;
        if (toSend === 0) done();
      };
      connection.send(isConnected ? packet : compact(packet), null, (error) => {
        this.#events.onSent(error);
        settle();
        toRelease -= 1;
        if (toRelease === 0) release();
      });
      if (!isConnected) settle();
    }
  }

  get hasTargets(): boolean {
    return this.#connections.length > 0;
  }

  /** Closes the sockets after sending the last packets. */
  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #connect({ createLink, transport }: Target, { maxUnsent, maxUnsentBytes }: SessionSettings): Connection {
    let forgetPort = (): void => undefined;
    const settings: ConnectionSettings = {
      reconnect: RECONNECT,
      offline: "queue",
      maxUnsent,
      maxUnsentBytes,
      maxUnsentTime: Infinity,
      overflow: "drop-oldest",
      closeTimeout: CLOSE_TIMEOUT_MS,
      maxInFlightBytes: STREAM_IN_FLIGHT,
    };
    const connection: Connection = new Connection(createLink, settings, {
      onPacket: (packet) => {
        this.lastActive = performance.now();
        this.#events.onReply(packet, this);
      },
      onError: (error) => this.#events.onError(error),
      onEnd: () => undefined,
      onState: (state: ConnectionState) => {
        forgetPort();
        forgetPort = state === "connected" ? this.#events.onOpened(transport, connection.address?.port ?? 0) : () => undefined;
      },
    });
    return connection;
  }
}

/** The bounded set of client sessions. Closing sessions count too, so spoofed senders can't accumulate them. */
export class Sessions {
  readonly #targets: readonly Target[];
  readonly #settings: SessionSettings;
  readonly #events: SessionEvents;
  readonly #sessions = new Map<string | object, Session>();
  readonly #byNumber = new Map<number, Session>();
  readonly #closing = new Set<Promise<void>>();
  readonly #sweep: NodeJS.Timeout;
  #heldBytes = 0;
  #made = 0;

  constructor(targets: readonly Target[], settings: SessionSettings, events: SessionEvents) {
    this.#targets = targets;
    this.#settings = settings;
    this.#events = events;
    this.#sweep = setInterval(() => this.#endIdle(), Math.max(5, settings.sessionTimeout / 4)).unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Bytes queued in all sessions. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  withNumber(number: number): Session | undefined {
    return this.#byNumber.get(number);
  }

  /** Gets or creates the client's session; null if too many are closing. */
  of(peer: Peer): Session | null {
    const key = this.#settings.isShared ? "all" : peer.key;
    const known = this.#sessions.get(key);
    if (known !== undefined) {
      known.peer = peer;
      return known;
    }
    if (this.#closing.size >= this.#settings.maxSessions) return null;
    if (this.#sessions.size >= this.#settings.maxSessions) this.#endOldest();
    const session = new Session(peer, (this.#made += 1), this.#targets, this.#settings, this.#events);
    this.#sessions.set(key, session);
    this.#byNumber.set(session.number, session);
    if (!this.#settings.isShared) void peer.closed?.then(() => this.#end(key, session));
    return session;
  }

  /**
   * Sends a packet to all targets of a session. When too many bytes are queued, only sessions below their share may send.
   *
   * @param done called once, when the client may send more
   */
  send(session: Session, packet: Uint8Array, done: () => void): void {
    session.lastActive = performance.now();
    if (!session.hasTargets) return done();
    const { maxMemory, maxSessions } = this.#settings;
    const size = packet.length + OVERHEAD_BYTES;
    if (this.#heldBytes + size > maxMemory && session.heldBytes + size > maxMemory / maxSessions) {
      this.#events.onSent(
        new OscDroppedError("maxMemory", "A packet was not forwarded because too many bytes are queued for targets (maxMemory)."),
      );
      return done();
    }
    session.heldBytes += size;
    this.#heldBytes += size;
    session.send(packet, done, () => {
      session.heldBytes -= size;
      this.#heldBytes -= size;
    });
  }

  /**
   * Connects a client to the targets before it sends, because they may send first. If half of all sessions are in use, waits until the client sends: if
   * targets lead back here, each connection would create another.
   */
  expect(peer: Peer): void {
    if (this.#sessions.size * 2 < this.#settings.maxSessions) this.of(peer)?.listen();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    for (const [key, session] of this.#sessions) this.#end(key, session);
    await Promise.all(this.#closing);
  }

  #endIdle(): void {
    const since = performance.now() - this.#settings.sessionTimeout;
    for (const [key, session] of this.#sessions) {
      // Connections report when they close; only UDP sessions expire.
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
