import type { MessagePort } from "node:worker_threads";
import type { NetAddress } from "../../net-address.ts";
import type { PackedError } from "../pool/error-transfer.ts";
import type { Backend } from "../stats.ts";
import type { Limits } from "../options.ts";
import type { ChildPoolDescription, ThreadPoolDescription } from "../pool/pool-options.ts";
import type { TransportSpec } from "../transports.ts";

/** Where packets are handled. Plain data. */
export type ExecutorDescription = BlockingDescription | ThreadPoolDescription | ChildPoolDescription;

/** Packets are handled by the thread that started the I/O thread. */
export interface BlockingDescription {
  readonly kind: "blocking";
  /** Memory of the `CallerClaims`. */
  readonly claims: SharedArrayBuffer;
  /** Carries packets to the blocked thread, and replies and results back, as records. */
  readonly port: MessagePort;
}

/** The `workerData` of an I/O thread. */
export interface IoThreadInit {
  readonly spec: TransportSpec;
  /** Decided by the calling thread, because native sockets can't be tested in the I/O thread. */
  readonly backend: Backend;
  readonly limits: Limits;
  /** Whether bundles wait for their time. */
  readonly strictTiming: boolean;
  readonly executor: ExecutorDescription;
  /** Memory of the `Counters`, which the I/O thread writes and the calling thread reads. */
  readonly counters: SharedArrayBuffer;
  /** Memory of the `WakeSignal` of the calling thread. */
  readonly signal: SharedArrayBuffer;
  readonly port: MessagePort;
  /** `NODE_OPTIONS` of the program. They don't apply to the I/O thread itself, but to the workers that it starts. */
  readonly nodeOptions: string | null;
}

/** From the calling thread to its I/O thread. */
export type ToIoThread =
  /** Start dispatching packets to the pool. Not for blocking servers, where the caller takes packets itself. */
  | { readonly type: "serve" }
  /** Dispatch a single packet to the pool. Answered by `serve-one-status` when it is dispatched, and again when it ends. */
  | { readonly type: "serve-one" }
  /** Stop dispatching packets. Workers finish those they have. */
  | { readonly type: "pause" }
  /** The values have been processed: more may be sent. */
  | { readonly type: "values-taken" }
  /** Send a packet to a client. */
  | { readonly type: "send"; readonly data: Uint8Array; readonly to: NetAddress }
  /** Close the sockets and end. Running handlers get `graceMs` to finish. */
  | { readonly type: "close"; readonly graceMs: number };

/** Progress of `serve-one`: a packet was dispatched; it was handled or lost; or none arrived before `pause`. */
export type ServeOneStatus = "begun" | "ended" | "none";

/** From an I/O thread to the thread that started it. Each is followed by a wake. */
export type FromIoThread =
  | { readonly type: "opened"; readonly address: NetAddress }
  /** The address couldn't be used, or the executor couldn't be created. The I/O thread ends. */
  | { readonly type: "refused"; readonly error: PackedError }
  /** An error for `onError`. */
  | { readonly type: "error"; readonly error: PackedError; readonly client: NetAddress | null }
  /** A handler in a pool asked the server to shut down. */
  | { readonly type: "shutdown" }
  /** Progress of `serve-one`. */
  | { readonly type: "serve-one-status"; readonly status: ServeOneStatus }
  /** The first worker of the pool is ready, or has failed; then no other is started. */
  | { readonly type: "workers"; readonly failure: PackedError | null; readonly strategy: "fork" | "spawn" | null }
  /** New values of described methods from the pool. Answered by `values-taken`. */
  | { readonly type: "values"; readonly values: readonly Uint8Array[] }
  /** The port is free and the pool has ended. The I/O thread ends. */
  | { readonly type: "closed" }
  /** The I/O thread failed and ends. */
  | { readonly type: "failed"; readonly error: PackedError };
