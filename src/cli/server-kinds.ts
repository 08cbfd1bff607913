import type { Dispatcher } from "../dispatch/index.ts";
import { AsyncOSCUDPServer, type ErrorListener, type ServerStats } from "../server/index.ts";
import { listeningPlace } from "./endpoint.ts";
import type { OscUrl } from "./url.ts";

/** What `serve` needs of a server, whatever kind it is. */
export interface RunnableServer {
  readonly serverAddress: { readonly address: string; readonly port: number };
  /** Binds, and begins to serve. */
  start(): Promise<unknown>;
  /** Resolves when a handler has ended the server. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
  stats(): ServerStats;
}

export type ServerMaker = (url: OscUrl, dispatcher: Dispatcher, onError: ErrorListener) => RunnableServer;

/** Every kind of server that can be asked for. */
export const KINDS: ReadonlyMap<string, ServerMaker> = new Map([["async", makeAsyncServer]]);

function makeAsyncServer(url: OscUrl, dispatcher: Dispatcher, onError: ErrorListener): RunnableServer {
  const { host, port, options } = listeningPlace(url);
  const server = new AsyncOSCUDPServer([host, port], dispatcher, { ...options, onError });
  let onEnded: () => void = () => undefined;
  const ended = new Promise<void>((end) => {
    onEnded = end;
  });
  return {
    get serverAddress() {
      return server.serverAddress;
    },
    start: async () => {
      const [transport] = await server.createServeEndpoint();
      void transport.closed.then(onEnded);
    },
    ended,
    close: () => server.close(),
    stats: () => server.stats(),
  };
}
