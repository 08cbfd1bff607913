import type { OscError } from "../../errors.ts";
import type { Packet } from "../executor.ts";
import type { LateReason } from "../handle.ts";
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
  /** Ends it now, whatever it does. */
  kill(): void;
}

/** What a worker tells its pool. */
export interface PoolWorkerEvents {
  /** It can take packets. */
  ready(): void;
  reply(id: number, data: Uint8Array): void;
  /** An error of that packet, or of none (0), that decides nothing. */
  report(id: number, error: OscError): void;
  /** A handler began something that doesn't go on in this worker: told once for each. */
  leftover(id: number, error: OscError): void;
  handled(id: number, unmatched: number): void;
  /** @param text why, if that can't be told from the packet */
  rejected(id: number, reason: LateReason, text: string): void;
  /** A described method has a new value. */
  value(record: RecordBody): void;
  shutdown(): void;
  /** It has ended; nothing comes after this. Called once. */
  ended(how: string): void;
}

/** How many workers a pool has, for deciding how many to start. */
export interface PoolState {
  /** Packets that wait and that another worker would help. */
  readonly queued: number;
  readonly starting: number;
  readonly idle: number;
  /** All that are to go on, the above among them. */
  readonly alive: number;
}

/** In what the kinds of worker differ. Times in milliseconds. */
export interface WorkerKind {
  readonly code: "OSC_THREAD_FAILED" | "OSC_CHILD_FAILED";
  /** What a worker is called in reports. */
  readonly noun: "worker thread" | "child process";
  /** The most workers at any time, those that are ending included. */
  readonly max: number;
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
  /** How many workers to start. */
  missing(state: PoolState): number;
  /** How many of the idle workers aren't needed. */
  superfluous(state: PoolState): number;
  /** Why a worker didn't become ready, and what to do. */
  explainStart(how: string): string;
  /** Starts a worker. May throw. */
  start(events: PoolWorkerEvents): PoolWorker;
}
