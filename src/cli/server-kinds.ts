import { setImmediate as nextTurn } from "node:timers/promises";
import type { Dispatcher } from "../dispatch/index.ts";
import {
  AsyncOSCStreamServer,
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
import { serialSource } from "../client/node-stream-client.ts";
import { listenOptions, serialOptions } from "../server/listen-options.ts";
import { UsageError } from "../text/usage-error.ts";
import type { OscUrl } from "../url/osc-url.ts";
import { shownUrl } from "./endpoint.ts";
import type { Handlers } from "./handlers-module.ts";

/** The common interface of all servers, as needed by `serve`. */
export interface RunnableServer {
  /** Its bound address. */
  readonly serverAddress: NetAddress;
  bind(): Promise<unknown>;
  /** Resolves when a handler or `close()` stops the server. */
  serve(): Promise<void>;
  close(): Promise<void>;
  stats(): ServerStats;
}

/** The parts needed to create a server. */
interface ServerParts {
  readonly url: OscUrl;
  readonly handlers: Handlers;
  /** Pages that may connect to `ws://` besides those of this machine. */
  readonly origins: readonly string[];
  readonly onError: ErrorListener;
}

export type ServerMaker = (parts: ServerParts) => RunnableServer;

/** The values of `--kind`. */
export const KINDS = ["async", "blocking", "threading", "forking"] as const;

/** Makes servers of each kind. */
export const MAKERS: Readonly<Record<(typeof KINDS)[number], ServerMaker>> = {
  async: (parts) => makeAsyncServer(parts),
  blocking: makeBlockingServer,
  threading: makePooledServer("threading", { udp: ThreadingOSCUDPServer, tcp: ThreadingOSCTCPServer }),
  forking: makePooledServer("forking", { udp: ForkingOSCUDPServer, tcp: ForkingOSCTCPServer }),
};

/** Maximum blocking time of the idle blocking server: Node can't report Ctrl-C meanwhile. */
const BLOCKED_AT_MOST_MS = 100;

/** Creates servers that pass packets to an executor instead of handlers. */
export function makeFrontEnd(executor: ExecutorFactory): ServerMaker {
  return (parts) => makeAsyncServer(parts, { executor });
}

function makeAsyncServer(parts: ServerParts, extras: Pick<AsyncServerOptions, "executor"> = {}): RunnableServer {
  const { url, handlers, onError, origins } = parts;
  const server = newAsyncServer(url, handlers.dispatcher, { ...extras, onError }, origins);
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

function newAsyncServer(url: OscUrl, dispatcher: Dispatcher, extras: AsyncServerOptions, origins: readonly string[]): AsyncServer {
  if (url.transport === "serial") return new AsyncOSCStreamServer(serialSource(url), dispatcher, { ...serialOptions(url), ...extras });
  const { address, socket, ...place } = listenOptions(url);
  const options = { ...place.options, ...extras };
  switch (url.transport) {
    case "udp":
      return new AsyncOSCUDPServer(address, dispatcher, options);
    case "tcp":
    case "unix":
      return new AsyncOSCTCPServer(socket ?? address, dispatcher, options);
    case "websocket":
      return new AsyncOSCWebSocketServer(address, dispatcher, { ...options, origins });
  }
}

function makeBlockingServer({ url, handlers, onError }: ServerParts): RunnableServer {
  const { address, socket, options } = listenOptions(withSockets(url, "blocking"));
  // Signal listeners work here, because they run between packets.
  const blocking: BlockingServerOptions = { ...options, onError, timeout: BLOCKED_AT_MOST_MS, keepSignalListeners: true };
  const server: BlockingServer =
    url.transport === "udp"
      ? new BlockingOSCUDPServer(address, handlers.dispatcher, blocking)
      : new BlockingOSCTCPServer(socket ?? address, handlers.dispatcher, blocking);
  const shutdown = new Shutdown(server);
  return {
    serverAddress: server.serverAddress,
    bind: () => Promise.resolve(),
    serve: async () => {
      while (!shutdown.wasCalled) {
        server.handleRequest();
        await nextTurn();
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

/** Creates servers that run the handlers module in threads or processes. */
function makePooledServer(kind: string, { udp: UdpServer, tcp: StreamServer }: PooledServerClasses): ServerMaker {
  return ({ url, handlers: { module, dispatcher }, onError }) => {
    const { address, socket, options } = listenOptions(withSockets(url, kind));
    const all = { ...options, onError, strictTiming: dispatcher.strictTiming };
    const server = url.transport === "udp" ? new UdpServer(address, module, all) : new StreamServer(socket ?? address, module, all);
    const shutdown = new Shutdown(server);
    return {
      serverAddress: server.serverAddress,
      bind: () => server.start(),
      serve: () => shutdown.called,
      close: () => server.close(),
      stats: () => server.stats(),
    };
  };
}

function withSockets(url: OscUrl, kind: string): OscUrl {
  if (url.transport !== "websocket" && url.transport !== "serial") return url;
  const what = url.transport === "serial" ? "serial port" : "WebSocket";
  throw new UsageError(
    `${shownUrl(url)} needs --kind async, because a ${what} needs the event loop. For --kind ${kind}, run "oscine bridge" in front of osc.udp:// or osc.tcp://.`,
  );
}

/** Tells a server to stop, and whether it was told. */
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
