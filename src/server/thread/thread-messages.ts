/** What goes between a thread pool and its threads. */
import type { NetAddress } from "../../net-address.ts";
import type { PackedError } from "../crossing/error-transfer.ts";
import type { Program } from "../pool/program.ts";
import type { WorkerLimits } from "../pool/worker-service.ts";

/** What a thread of a pool is started with, under {@link THREAD_KEY} of its environment data. */
export interface ThreadInit {
  readonly program: Program;
  readonly limits: WorkerLimits;
  /** The memory of the `Doorbell` that wakes a thread that blocks. */
  readonly doorbell: SharedArrayBuffer;
  /** `NODE_OPTIONS` of the program, of which the thread was given a part only. */
  readonly nodeOptions: string;
}

/** Where a thread finds its {@link ThreadInit}, which it takes away at once: threads that handlers start are none of the pool. */
export const THREAD_KEY = "oscine:thread";

/** From the pool to a thread. The doorbell is rung after each. */
export type ToThread =
  | { readonly type: "packet"; readonly id: number; readonly data: Uint8Array; readonly client: NetAddress; readonly asOf: number }
  /** End when nothing is left to do. */
  | { readonly type: "end" };

/** From a thread to its pool. */
export type FromThread =
  | { readonly type: "ready"; readonly strictTiming: boolean }
  | { readonly type: "reply"; readonly id: number; readonly data: Uint8Array }
  | { readonly type: "report"; readonly id: number; readonly error: PackedError }
  | { readonly type: "settled"; readonly id: number; readonly outcome: PackedError | null }
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
