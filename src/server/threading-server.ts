import type { HandlersSource } from "./pool/handlers-source.ts";
import { type ThreadPoolOptions, threadPoolDescription } from "./pool/pool-options.ts";
import { PooledServer, poolSetup } from "./pooled-server.ts";
import type { SyncServerOptions } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";

/** Options of the threading servers. */
export interface ThreadingServerOptions extends SyncServerOptions, ThreadPoolOptions {}

/**
 * A server that handles each packet in a worker thread; the named classes choose its transport.
 *
 * Each thread runs your program again, up to the constructor of the server. Pass a handlers module instead of a dispatcher if it must not.
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
    super(
      poolSetup(spec, source, options, (order) => threadPoolDescription(source, options, order)),
      options,
    );
  }
}
