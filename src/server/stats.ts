import { channel, type Channel } from "node:diagnostics_channel";
import { OscDispatchError, type OscError, OscNatsError, OscSocketError, type RejectReason } from "../errors.ts";

/** What the sockets are built on: system calls, or Node's modules. */
export type Backend = "native" | "portable";

/** All counters of a server, in memory order. */
const NAMES = [
  "received",
  "handled",
  "unmatched",
  "replied",
  "dropped",
  "waiting",
  "inProgress",
  "faults",
  "handlerErrors",
  "socketErrors",
  "connections",
  "connectionsRefused",
  "connectionsEnded",
  "ignored",
  "unsent",
  "evicted",
  "forked",
  "redelivered",
  "deadLettered",
  "rejected:arguments",
  "rejected:empty",
  "rejected:malformed",
  "rejected:not-osc",
  "rejected:rate",
  "rejected:sender",
  "rejected:too-far-ahead",
  "rejected:too-large",
  "rejected:unverified",
] as const;

export type CounterName = (typeof NAMES)[number];

const INDEX = Object.fromEntries(NAMES.map((name, index) => [name, index])) as Readonly<Record<CounterName, number>>;

/** Indexes of counters that change with every packet, because looking up a name takes longer than counting. */
export const RECEIVED: number = INDEX.received;
export const HANDLED: number = INDEX.handled;
export const REPLIED: number = INDEX.replied;
export const IN_PROGRESS: number = INDEX.inProgress;

/** The counter of an error that doesn't change a packet's result. */
export function counterOf(error: OscError): "handlerErrors" | "socketErrors" | "faults" {
  if (error instanceof OscDispatchError) return "handlerErrors";
  return error instanceof OscSocketError || error instanceof OscNatsError ? "socketErrors" : "faults";
}

/**
 * Counters since the server was created. While no packet is being counted,
 * `received = handled + (the sum of rejected) + dropped + waiting + inProgress`.
 */
export interface ServerStats {
  /**
   * What the sockets are built on: `"native"` for system calls (see the option `native`), otherwise `"portable"`. For an async server it
   * is valid once it has served.
   */
  readonly backend: Backend;
  /**
   * Datagrams that the kernel dropped because its buffer was full (`receiveBufferSize`). They don't count as `received`. Null if unknown:
   * the system isn't Linux, or the server doesn't use UDP.
   */
  readonly kernelDropped: number | null;
  /** Packets that arrived. A nested bundle dated later counts as a separate packet. */
  readonly received: number;
  /** Packets that were handled, even if no handler matched. */
  readonly handled: number;
  /** Messages in handled packets that matched no handler, and had no default handler. Misspelled addresses show up here. */
  readonly unmatched: number;
  /** Packets sent to clients: replies, and packets passed to `send()`. */
  readonly replied: number;
  /** Packets lost because a limit was reached; each was reported with the name of the limit's option. */
  readonly dropped: number;
  /** Bundles that wait for their time. */
  readonly waiting: number;
  /** Packets that are queued or being handled. */
  readonly inProgress: number;
  /** Faults that lost no packet: a bad element of a bundle, a broken frame of a stream, a connection refused or ended. */
  readonly faults: number;
  /** Handlers that threw, or returned a reply that can't be sent. */
  readonly handlerErrors: number;
  /** Socket errors, such as a reply that couldn't be sent. */
  readonly socketErrors: number;
  /** Clients that are connected now; 0 for UDP. */
  readonly connections: number;
  /**
   * Clients that the server refused: because of `maxConnections`, `allow` or `origins`, or because of a bad WebSocket handshake.
   * Connections that the system refuses because the `backlog` is full aren't included: the system doesn't report them.
   */
  readonly connectionsRefused: number;
  /**
   * Connections that the server ended because of the client: its stream became unreadable, it didn't read replies (`maxBuffered`), or it
   * was silent for `maxIdle`.
   */
  readonly connectionsEnded: number;
  /** Text messages of WebSocket clients, which aren't packets; the first of each client was reported. */
  readonly ignored: number;
  /** Connections among `connectionsEnded` that were ended to free memory, because they held the most (`maxMemory`). */
  readonly evicted: number;
  /** Packets not sent to WebSocket clients that read too slowly (`slowClients`). */
  readonly unsent: number;
  /**
   * How the processes of a forking server are created: see the option `strategy`. Null before it has started, and for other kinds of
   * server.
   */
  readonly strategy: "fork" | "spawn" | null;
  /** Processes that were forked for packets. */
  readonly forked: number;
  /** Packets that NATS delivered again, to this worker or another, so they may have been handled before. Included in `received`. */
  readonly redelivered: number;
  /** Packets from NATS that were stored as dead letters: rejected, or delivered too often. */
  readonly deadLettered: number;
  /** Rejected packets, by reason. */
  readonly rejected: Readonly<Record<RejectReason, number>>;
}

/**
 * Counters in memory that another thread may read. Each change is also published on the `node:diagnostics_channel` named
 * `oscine:count` as `{ name, by, value }`, in the thread that owns the sockets.
 */
export class Counters {
  /** Bytes that the memory must have. */
  static readonly byteLength: number = NAMES.length * Float64Array.BYTES_PER_ELEMENT;

  readonly #values: Float64Array;
  readonly #channel: Channel = channel("oscine:count");

  constructor(memory: ArrayBufferLike = new ArrayBuffer(Counters.byteLength)) {
    this.#values = new Float64Array(memory);
  }

  /** Adds `by`, which may be negative for `waiting` and `inProgress`. */
  add(name: CounterName, by = 1): void {
    this.addAt(INDEX[name], by);
  }

  /** Like {@link add}, for a counter given by its index. */
  addAt(index: number, by = 1): void {
    const value = (this.#values[index] ?? 0) + by;
    this.#values[index] = value;
    if (this.#channel.hasSubscribers) this.#channel.publish({ name: NAMES[index], by, value });
  }

  read(name: CounterName): number {
    return this.#values[INDEX[name]] ?? 0;
  }

  /** All counters as a plain object. */
  stats(backend: Backend = "portable", kernelDropped: number | null = null): ServerStats {
    const rejected: Record<string, number> = {};
    const plain: Record<string, number> = {};
    for (const name of NAMES) {
      if (name.startsWith("rejected:")) rejected[name.slice("rejected:".length)] = this.read(name);
      else plain[name] = this.read(name);
    }
    return { backend, kernelDropped, strategy: null, ...plain, rejected } as unknown as ServerStats;
  }
}
