import { setImmediate as turnOfEventLoop } from "node:timers/promises";
import type { Dispatcher } from "../dispatch/index.ts";
import { AsyncOSCUDPServer, BlockingOSCUDPServer, type ErrorListener, type ServerStats } from "../server/index.ts";
import { listeningPlace } from "./endpoint.ts";
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

export type ServerMaker = (url: OscUrl, dispatcher: Dispatcher, onError: ErrorListener) => RunnableServer;

/** Every kind of server that can be asked for. */
export const KINDS: ReadonlyMap<string, ServerMaker> = new Map([
  ["async", makeAsyncServer],
  ["blocking", makeBlockingServer],
]);

/** How long the blocking server blocks at most where nothing arrives: while it does, Node cannot tell of Ctrl-C. */
const BLOCKED_AT_MOST_MS = 100;

function makeAsyncServer(url: OscUrl, dispatcher: Dispatcher, onError: ErrorListener): RunnableServer {
  const { host, port, options } = listeningPlace(url);
  const server = new AsyncOSCUDPServer([host, port], dispatcher, { ...options, onError });
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

function makeBlockingServer(url: OscUrl, dispatcher: Dispatcher, onError: ErrorListener): RunnableServer {
  const { host, port, options: socketOptions } = listeningPlace(url);
  // The listeners stay, since they run between two packets.
  const options = { ...socketOptions, onError, timeout: BLOCKED_AT_MOST_MS, keepSignalListeners: true };
  const server = new InterruptibleServer([host, port], dispatcher, options);
  return {
    serverAddress: server.serverAddress,
    bind: () => Promise.resolve(),
    serve: async () => {
      while (!server.isOver) {
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

/** A blocking server that is asked for one packet after another, and remembers that it was told to end. */
class InterruptibleServer extends BlockingOSCUDPServer {
  isOver = false;

  override shutdown(): void {
    this.isOver = true;
    super.shutdown();
  }
}
