import type { HandlersSource } from "./pool/handlers-source.ts";
import { type ChildPoolOptions, childPoolDescription } from "./pool/pool-options.ts";
import { PooledServer, poolSetup } from "./pooled-server.ts";
import type { SyncServerOptions } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";

/** Options of the forking servers. */
export interface ForkingServerOptions extends SyncServerOptions, ChildPoolOptions {}

/**
 * A server that handles each packet in a child process; the named classes choose its transport.
 *
 * A process runs your program again, up to the constructor of the server: once if processes can be forked, otherwise once for each
 * process. Pass a handlers module instead of a dispatcher if it must not.
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
    super(
      poolSetup(spec, source, options, (order) => childPoolDescription(source, options, order)),
      options,
    );
  }
}
