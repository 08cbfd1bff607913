import type { Packet } from "../executor.ts";
import type { RecordBody } from "./records.ts";

/** A packet that a worker has been given. */
export interface InFlightPacket {
  /** Counted for each worker from 1 on. */
  readonly id: number;
  readonly packet: Packet;
}

/** A thread or process that handles packets, as the pool sees it. */
export interface PoolWorker {
  /** Hands over packets, to be handled in this order. */
  give(packets: readonly InFlightPacket[]): void;
  /**
   * Keeps the worker from beginning with more of what it has been given.
   *
   * @returns the number of the packet it began last; null if that isn't known, because it may have begun with all
   */
  takeBack(): number | null;
  /** Ends it as soon as it has nothing to do. It is given nothing more. */
  retire(): void;
  /** Ends it now, whatever it does. @param isStarting whether it may not be ready yet */
  kill(isStarting: boolean): void;
}

/** What a worker tells its pool. */
export interface PoolWorkerEvents {
  /** It says something. @param id the packet that this is about, if the record has another number */
  record(record: RecordBody, id?: number): void;
  /** It has ended; nothing comes after this. Called once. */
  ended(how: string): void;
}

/** In what the kinds of worker differ. Times in milliseconds. */
export interface WorkerKind {
  readonly code: "OSC_THREAD_FAILED" | "OSC_CHILD_FAILED";
  /** What a worker is called in reports. */
  readonly noun: "worker thread" | "child process";
  /** How processes come to be; null for threads. */
  readonly strategy: "fork" | "spawn" | null;
  /** The `strictTiming` that the server takes the dispatcher to have. */
  readonly strictTiming: boolean;
  /** The most workers at any time, those that are ending included. */
  readonly max: number;
  /** How many workers there are at least. */
  readonly min: number;
  /** Whether a worker can take a packet as soon as it is made, and so is made for it. */
  readonly readyAtOnce: boolean;
  /** How many more workers are kept than there are packets. */
  readonly spare: number;
  /** How many packets a worker may have at once, each handled beside the others. */
  readonly packetsAtOnce: number;
  /** Whether a worker can be given several packets that it handles one after another. */
  readonly batches: boolean;
  /** After how many packets a worker ends. */
  readonly packetsInAll: number;
  /** How long a handler may take, and which option says so. */
  readonly packetTimeout: number;
  readonly packetTimeoutOption: "threadTimeout" | "childTimeout";
  readonly startTimeout: number;
  /** How long a worker that isn't needed stays. */
  readonly idleTimeout: number;
  /** How long packets wait before more workers are started for them. */
  readonly patience: number;
  /** Why a worker didn't become ready, and what to do. */
  explainStart(how: string): string;
  /** Starts a worker. May throw. */
  start(events: PoolWorkerEvents): PoolWorker;
}
