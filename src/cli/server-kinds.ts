import { setImmediate as turnOfEventLoop } from "node:timers/promises";
import type { Dispatcher } from "../dispatch/index.ts";
import {
  AsyncOSCTCPServer,
  AsyncOSCUDPServer,
  AsyncOSCWebSocketServer,
  type AsyncServer,
  type AsyncServerOptions,
  BlockingOSCTCPServer,
  BlockingOSCUDPServer,
  type BlockingServer,
  type BlockingServerOptions,
  type ErrorListener,
  type ExecutorFactory,
  ForkingOSCTCPServer,
  ForkingOSCUDPServer,
  type HandlersSource,
  type PooledServer,
  type ServerStats,
  type StreamAddress,
  type SyncServer,
  ThreadingOSCTCPServer,
  ThreadingOSCUDPServer,
} from "../server/index.ts";
import type { NetAddress } from "../net-address.ts";
import { listeningPlace } from "../server/listening-place.ts";
import { UsageError } from "../text/usage-error.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import type { Handlers } from "./handlers-module.ts";

/** What `serve` needs of a server, whatever kind it is. */
export interface RunnableServer {
  /** Where it listens, once it is bound. */
  readonly serverAddress: NetAddress;
  bind(): Promise<unknown>;
  /** Resolves when a handler, or `close()`, has ended the server. */
  serve(): Promise<void>;
  close(): Promise<void>;
  stats(): ServerStats;
}

export type ServerMaker = (url: OscUrl, handlers: Handlers, onError: ErrorListener) => RunnableServer;

type AsyncExtras = Pick<AsyncServerOptions, "executor">;

/** Every kind of server that can be asked for. */
export const KINDS: ReadonlyMap<string, ServerMaker> = new Map([
  ["async", (url, handlers, onError) => makeAsyncServer(url, handlers, onError)],
  ["blocking", makeBlockingServer],
  ["threading", makePooledServer("threading", { udp: ThreadingOSCUDPServer, tcp: ThreadingOSCTCPServer })],
  ["forking", makePooledServer("forking", { udp: ForkingOSCUDPServer, tcp: ForkingOSCTCPServer })],
]);

/** How long the blocking server blocks at most where nothing arrives: while it does, Node cannot tell of Ctrl-C. */
const BLOCKED_AT_MOST_MS = 100;

/** A maker of servers that give their packets to an executor, in place of handlers. */
export function makeFrontEnd(executor: ExecutorFactory): ServerMaker {
  return (url, handlers, onError) => makeAsyncServer(url, handlers, onError, { executor });
}

function makeAsyncServer(url: OscUrl, { dispatcher }: Handlers, onError: ErrorListener, extras: AsyncExtras = {}): RunnableServer {
  const server = newAsyncServer(url, dispatcher, { ...extras, onError });
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

function newAsyncServer(url: OscUrl, dispatcher: Dispatcher, extras: AsyncServerOptions): AsyncServer {
  const { address, socket, ...place } = listeningPlace(url);
  const options = { ...place.options, ...extras };
  switch (url.transport) {
    case "udp":
      return new AsyncOSCUDPServer(address, dispatcher, options);
    case "tcp":
    case "unix":
      return new AsyncOSCTCPServer(socket ?? address, dispatcher, options);
    case "websocket":
      return new AsyncOSCWebSocketServer(address, dispatcher, options);
  }
}

function makeBlockingServer(url: OscUrl, { dispatcher }: Handlers, onError: ErrorListener): RunnableServer {
  const { address, socket, options } = listeningPlace(withoutWebSocket(url, "blocking"));
  // The listeners stay, since they run between two packets.
  const blocking: BlockingServerOptions = { ...options, onError, timeout: BLOCKED_AT_MOST_MS, keepSignalListeners: true };
  const server: BlockingServer =
    url.transport === "udp"
      ? new BlockingOSCUDPServer(address, dispatcher, blocking)
      : new BlockingOSCTCPServer(socket ?? address, dispatcher, blocking);
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

type PooledServerClass<Address> = new (
  address: Address,
  handlers: HandlersSource,
  options: { readonly onError: ErrorListener; readonly strictTiming: boolean },
) => PooledServer;

interface PooledServerClasses {
  readonly udp: PooledServerClass<readonly [host: string, port: number]>;
  readonly tcp: PooledServerClass<StreamAddress>;
}

/** A maker of servers that run the handlers module in their threads or processes. */
function makePooledServer(kind: string, { udp: UdpServer, tcp: StreamServer }: PooledServerClasses): ServerMaker {
  return (url, { module, dispatcher }, onError) => {
    const { address, socket, options } = listeningPlace(withoutWebSocket(url, kind));
    const all = { ...options, onError, strictTiming: dispatcher.strictTiming };
    const server = url.transport === "udp" ? new UdpServer(address, module, all) : new StreamServer(socket ?? address, module, all);
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

function withoutWebSocket(url: OscUrl, kind: string): OscUrl {
  if (url.transport !== "websocket") return url;
  throw new UsageError(
    `${formatOscUrl(url)} goes with --kind async, for a WebSocket needs the event loop. For --kind ${kind} put "oscine bridge" before osc.udp:// or osc.tcp://.`,
  );
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
