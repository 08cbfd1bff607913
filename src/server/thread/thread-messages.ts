/** What goes between a thread pool and its threads, besides the records in their rings. */
import type { NetAddress } from "../../net-address.ts";
import type { PackedError } from "../crossing/error-transfer.ts";
import type { Program } from "../pool/program.ts";
import type { WorkerLimits } from "../pool/worker-service.ts";

/** What a thread of a pool is started with, under {@link THREAD_KEY} of its environment data. */
export interface ThreadInit {
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** How many packets it may handle side by side. */
  readonly packetsAtOnce: number;
  /** The memory of the ring in which packets come to it, and of the one in which it answers. */
  readonly packets: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  /** The memory of its `Progress`. */
  readonly progress: SharedArrayBuffer;
  /** The memory of the `WakeSignal` that wakes a thread that blocks. */
  readonly doorbell: SharedArrayBuffer;
  /** `NODE_OPTIONS` of the program, of which the thread was given a part only. */
  readonly nodeOptions: string;
}

/** Where a thread finds its {@link ThreadInit}, which it takes away at once: threads that handlers start are none of the pool. */
export const THREAD_KEY = "oscine:thread";

/** Bytes of a ring in which packets come to a thread: small enough to stay in the processor's cache. What needs more than a quarter of it goes by the port. */
export const PACKETS_CAPACITY: number = 128 * 1024;
/** Bytes of a ring in which a thread answers. */
export const ANSWERS_CAPACITY: number = 64 * 1024;

/** What a record needs beside the packet's bytes, at most: its head, and the address of a client. */
const BESIDE = 128;

/** Whether a packet is small enough for the ring. */
export function fitsRing(data: Uint8Array): boolean {
  return data.length <= PACKETS_CAPACITY / 4 - BESIDE;
}

/** A packet that is too large for the ring. */
export interface PacketMessage {
  readonly type: "packet";
  readonly id: number;
  readonly data: Uint8Array;
  readonly client: NetAddress;
  readonly asOf: number;
}

/** From the pool to a thread, by the port. The doorbell is rung for mail after each. */
export type ToThread =
  | PacketMessage
  /** End when nothing is left to do. */
  | { readonly type: "end" }
  /** There is something in the ring, and the flag that its reader sleeps was raised: for a thread that has an event loop. */
  | null;

/** From a thread to its pool, by the port. A record in the ring says when it is its turn. */
export type FromThread =
  | { readonly type: "ready"; readonly strictTiming: boolean; readonly systemId: number | null }
  /** A reply that is too large for the ring. */
  | { readonly type: "reply"; readonly id: number; readonly data: Uint8Array }
  /** An error that is too large for the ring. */
  | { readonly type: "report"; readonly id: number; readonly error: PackedError }
  | { readonly type: "shutdown" }
  /** The handlers module is none. The thread ends. */
  | { readonly type: "unusable"; readonly reason: string };

/**
 * Bytes as they are best put into a message: it carries the whole memory that lies behind an array, so what is a part of a larger one is
 * copied; and a `Buffer` costs several times as much as a plain array.
 */
export function exactly(bytes: Uint8Array): Uint8Array {
  const whole = bytes.byteLength === bytes.buffer.byteLength && bytes.constructor === Uint8Array;
  return whole ? bytes : new Uint8Array(bytes);
}
