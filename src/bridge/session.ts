import { Connection, type ConnectionState, type PacketLinkFactory } from "../client/connection.ts";
import { connectionSettings } from "../client/options.ts";
import type { OscError } from "../errors.ts";
import type { Peer } from "../transport/transport.ts";

/** One target as a session speaks to it. */
export interface Target {
  readonly createLink: PacketLinkFactory;
  /** As `udp`; sockets of one transport are told apart by their ports. */
  readonly transport: string;
}

export interface SessionEvents {
  /** A packet came back for the client. */
  onReply(packet: Uint8Array, session: Session): void;
  onError(error: OscError): void;
  /** A packet was sent to a target, or could not be. */
  onSent(error: OscError | null): void;
  /** A socket to a target is open now; the function that is returned is called when it is not any more. */
  onOpened(transport: string, port: number): () => void;
}

export interface SessionSettings {
  readonly maxUnsent: number;
  readonly maxUnsentBytes: number;
}

/** How connections to targets that went away are made again. */
const RECONNECT = { minDelay: 100, maxDelay: 5000, maxAttempts: Infinity } as const;
const CLOSE_TIMEOUT_MS = 1000;

let made = 0;

/** What belongs to one client of a bridge: a socket of its own to each target, so that replies find their way back. */
export class Session {
  /** Where replies go: where the client's last packet came from. */
  peer: Peer;
  /** When something was last sent either way, by `performance.now()`. */
  lastActive: number = performance.now();
  /** Tells it from others, for places that have no socket of its own. */
  readonly number: number = (made += 1);
  readonly #events: SessionEvents;
  readonly #connections: readonly Connection[];

  constructor(peer: Peer, targets: readonly Target[], settings: SessionSettings, events: SessionEvents) {
    this.peer = peer;
    this.#events = events;
    this.#connections = targets.map((target) => this.#connect(target, settings));
  }

  /** Connects to the targets, before anything is sent. */
  listen(): void {
    for (const connection of this.#connections) void connection.listen();
  }

  /**
   * Sends a packet to all targets.
   *
   * @param done called once, when the client may send more: at once where a target is away
   */
  send(packet: Uint8Array, done: () => void): void {
    this.lastActive = performance.now();
    let left = this.#connections.length;
    if (left === 0) return done();
    for (const connection of this.#connections) {
      let isCounted = false;
      const settle = (): void => {
        if (isCounted) return;
        isCounted = true;
        left -= 1;
        if (left === 0) done();
      };
      connection.send(packet, null, (error) => {
        this.#events.onSent(error);
        settle();
      });
      if (connection.state !== "connected") settle();
    }
  }

  /** Closes the sockets when what was sent is on its way. */
  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #connect({ createLink, transport }: Target, { maxUnsent, maxUnsentBytes }: SessionSettings): Connection {
    let forgetPort = (): void => undefined;
    const settings = connectionSettings({
      reconnect: RECONNECT,
      offline: "queue",
      maxUnsent,
      maxUnsentBytes,
      maxUnsentTime: Infinity,
      overflow: "drop-oldest",
      closeTimeout: CLOSE_TIMEOUT_MS,
    });
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
