import type { IoThread } from "./io-thread/io-thread.ts";
import type { OneChange } from "./io-thread/messages.ts";
import { SyncServer } from "./sync-server.ts";

/**
 * A server that hands packets to a pool of threads or processes. The thread that made it may block, or go on.
 *
 * @example
 * await using server: PooledServer = new ThreadingOSCUDPServer(["127.0.0.1", 9000], new URL("./handlers.js", import.meta.url));
 * await server.start(); // goes on; serveForever() would block
 */
export abstract class PooledServer extends SyncServer<IoThread> {
  #started = false;
  #closed: Promise<void> | null = null;
  /** What became of the one packet that was asked for. */
  #one: OneChange | null = null;

  /** @inheritDoc */
  override serveForever(): void {
    this.occupy("serveForever", () => this.#wait(), undefined);
  }

  /** @inheritDoc */
  override handleRequest(): boolean {
    return this.occupy("handleRequest", () => this.#waitForOne(), false);
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

  protected override onOne(change: OneChange): void {
    this.#one = change;
  }

  /** Lets the pool have one packet, and sleeps until that has been handled. False where none came in time. */
  #waitForOne(): boolean {
    const deadline = performance.now() + this.timeout;
    this.#one = null;
    let paused = false;
    this.io.send({ type: "serve-one" });
    for (;;) {
      const { rings } = this.io;
      this.io.readMail();
      if (this.#one === "ended" || this.#one === "none") break;
      const left = deadline - performance.now();
      // Whether the packet was let through just before is then told by the answer.
      if (!paused && this.#one === null && (left <= 0 || this.stopping)) {
        this.io.send({ type: "pause" });
        paused = true;
      }
      this.io.sleep(rings, paused || this.#one === "begun" ? Infinity : left);
    }
    if (this.#one === "ended") return true;
    if (!this.stopping) this.handleTimeout();
    return false;
  }
}
