import type { Dispatcher } from "../../dispatch/index.ts";
import type { OscError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import type { Handling, Verifier } from "../handle.ts";
import type { Backend, Counters } from "../stats.ts";
import type { ServeOneStatus } from "./messages.ts";
import type { Limits } from "../options.ts";
import type { RecordBody } from "../pool/records.ts";

/** Owns the sockets of a server whose thread may block. */
export interface ServerIo {
  readonly backend: Backend;
  readonly counters: Counters;
  /** The bound address. */
  readonly address: NetAddress;
  /** Sends a packet to a client. Failures are reported. */
  sendPacket(data: Uint8Array, to: NetAddress): void;
  /** Closes the sockets, blocking; the port is free when this returns. Handlers running in a pool get `graceMs` to finish. */
  close(graceMs: number): void;
  /** Like {@link close}, without blocking. */
  closed(graceMs: number): Promise<void>;
}

/** The server that owns the sockets. */
export interface IoOwner {
  readonly limits: Limits;
  /** Called with every error to report. Never throws. */
  readonly onError: (error: OscError, client: NetAddress | undefined) => void;
  /** Called when a handler asks the server to shut down. */
  readonly onShutdown: () => void;
  /** Called with the progress of a pool's `serveOne`. */
  readonly onServeOne: (status: ServeOneStatus) => void;
  /** Called when the first worker of a pool is ready, or with the error if it failed. */
  readonly onWorkers: (failure: OscError | null, strategy: "fork" | "spawn" | null) => void;
  /** Called with a worker's record when a described method gets a new value. */
  readonly onValue: (record: RecordBody) => void;
  /** The server. */
  readonly verifier: Verifier;
  /** True once serving should end. */
  isStopping(): boolean;
}

/** I/O of a blocking server: delivers packets to the blocked thread, which handles them. */
export interface BlockingIo extends ServerIo {
  /**
   * Waits for a packet and handles it. Returns false if none arrived before the deadline, or the server is stopping.
   *
   * @param deadline in terms of `performance.now()`; `Infinity` for none
   */
  serveOne(deadline: number): boolean;
  /** Waits until all handled packets have been counted and their replies sent. */
  complete(): void;
}

/** How packets are handled in a blocked thread. */
export function blockingHandling(dispatcher: Dispatcher, owner: IoOwner): Handling {
  return {
    ...owner.limits,
    dispatcher,
    mode: "sync",
    verifier: owner.verifier,
    shutdown: owner.onShutdown,
  };
}
