import { setImmediate as turnOfEventLoop } from "node:timers/promises";
import {
  AsyncOSCTCPServer,
  AsyncOSCUDPServer,
  BlockingOSCTCPServer,
  BlockingOSCUDPServer,
  type ErrorListener,
  ForkingOSCTCPServer,
  ForkingOSCUDPServer,
  type PooledServer,
  type ServerStats,
  type SyncServer,
  ThreadingOSCTCPServer,
  ThreadingOSCUDPServer,
} from "../server/index.ts";
import { listeningPlace } from "./endpoint.ts";
import type { Handlers } from "./handlers-module.ts";
import type { OscUrl } from "./url.ts";

/** What `serve` needs of a server, whatever kind it is. */
interface RunnableServer {
  /** Where it listens, once it is bound. */
  readonly serverAddress: { readonly address: string; readonly port: number };
  bind(): Promise<unknown>;
  /** Resolves when a handler, or `close()`, has ended the server. */
  serve(): Promise<void>;
  close(): Promise<void>;
  stats(): ServerStats;
}

export type ServerMaker = (url: OscUrl, handlers: Handlers, onError: ErrorListener) => RunnableServer;

/** Every kind of server that can be asked for. */
export const KINDS: ReadonlyMap<string, ServerMaker> = new Map([
  ["async", makeAsyncServer],
  ["blocking", makeBlockingServer],
  ["threading", makePooledServer({ udp: ThreadingOSCUDPServer, tcp: ThreadingOSCTCPServer })],
  ["forking", makePooledServer({ udp: ForkingOSCUDPServer, tcp: ForkingOSCTCPServer })],
]);

/** How long the blocking server blocks at most where nothing arrives: while it does, Node cannot tell of Ctrl-C. */
const BLOCKED_AT_MOST_MS = 100;

function makeAsyncServer(url: OscUrl, { dispatcher }: Handlers, onError: ErrorListener): RunnableServer {
  const { host, port, options } = listeningPlace(url);
  const AsyncOSCServer = url.transport === "udp" ? AsyncOSCUDPServer : AsyncOSCTCPServer;
  const server = new AsyncOSCServer([host, port], dispatcher, { ...options, onError });
  let closed: Promise<void> = Promise.resolve();
  return {
    get serverAddress() {
      return server.serverAddress;
    },
    bind: async () => {
      const [transport] = await server.createServeEndpoint();
      closed = transport.closed;
    },
    serve: () => closed,
    close: () => server.close(),
    stats: () => server.stats(),
  };
}

function makeBlockingServer(url: OscUrl, { dispatcher }: Handlers, onError: ErrorListener): RunnableServer {
  const { host, port, options } = listeningPlace(url);
  const BlockingOSCServer = url.transport === "udp" ? BlockingOSCUDPServer : BlockingOSCTCPServer;
  // The listeners stay, since they run between two packets.
  const server = new BlockingOSCServer([host, port], dispatcher, {
    ...options,
    onError,
    timeout: BLOCKED_AT_MOST_MS,
    keepSignalListeners: true,
  });
  const shutdown = new Shutdown(server);
  return {
    serverAddress: server.serverAddress,
    bind: () => Promise.resolve(),
    serve: async () => {
      while (!shutdown.wasCalled) {
        server.handleRequest();
        await turnOfEventLoop();
      }
    },
    close: () => {
      server.shutdown();
      server.close();
      return Promise.resolve();
    },
    stats: () => server.stats(),
  };
}

type PooledServerClass = new (
  address: readonly [host: string, port: number],
  handlers: URL,
  options: { readonly onError: ErrorListener; readonly strictTiming: boolean },
) => PooledServer;

/** A maker of servers that run the handlers module in their threads or processes. */
function makePooledServer(classes: Readonly<Record<OscUrl["transport"], PooledServerClass>>): ServerMaker {
  return (url, { module, dispatcher }, onError) => {
    const PooledOSCServer = classes[url.transport];
    const { host, port, options } = listeningPlace(url);
    const server = new PooledOSCServer([host, port], module, { ...options, onError, strictTiming: dispatcher.strictTiming });
    const shutdown = new Shutdown(server);
    return {
      serverAddress: server.serverAddress,
      bind: () => Promise.resolve(),
      serve: async () => {
        await server.start();
        await shutdown.called;
      },
      close: () => server.close(),
      stats: () => server.stats(),
    };
  };
}

/** Whether, and when, a server is told to end. */
class Shutdown {
  wasCalled = false;
  readonly called: Promise<void>;

  constructor(server: SyncServer) {
    this.called = new Promise((resolve) => {
      const shutdown = server.shutdown.bind(server);
      server.shutdown = () => {
        this.wasCalled = true;
        shutdown();
        resolve();
      };
    });
  }
}
