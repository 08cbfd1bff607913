import { Dispatcher } from "../dispatch/index.ts";
import { IoThread } from "./io-thread/io-thread.ts";
import type { ExecutorDescription } from "./io-thread/messages.ts";
import { type ServerOptions, limitsOf } from "./options.ts";
import { type HandlersSource, strictTimingOf } from "./pool/program.ts";
import type { IoOwner } from "./io-thread/server-io.ts";
import type { SyncServerSetup } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";
import { freezeForPool, serviceOfServer, workerLimits } from "./pool/worker-service.ts";

/** What threading and forking servers have in common when they are made. */
export interface PoolSetup {
  readonly spec: TransportSpec;
  readonly source: HandlersSource;
  readonly options: ServerOptions & { readonly strictTiming?: boolean };
  readonly describe: () => ExecutorDescription;
}

/** How a server with a pool is made: in the program it binds and has a pool; in a worker it becomes the worker's loop. */
export function poolSetup({ spec, source, options, describe }: PoolSetup): SyncServerSetup<IoThread> {
  const open = (owner: IoOwner): IoThread => {
    const executor = describe();
    if (source instanceof Dispatcher) freezeForPool(source);
    return new IoThread({ ...owner, spec, strictTiming: strictTimingOf(source, options), executor, transfer: [] });
  };
  if (!(source instanceof Dispatcher)) return { spec, open };
  return {
    spec,
    open,
    becomeWorker: (worker, server) => worker.serve(serviceOfServer(server, source, workerLimits(limitsOf(options)), worker)),
  };
}
