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
  /** Where it is bound. */
  readonly address: NetAddress;
  /** Sends a packet to that client. Failures are reported. */
  sendPacket(data: Uint8Array, to: NetAddress): void;
  /** Ends it; the port is free when this returns. What has begun in a pool gets `graceMs` to end. */
  close(graceMs: number): void;
  /** As {@link close}, without blocking. */
  closed(graceMs: number): Promise<void>;
}

/** The server that sockets are opened for. */
export interface IoOwner {
  readonly limits: Limits;
  /** Called with every error for the user. It never throws. */
  readonly onError: (error: OscError, client: NetAddress | undefined) => void;
  /** Called when a handler asks the server to end. */
  readonly onShutdown: () => void;
  /** Called with what becomes of the one packet that a pool was to handle. */
  readonly onServeOne: (status: ServeOneStatus) => void;
  /** Called when the first worker of a pool is ready, or with why it isn't. */
  readonly onWorkers: (failure: OscError | null, strategy: "fork" | "spawn" | null) => void;
  /** Called with the new value of a described method, as a worker of a pool has sent it. */
  readonly onValue: (record: RecordBody) => void;
  /** The server. */
  readonly verifier: Verifier;
  /** True when what serves is to end. */
  isStopping(): boolean;
}

/** Brings packets to a blocked thread, and handles them there. */
export interface BlockingIo extends ServerIo {
  /**
   * Waits for a packet and handles it. False if none came before the deadline, or the server is to stop.
   *
   * @param deadline as `performance.now()` counts; `Infinity` for none
   */
  serveOne(deadline: number): boolean;
  /** Waits until all that was handled has been counted and all replies have been sent. */
  complete(): void;
}

/** How packets are handled in a thread that blocks. */
export function blockingHandling(dispatcher: Dispatcher, owner: IoOwner): Handling {
  return {
    ...owner.limits,
    dispatcher,
    mode: "sync",
    verifier: owner.verifier,
    shutdown: owner.onShutdown,
  };
}
