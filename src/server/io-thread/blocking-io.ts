import type { Dispatcher } from "../../dispatch/index.ts";
import type { Handling } from "../handle.ts";
import type { IoOwner, ServerIo } from "./server-io.ts";

/** What brings packets to a thread that blocks, and handles them there. */
export interface BlockingIo extends ServerIo {
  /**
   * Waits for a packet and handles it. False where none came before the deadline, or the server is to stop.
   *
   * @param deadline as `performance.now()` counts; `Infinity` for none
   */
  serveOne(deadline: number): boolean;
  /** Sees to it that all that was handled has been counted, and replies sent. */
  complete(): void;
}

/** How packets are handled in a thread that blocks. */
export function blockingHandling(dispatcher: Dispatcher, owner: IoOwner): Handling {
  return {
    ...owner.limits,
    dispatcher,
    mode: "sync",
    verify: (data, client) => owner.verify(data, client),
    shutdown: () => owner.onShutdown(),
  };
}
