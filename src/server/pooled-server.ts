import { Dispatcher } from "../dispatch/index.ts";
import type { OscError } from "../errors.ts";
import type { Namespace } from "../namespace/index.ts";
import { IoThread } from "./io-thread/io-thread.ts";
import type { ExecutorDescription, ServeOneStatus } from "./io-thread/messages.ts";
import type { PacketOrder } from "./fair-queue.ts";
import { type HandlersSource, namespaceOf, strictTimingOf } from "./pool/handlers-source.ts";
import { type ChildPoolOptions, type ThreadPoolOptions, childPoolDescription, threadPoolDescription } from "./pool/pool-options.ts";
import { readValue } from "./pool/records.ts";
import { freezeForPool, serveAsWorker } from "./pool/worker-loop.ts";
import type { ServerStats } from "./stats.ts";
import { SyncServer, type SyncServerOptions, type SyncServerSetup } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";

type PoolOptions = SyncServerOptions & { readonly strictTiming?: boolean; readonly namespace?: Namespace };

/**
 * The setup of a server with a pool. In the main program it opens an I/O thread with the pool; in a worker it runs the worker's loop.
 *
 * @param describe returns the pool's description; takes the default order for the transport
 */
function poolSetup(
  spec: TransportSpec,
  source: HandlersSource,
  options: PoolOptions,
  describe: (order: PacketOrder) => ExecutorDescription,
): SyncServerSetup<IoThread> {
  const setup: SyncServerSetup<IoThread> = {
    spec,
    open: (owner) => {
      const executor = describe(spec.transport === "tcp" ? "connection" : "none");
      if (source instanceof Dispatcher) freezeForPool(source);
      return new IoThread({ ...owner, spec, strictTiming: strictTimingOf(source, options), executor, transfer: [] });
    },
  };
  if (!(source instanceof Dispatcher)) return setup;
  return { ...setup, becomeWorker: (worker, server) => serveAsWorker(worker, server, source) };
}

/**
 * A server that handles packets in a pool of threads or processes. The calling thread may block or continue.
 *
 * @example
 * await using server: PooledServer = new ThreadingOSCUDPServer(["127.0.0.1", 9000], new URL("./handlers.js", import.meta.url));
 * await server.start(); // doesn't block; serveForever() would
 */
export abstract class PooledServer extends SyncServer<IoThread> {
  #started = false;
  #closed: Promise<void> | null = null;
  /** Progress of the packet that `handleRequest()` waits for. */
  #serveOneStatus: ServeOneStatus | null = null;
  /** Whether the first worker is ready, or why it failed. */
  #workers: "starting" | "ready" | OscError = "starting";
  #strategy: ServerStats["strategy"] = null;
  #onWorkers: () => void = () => undefined;
  readonly #namespace: Namespace | null;

  /** @internal */
  protected constructor(
    spec: TransportSpec,
    source: HandlersSource,
    options: PoolOptions,
    describe: (order: PacketOrder) => ExecutorDescription,
  ) {
    super(poolSetup(spec, source, options, describe), options);
    this.#namespace = namespaceOf(source, options);
  }

  /** @inheritDoc */
  override serveForever(): void {
    this.runExclusive("serveForever", () => this.#wait(), undefined);
  }

  /** @inheritDoc */
  override handleRequest(): boolean {
    return this.runExclusive("handleRequest", () => this.#waitForOne(), false);
  }

  /**
   * Serves without blocking, until `shutdown()` or `close()`; the process stays alive until then. Resolves when the first worker is ready.
   *
   * @throws OscServerError like {@link serveForever}; `OSC_THREAD_FAILED` or `OSC_CHILD_FAILED` if the first worker can't be started
   */
  async start(): Promise<void> {
    if (this.isInert) return;
    this.enter("start");
    this.#started = true;
    this.io.ref();
    this.io.send({ type: "serve" });
    if (this.#workers === "starting" && this.io.failure === null) {
      await new Promise<void>((resolve) => {
        this.#onWorkers = resolve;
      });
    }
    if (typeof this.#workers === "string") return;
    this.io.unref();
    this.#started = false;
    this.leave();
    throw this.#workers;
  }

  /** Stops serving. After `start()` this closes the server; `serveForever()` returns and may be called again. */
  override shutdown(): void {
    if (this.#started) void this.close();
    else super.shutdown();
  }

  /**
   * Closes the server. After `start()`, running handlers get `closeTimeout` to finish, and the promise resolves when the port is free.
   * Otherwise the port is free when this returns. May be called twice.
   */
  override close(): Promise<void> {
    if (!this.#started) {
      this.closeBlocking();
      return Promise.resolve();
    }
    this.#onWorkers();
    return (this.#closed ??= this.closeWithoutBlocking());
  }

  /** `await using server = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Lets the pool dispatch packets, and blocks until serving should end. */
  #wait(): void {
    this.io.send({ type: "serve" });
    try {
      while (!this.stopping) {
        const { sequence } = this.io;
        this.io.readMessages();
        if (typeof this.#workers !== "string") throw this.#workers;
        if (!this.stopping) this.io.sleep(sequence, Infinity);
      }
    } finally {
      this.io.send({ type: "pause" });
    }
  }

  /** @inheritDoc */
  override stats(): ServerStats {
    return { ...super.stats(), strategy: this.#strategy };
  }

  protected override onWorkers(failure: OscError | null, strategy: ServerStats["strategy"]): void {
    this.#workers = failure ?? "ready";
    this.#strategy = strategy;
    this.#onWorkers();
  }

  protected override onValue(record: Uint8Array): void {
    const { message, time, source } = readValue(record);
    this.#namespace?.adopt(message.address, message, time, source);
  }

  protected override onServeOne(status: ServeOneStatus): void {
    this.#serveOneStatus = status;
  }

  /** Lets the pool dispatch one packet, and blocks until it has ended. Returns false if none arrived in time. */
  #waitForOne(): boolean {
    const deadline = performance.now() + this.timeout;
    this.#serveOneStatus = null;
    let paused = false;
    this.io.send({ type: "serve-one" });
    for (;;) {
      const { sequence } = this.io;
      this.io.readMessages();
      if (typeof this.#workers !== "string") throw this.#workers;
      if (this.#serveOneStatus === "ended" || this.#serveOneStatus === "none") break;
      const left = deadline - performance.now();
      // A packet may be dispatched just before the pool pauses: its answer tells.
      if (!paused && this.#serveOneStatus === null && (left <= 0 || this.stopping)) {
        this.io.send({ type: "pause" });
        paused = true;
      }
      this.io.sleep(sequence, paused || this.#serveOneStatus === "begun" ? Infinity : left);
    }
    if (this.#serveOneStatus === "ended") return true;
    if (!this.stopping) this.handleTimeout();
    return false;
  }
}

/** Options of the threading servers. */
export interface ThreadingServerOptions extends SyncServerOptions, ThreadPoolOptions {}

/**
 * A server that handles each packet in a worker thread; the named classes choose its transport.
 *
 * Each thread runs your program again, up to the server's constructor. To avoid that, pass a handlers module instead of a dispatcher.
 *
 * @example
 * const server: ThreadingServer = new ThreadingOSCUDPServer(["127.0.0.1", 9000], dispatcher, { maxThreads: 8 });
 * await server.start();
 */
export class ThreadingServer extends PooledServer {
  /**
   * For the named classes, which make the transport's description.
   *
   * @internal
   */
  constructor(spec: TransportSpec, source: HandlersSource, options: ThreadingServerOptions) {
    super(spec, source, options, (order) => threadPoolDescription(source, options, order));
  }
}

/** Options of the forking servers. */
export interface ForkingServerOptions extends SyncServerOptions, ChildPoolOptions {}

/**
 * A server that handles each packet in a child process; the named classes choose its transport.
 *
 * Your program runs again, up to the server's constructor: once if processes can be forked, otherwise once in each process. To avoid
 * that, pass a handlers module instead of a dispatcher.
 *
 * @example
 * const server: ForkingServer = new ForkingOSCUDPServer(["127.0.0.1", 9000], dispatcher, { maxChildren: 8 });
 * await server.start();
 */
export class ForkingServer extends PooledServer {
  /**
   * For the named classes, which make the transport's description.
   *
   * @internal
   */
  constructor(spec: TransportSpec, source: HandlersSource, options: ForkingServerOptions) {
    super(spec, source, options, (order) => childPoolDescription(source, options, order));
  }
}
