import type { OscError } from "../../errors.ts";
import type { PacketResult } from "../../packet-result.ts";
import type { Packet } from "../executor.ts";
import type { LateReason } from "../handle.ts";

/** A thread or process that handles packets, as the pool sees it. */
export interface PoolWorker {
  /** Hands over a packet, for which it has time. */
  give(id: number, packet: Packet): void;
  /** Lets packets wait where the worker finds them as soon as it has time; null or left out where it cannot. */
  readonly ahead?: PacketsAhead | null;
  /** Whether it is at work just now and waits for nothing but a processor. False or left out where that is not known. */
  readonly computes?: boolean;
  /** Ends it as soon as it has nothing to do; it is given nothing more. */
  retire(): void;
  /** Ends it now, whatever it does. */
  kill(): void;
}

/** Packets that are handed to a worker before it has done with the one before: to tell of its end, and to fetch the next, would take longer than a light handler does. */
export interface PacketsAhead {
  /** Whether the packet may be handed over now. */
  hasRoom(packet: Packet): boolean;
  /** Hands over a packet, to be handled after those before. @returns its place, for {@link takeBack} */
  add(id: number, packet: Packet): number;
  /** Takes a packet back. False where the worker has begun with it. */
  takeBack(place: number): boolean;
  /** Passes on what the worker has said by now. Nobody is woken for what can wait. */
  listen(): void;
}

/** What a worker tells the pool. */
export interface PoolWorkerEvents {
  /** It can take packets. */
  ready(): void;
  reply(id: number, data: Uint8Array): void;
  report(id: number, error: OscError): void;
  /** An error of no packet. */
  fault(error: OscError): void;
  /** @param took how long its handlers were at work, in milliseconds; left out where that is not known */
  settle(id: number, result: PacketResult, took?: number): void;
  /** The first so many packets that it has have been handled. @param took how long each of the last ones took, in milliseconds; left out where that is not known */
  handled(count: number, took?: number): void;
  /** The packet has been refused where it was to be handled. */
  refuse(id: number, reason: LateReason): void;
  shutdown(): void;
  /** It has ended; nothing comes after this. Called once. */
  ended(how: string): void;
}

/** What is known about the workers of a pool when it is to be decided how many to start. */
export interface PoolState {
  /** Packets that have waited for longer than `patience`, so that it pays to start workers for them. */
  readonly queued: number;
  readonly starting: number;
  readonly idle: number;
  /** Those whose handler has been at work for longer than 2 ms, and does not compute as far as is known: it is taken to wait for something. */
  readonly slow: number;
  /** All that have been started and are to go on, the above among them. */
  readonly alive: number;
}

/** In what the two kinds of pool differ. Times in milliseconds. */
export interface PoolPolicy {
  readonly code: "OSC_THREAD_FAILED" | "OSC_CHILD_FAILED";
  /** What a worker is called in reports. */
  readonly noun: string;
  /** What a worker that does not start was to reach. */
  readonly goal: string;
  /** The most workers at any time, those that are ending included. */
  readonly max: number;
  /** So many of them can be at work at the same time: the processors that the pool's own thread leaves. */
  readonly processors: number;
  readonly packetsAtOnce: number;
  /** After so many packets a worker is ended. */
  readonly packetsInAll: number;
  /** How long a handler may take, and which option says so. */
  readonly packetTimeout: number;
  readonly packetTimeoutOption: string;
  readonly startTimeout: number;
  /** How long a worker that is not needed stays. */
  readonly idleTimeout: number;
  /** How long packets wait before another worker is started for them. */
  readonly patience: number;
  /** How many workers to start. */
  missing(state: PoolState): number;
  /** How many of the idle workers are not needed. */
  superfluous(state: PoolState): number;
}

/** Starts a worker. May throw. */
export type StartWorker = (events: PoolWorkerEvents) => PoolWorker;
