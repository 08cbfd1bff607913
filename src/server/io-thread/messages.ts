import type { MessagePort } from "node:worker_threads";
import type { NetAddress } from "../../net-address.ts";
import type { PackedError } from "../pool/error-transfer.ts";
import type { Backend } from "../stats.ts";
import type { Limits } from "../options.ts";
import type { ChildPoolDescription, ThreadPoolDescription } from "../pool/pool-options.ts";
import type { TransportSpec } from "../transports.ts";

/** Where packets are handled, as plain data. */
export type ExecutorDescription = BlockingDescription | ThreadPoolDescription | ChildPoolDescription;

/** Packets are handled by the thread that made the I/O thread. */
export interface BlockingDescription {
  readonly kind: "blocking";
  /** The memory of the `CallerClaims`. */
  readonly claims: SharedArrayBuffer;
  /** Packets as records come to the blocked thread, replies and results go back. */
  readonly port: MessagePort;
}

/** What an I/O thread is started with: its `workerData`. */
export interface IoThreadInit {
  readonly spec: TransportSpec;
  /** What the sockets are built on. The calling thread has found out, because only it may. */
  readonly backend: Backend;
  readonly limits: Limits;
  /** Whether bundles wait for their time. */
  readonly strictTiming: boolean;
  readonly executor: ExecutorDescription;
  /** The memory of the `Counters`, which the I/O thread writes and the calling thread reads. */
  readonly counters: SharedArrayBuffer;
  /** The memory of the `WakeSignal` of the calling thread. */
  readonly signal: SharedArrayBuffer;
  readonly port: MessagePort;
  /** `NODE_OPTIONS` of the program. The I/O thread itself must not heed it; what it starts must. */
  readonly nodeOptions: string | null;
}

/** From the calling thread to its I/O thread. */
export type ToIoThread =
  /** Pass packets to the pool; until then they wait. Not for blocking servers, whose caller takes packets itself. */
  | { readonly type: "serve" }
  /** Hand one packet to the pool, the next that comes or waits. Answered by `one`, and again when that packet's end has come. */
  | { readonly type: "serve-one" }
  /** Let packets wait again. Those that were handed out go on. */
  | { readonly type: "pause" }
  /** The values have been taken over: others may come. */
  | { readonly type: "values-taken" }
  /** Send a packet to that client. */
  | { readonly type: "send"; readonly data: Uint8Array; readonly to: NetAddress }
  /** End everything; what has begun gets that long. */
  | { readonly type: "close"; readonly graceMs: number };

/** The one packet was handed to the pool; it has been handled, or lost; or none came before `pause`. */
export type ServeOneStatus = "begun" | "ended" | "none";

/** From an I/O thread to the thread that made it. A wake follows each. */
export type FromIoThread =
  | { readonly type: "opened"; readonly address: NetAddress }
  /** The address could not be used, or the executor not be made. The I/O thread ends. */
  | { readonly type: "refused"; readonly error: PackedError }
  /** For `onError`. */
  | { readonly type: "error"; readonly error: PackedError; readonly client: NetAddress | null }
  /** A handler in a pool asked the server to end. */
  | { readonly type: "shutdown" }
  /** What became of `serve-one`. */
  | { readonly type: "serve-one-status"; readonly status: ServeOneStatus }
  /** The first worker of the pool is ready; or it isn't, and none will be. */
  | { readonly type: "workers"; readonly failure: PackedError | null; readonly strategy: "fork" | "spawn" | null }
  /** Values that described methods got in the pool. Answered by `values-taken`. */
  | { readonly type: "values"; readonly values: readonly Uint8Array[] }
  /** The port is free and the pool has ended. The I/O thread ends. */
  | { readonly type: "closed" }
  /** The I/O thread failed and ends. */
  | { readonly type: "failed"; readonly error: PackedError };
