import type { Packet } from "../executor.ts";
import type { RecordBody } from "./records.ts";

/** A packet assigned to a worker. */
export interface InFlightPacket {
  /** Counted from 1 for each worker. */
  readonly id: number;
  readonly packet: Packet;
}

/** The pool's side of a thread or process that handles packets. */
export interface PoolWorker {
  /** Sends packets to the worker, which handles them in this order. */
  assign(packets: readonly InFlightPacket[]): void;
  /**
   * Prevents the worker from beginning any more of its packets.
   *
   * @returns the id of the packet it began last; null if unknown, because it may have begun all of them
   */
  takeBack(): number | null;
  /** Ends the worker once it is idle. It gets no more packets. */
  retire(): void;
  /** Ends the worker now, whatever it is doing. @param isStarting true if it isn't ready yet */
  kill(isStarting: boolean): void;
}

/** What a worker reports to its pool. */
export interface PoolWorkerEvents {
  /** A record arrived. @param id the packet it concerns, if the record carries another number */
  record(record: RecordBody, id?: number): void;
  /** The worker has ended. Called once, after all records. */
  ended(how: string): void;
}

/** How the kinds of worker differ. Times in milliseconds. */
export interface WorkerKind {
  readonly code: "OSC_THREAD_FAILED" | "OSC_CHILD_FAILED";
  /** Name of a worker in reports. */
  readonly noun: "worker thread" | "child process";
  /** How processes are created; null for threads. */
  readonly strategy: "fork" | "spawn" | null;
  /** The dispatcher's `strictTiming`, as far as the server knows. */
  readonly strictTiming: boolean;
  /** Maximum number of workers, including those that are ending. */
  readonly max: number;
  /** Minimum number of workers. */
  readonly min: number;
  /** Whether a new worker accepts a packet at once. Such workers are started on demand. */
  readonly readyAtOnce: boolean;
  /** Number of idle workers to keep beyond those needed. */
  readonly spare: number;
  /** Number of packets a worker handles concurrently. */
  readonly packetsAtOnce: number;
  /** Whether a worker accepts several packets at once and handles them one after another. */
  readonly batches: boolean;
  /** Number of packets after which a worker retires. */
  readonly packetsInAll: number;
  /** How long a handler may take, and the option that sets it. */
  readonly packetTimeout: number;
  readonly packetTimeoutOption: "threadTimeout" | "childTimeout";
  readonly startTimeout: number;
  /** How long a surplus worker may be idle before it retires. */
  readonly idleTimeout: number;
  /** How long packets are queued before more workers are started. */
  readonly patience: number;
  /** The message about a worker that didn't become ready. */
  explainStart(how: string): string;
  /** Starts a worker. May throw. */
  start(events: PoolWorkerEvents): PoolWorker;
}
