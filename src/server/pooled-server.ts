import { SyncServer } from "./sync-server.ts";

/** A server that hands packets to a pool of threads or processes. The thread that made it may block, or go on. */
export abstract class PooledServer extends SyncServer {
  #started = false;
  #closed: Promise<void> | null = null;

  /** @inheritDoc */
  override serveForever(): void {
    this.occupy("serveForever", () => this.#wait(), undefined);
  }

  /**
   * Serves without blocking, until `shutdown()` or `close()`; the process stays alive until then.
   *
   * @throws OscServerError as {@link serveForever}
   */
  // oxlint-disable-next-line typescript/require-await -- what it throws is to be a rejection
  async start(): Promise<void> {
    if (this.isInert) return;
    this.enter("start");
    this.#started = true;
    this.io.ref();
    this.io.send({ type: "serve" });
  }

  /** Ends serving. A server that was started is closed by this; `serveForever()` returns and may be called again. */
  override shutdown(): void {
    if (this.#started) void this.close();
    else super.shutdown();
  }

  /**
   * Ends the server. One that was started goes on until handlers that have begun have ended, at most `closeTimeout`, and the promise
   * resolves when the port is free. Otherwise the port is free when this returns. May be called twice.
   */
  override close(): Promise<void> {
    if (!this.#started) {
      this.closeBlocking();
      return Promise.resolve();
    }
    return (this.#closed ??= this.closeWithoutBlocking());
  }

  /** `await using server = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Lets the pool have packets, and sleeps until serving is to end. */
  #wait(): void {
    this.io.send({ type: "serve" });
    try {
      while (!this.stopping) {
        const { rings } = this.io;
        this.io.readMail();
        if (!this.stopping) this.io.sleep(rings, Infinity);
      }
    } finally {
      this.io.send({ type: "pause" });
    }
  }
}
