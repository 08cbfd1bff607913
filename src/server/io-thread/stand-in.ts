import { compiledFile } from "../../package-files.ts";
import { startOwnThread, threadFailed } from "./own-thread.ts";
import { StandInMemory } from "./stand-in-memory.ts";

/** What a stand-in is started with: its `workerData`. */
export interface StandInInit {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
}

/**
 * A thread that receives while the thread that serves is busy with a handler, so that the system's buffer, which may hold no more than a few
 * hundred packets, does not overflow. While handlers are quick it does nothing.
 */
export class StandIn {
  readonly memory: StandInMemory;

  /**
   * @param fd the socket
   * @param onFailure called, in the event loop, where the thread ends by itself
   * @throws OscServerError `OSC_THREAD_FAILED` where its file is missing, or it does not start
   */
  constructor(fd: number, onFailure: (error: unknown) => void) {
    const memory = new SharedArrayBuffer(StandInMemory.byteLength);
    this.memory = new StandInMemory(memory);
    this.memory.leave();
    const worker = startOwnThread(
      compiledFile("server/io-thread/stand-in-entry.js"),
      { fd, memory } satisfies StandInInit,
      [],
      "oscine stand-in",
    );
    worker.on("error", onFailure);
    worker.unref();
    // The process would be aborted if it ended while a thread loads koffi.
    if (!this.memory.awaitReady()) throw threadFailed("its stand-in did not start");
  }

  /** Ends it. It receives nothing after this. */
  stop(): void {
    this.memory.stop();
  }
}
