import { type ChildPoolOptions, childPoolDescription } from "./child/child-pool-options.ts";
import { poolSetup } from "./pool-setup.ts";
import { PooledServer } from "./pooled-server.ts";
import type { HandlersSource } from "./pool/program.ts";
import type { SyncServerOptions } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";

/** Options of the forking servers. */
export interface ForkingServerOptions extends SyncServerOptions, ChildPoolOptions {}

/**
 * A server that handles each packet in a child process; the named classes choose its transport.
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
    super(poolSetup({ spec, source, options, describe: () => childPoolDescription(source, options) }), options);
  }
}
