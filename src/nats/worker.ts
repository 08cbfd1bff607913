import { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import { AsyncServer } from "../server/async-server.ts";
import type { ModuleSpec } from "../server/transports.ts";
import { type HandlersModule, loadHandlers, moduleUrl } from "../server/pool/handlers-module.ts";
import { ForkingServer, type PooledServer, ThreadingServer } from "../server/pooled-server.ts";
import type { ServerStats } from "../server/stats.ts";
import { type ServeNatsOptions, type WorkerHandlers, type WorkerSettings, workerSettings } from "./options.ts";
import { NatsTransport } from "./nats-transport.ts";

/** A running worker. `await using` closes it. */
export interface NatsWorker extends AsyncDisposable {
  /** The NATS server that it is connected to. */
  readonly serverAddress: NetAddress;
  /** Resolves when it has stopped: by `close()`, the signal, or a handler that called `context.shutdown()`. */
  readonly closed: Promise<void>;
  /** Its counters. With `"at-least-once"`, each delivery of a packet counts. */
  stats(): ServerStats;
  /** Stops receiving packets, waits up to `closeTimeout` for running handlers, and disconnects. May be called twice. */
  close(): Promise<void>;
}

const TRANSPORT_MODULE = new URL("./nats-transport.js", import.meta.url);
/** The server's address until the transport is open. */
const NOWHERE: NetAddress = { address: "127.0.0.1", port: 4222, family: "IPv4" };

/**
 * Handles packets published by front ends (`NatsExecutor`), alongside any number of other workers on this and other machines.
 *
 * ```ts
 * const worker = await serveNats(dispatcher, { servers: "nats://127.0.0.1:4222" });
 * // … later …
 * await worker.close();
 * ```
 *
 * A worker is a server with NATS as its transport: limits, counters, `onError` and handlers work the same. `kind: "threading"` and `kind: "forking"`
 * have the same requirements (see `ThreadingOSCUDPServer`): with a dispatcher, each thread or process runs the program again up to this call; with a
 * handlers module it doesn't.
 *
 * @param handlers a dispatcher, or a module whose default export is one, as a `URL` or an absolute path
 * @throws (rejects) OscNatsError if NATS can't be reached, rejects this client, or lacks the stream for `"at-least-once"`; OscServerError
 * `OSC_OPTION` if an option has a bad value
 */
export async function serveNats(handlers: WorkerHandlers, options: ServeNatsOptions = {}): Promise<NatsWorker> {
  const settings = workerSettings(options);
  const worker =
    settings.kind === "async" ? await asyncWorker(handlers, settings, options) : await pooledWorker(handlers, settings, options);
  const { signal } = options;
  const abort = (): void => void worker.close();
  signal?.addEventListener("abort", abort, { once: true });
  void worker.closed.then(() => signal?.removeEventListener("abort", abort));
  if (signal?.aborted === true) abort();
  return worker;
}

async function asyncWorker(handlers: WorkerHandlers, settings: WorkerSettings, options: ServeNatsOptions): Promise<NatsWorker> {
  const { dispatcher, verifyRequest }: HandlersModule =
    handlers instanceof Dispatcher ? { dispatcher: handlers } : await loadHandlers(moduleUrl(handlers));
  const verify = options.verifyRequest ?? verifyRequest;
  class Worker extends AsyncServer {
    override verifyRequest(data: Uint8Array, clientAddress: NetAddress): boolean {
      return verify?.(data, clientAddress) ?? true;
    }
  }
  const { concurrency, partitions } = settings;
  const order = partitions === null ? "none" : "client";
  const spec = {
    transport: "custom",
    address: NOWHERE,
    create: (events) => new NatsTransport(settings, events),
  } as const satisfies ConstructorParameters<typeof AsyncServer>[0];
  const server = new Worker(spec, dispatcher, { ...options, order, concurrency });
  const [transport] = await server.createServeEndpoint();
  return {
    serverAddress: transport.localAddress,
    closed: transport.closed,
    stats: () => server.stats(),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

async function pooledWorker(handlers: WorkerHandlers, settings: WorkerSettings, options: ServeNatsOptions): Promise<NatsWorker> {
  const spec: ModuleSpec = { transport: "module", address: NOWHERE, url: TRANSPORT_MODULE.href, options: settings };
  let onClosed: (() => void) | null = null;
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  // A handler may also shut down the server, which then closes itself.
  const closing = async (close: () => Promise<void>): Promise<void> => {
    await close();
    onClosed?.();
  };
  const { threads, children, strictTiming = true } = options;
  const { kind, concurrency } = settings;
  class Threading extends ThreadingServer {
    override close(): Promise<void> {
      return closing(() => super.close());
    }
  }
  class Forking extends ForkingServer {
    override close(): Promise<void> {
      return closing(() => super.close());
    }
  }
  const server: PooledServer =
    kind === "threading"
      ? new Threading(spec, handlers, { ...options, strictTiming, ...threads, maxThreads: concurrency })
      : new Forking(spec, handlers, { ...options, strictTiming, ...children, maxChildren: concurrency });
  await server.start();
  return {
    serverAddress: server.serverAddress,
    closed,
    stats: () => server.stats(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
