import { poolSetup } from "./pool-setup.ts";
import { PooledServer } from "./pooled-server.ts";
import type { HandlersSource } from "./pool/program.ts";
import type { SyncServerOptions } from "./sync-server.ts";
import { type ThreadPoolOptions, threadPoolDescription } from "./thread/thread-pool-options.ts";
import type { TransportSpec } from "./transports.ts";

/** Options of the threading servers. */
export interface ThreadingServerOptions extends SyncServerOptions, ThreadPoolOptions {}

/**
 * A server that handles each packet in a worker thread; the named classes choose its transport.
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
    super(poolSetup({ spec, source, options, describe: () => threadPoolDescription(source, options) }), options);
  }
}
