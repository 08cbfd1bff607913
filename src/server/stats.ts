import { channel, type Channel } from "node:diagnostics_channel";
import { OscDispatchError, type OscError, OscNatsError, OscSocketError, type RejectReason } from "../errors.ts";

/** What the sockets are built on: system calls, or Node's modules. */
export type Backend = "native" | "portable";

/** Every counter of a server, in the order in which they lie in memory. */
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

/** Indexes of the counters that change with every packet, because looking up a name takes longer than counting. */
export const RECEIVED: number = INDEX.received;
export const HANDLED: number = INDEX.handled;
export const REPLIED: number = INDEX.replied;
export const IN_PROGRESS: number = INDEX.inProgress;

/** The counter of an error that doesn't decide what becomes of a packet. */
export function counterOf(error: OscError): "handlerErrors" | "socketErrors" | "faults" {
  if (error instanceof OscDispatchError) return "handlerErrors";
  return error instanceof OscSocketError || error instanceof OscNatsError ? "socketErrors" : "faults";
}

/**
 * What a server has done since it was made. At every moment of quiet
 * `received = handled + (the sum of rejected) + dropped + waiting + inProgress`.
 */
export interface ServerStats {
  /**
   * What the sockets are built on: `"native"` for system calls (see the option `native`), otherwise `"portable"`. An async server
   * knows that from when it first serves.
   */
  readonly backend: Backend;
  /**
   * Datagrams that the kernel dropped before the server saw them, because its buffer was full (`receiveBufferSize`); they are not among
   * `received`. Null if that isn't known: the system isn't Linux, or the server isn't a UDP server.
   */
  readonly kernelDropped: number | null;
  /** Packets that arrived. A nested bundle that is dated later counts as a packet of its own. */
  readonly received: number;
  /** Packets whose handlers have run, whether one matched or not. */
  readonly handled: number;
  /** Messages in them that no handler matched, and that no default handler took. A misspelled address shows here. */
  readonly unmatched: number;
  /** Packets sent to clients: replies, and what `send()` was given. */
  readonly replied: number;
  /** Packets lost because a bound was reached; each was reported with the name of the option that holds the bound. */
  readonly dropped: number;
  /** Bundles that wait for their time. */
  readonly waiting: number;
  /** Packets that are being handled, or that wait to be. */
  readonly inProgress: number;
  /** Faults that cost no packet: a bad element of a bundle that was handled all the same, a broken frame of a stream, a connection refused or ended. */
  readonly faults: number;
  /** Handlers that threw, or answered with what cannot be sent. */
  readonly handlerErrors: number;
  /** Errors of sockets, such as a reply that could not be sent. */
  readonly socketErrors: number;
  /** Clients that are connected now; 0 for UDP. */
  readonly connections: number;
  /**
   * Clients that the server refused: `maxConnections` were connected, `allow` or `origins` doesn't name them, or their WebSocket handshake was bad.
   * A connection that the system refuses because its `backlog` is full is not among them, because the system doesn't say so.
   */
  readonly connectionsRefused: number;
  /**
   * Connections that the server ended for what the client did or did not do: its stream could not be read any further, it left replies
   * unread (`maxBuffered`), or it was silent for `maxIdle`.
   */
  readonly connectionsEnded: number;
  /** Text messages of WebSocket clients, which aren't packets; the first of each client was reported. */
  readonly ignored: number;
  /** Connections among `connectionsEnded` that held the most memory when all together held too much (`maxMemory`). */
  readonly evicted: number;
  /** Packets that were dropped on their way to a WebSocket client that reads too slowly (`slowClients`). */
  readonly unsent: number;
  /** How the processes of a forking server come to be, once it has started; null before, and for the other kinds. See the option `strategy`. */
  readonly strategy: "fork" | "spawn" | null;
  /** Processes that were forked for packets. */
  readonly forked: number;
  /** Packets of a worker behind NATS that had been delivered before, here or elsewhere, and so may have been handled before; they are among `received`. */
  readonly redelivered: number;
  /** Packets of a worker behind NATS that were put aside for good as dead letters: refused, or delivered too often. */
  readonly deadLettered: number;
  /** Packets that were refused, by reason. */
  readonly rejected: Readonly<Record<RejectReason, number>>;
}

/**
 * Counters in memory that another thread may read. Every change is also published on the `node:diagnostics_channel`
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

  /** The same for a counter that is given by its place. */
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
