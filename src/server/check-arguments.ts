import { Dispatcher } from "../dispatch/index.ts";
import { bad, checkOptionNames, describe, optionError } from "../options.ts";
import type { NativeOption, TcpServerOptions } from "./transports.ts";
import type { UdpOptions } from "../transport/udp.ts";
import type { StreamOptions } from "../transport/stream.ts";
import type { WebSocketOptions } from "../transport/websocket.ts";
import type { AsyncServerOptions } from "./async-server.ts";
import type { ServerOptions } from "./options.ts";
import type { SyncServerOptions } from "./sync-server.ts";
import type { ForkingServerOptions, ThreadingServerOptions } from "./pooled-server.ts";

type Kind = "Async" | "Blocking" | "Threading" | "Forking";
type TransportName = "UDP" | "TCP" | "WebSocket" | "Stream";

/** The names of all options of an interface; the compiler says if one is missing. */
type Names<Options> = Readonly<Record<keyof Options, true>>;

export const SERVER_OPTIONS: Names<ServerOptions> = {
  onError: true,
  strict: true,
  allowOddAddresses: true,
  maxPacketSize: true,
  maxNesting: true,
  maxWaiting: true,
  maxWaitingBytes: true,
  maxAhead: true,
  farAhead: true,
  maxQueue: true,
  maxQueueBytes: true,
  maxMemory: true,
  overflow: true,
  maxReports: true,
  allow: true,
  maxRate: true,
  maxBurst: true,
  maxSources: true,
};
const SYNC: Names<SyncServerOptions> = { ...SERVER_OPTIONS, closeTimeout: true, timeout: true, keepSignalListeners: true, advertise: true };

/** The options of each kind of server. */
const KINDS: Readonly<Record<Kind, object>> = {
  Async: {
    ...SERVER_OPTIONS,
    concurrency: true,
    order: true,
    closeTimeout: true,
    executor: true,
    advertise: true,
    clock: true,
  } satisfies Names<AsyncServerOptions>,
  Blocking: SYNC,
  Threading: {
    ...SYNC,
    maxThreads: true,
    minThreads: true,
    idleTimeout: true,
    threadTimeout: true,
    startTimeout: true,
    threadMemory: true,
    workerData: true,
    packetsPerThread: true,
    namespace: true,
    order: true,
    strictTiming: true,
  } satisfies Names<ThreadingServerOptions>,
  Forking: {
    ...SYNC,
    maxChildren: true,
    spareChildren: true,
    childTimeout: true,
    startTimeout: true,
    requestsPerChild: true,
    order: true,
    strategy: true,
    idleTimeout: true,
    childMemory: true,
    namespace: true,
    strictTiming: true,
  } satisfies Names<ForkingServerOptions>,
};

/** The options of each transport. */
const TRANSPORTS: Readonly<Record<TransportName, object>> = {
  UDP: {
    native: true,
    ipv6Only: true,
    reuseAddress: true,
    reusePort: true,
    broadcast: true,
    multicastGroups: true,
    multicastInterface: true,
    multicastTtl: true,
    multicastLoopback: true,
    ttl: true,
    receiveBufferSize: true,
    sendBufferSize: true,
  } satisfies Names<UdpOptions & NativeOption>,
  TCP: {
    framing: true,
    mode: true,
    maxConnections: true,
    maxPending: true,
    maxBuffered: true,
    maxIdle: true,
    noDelay: true,
    keepAlive: true,
    ipv6Only: true,
    backlog: true,
  } satisfies Names<TcpServerOptions>,
  WebSocket: {
    origins: true,
    verifyClient: true,
    path: true,
    maxConnections: true,
    maxPending: true,
    maxBuffered: true,
    slowClients: true,
    pingInterval: true,
    pingTimeout: true,
    ipv6Only: true,
    backlog: true,
  } satisfies Names<WebSocketOptions>,
  Stream: {
    framing: true,
    midStream: true,
    maxPending: true,
    maxBuffered: true,
    baudRate: true,
    name: true,
  } satisfies Names<StreamOptions>,
};

/**
 * Checks what the constructor of a server was given, apart from the values of options: the form of the address, the handlers, the names of
 * the options.
 *
 * @throws OscServerError `OSC_OPTION`
 */
export function checkArguments(kind: Kind, transport: TransportName, address: unknown, handlers: unknown, options: unknown): void {
  const owner = `${kind}OSC${transport}Server`;
  if (typeof address === "string" && !(handlers instanceof Dispatcher)) {
    const port = typeof handlers === "number" ? handlers : 9000;
    throw optionError(
      `${owner} takes host and port as one array: new ${owner}([${JSON.stringify(address)}, ${port}], dispatcher); got ${describe(address)} and ${describe(handlers)}.`,
    );
  }
  checkHandlers(owner, kind, handlers);
  const names = [...Object.keys(TRANSPORTS[transport]), ...Object.keys(KINDS[kind])];
  const foreign = typeof options === "object" && options !== null ? Object.keys(options).filter((name) => !names.includes(name)) : [];
  for (const name of foreign) {
    const [other] = Object.entries({ ...TRANSPORTS, ...KINDS }).find(([, others]) => name in others) ?? [];
    if (other !== undefined) throw optionError(`${owner} has no option ${JSON.stringify(name)}: ${other} servers have it.`);
  }
  checkOptionNames(owner, options, names);
}

function checkHandlers(owner: string, kind: Kind, handlers: unknown): void {
  if (handlers instanceof Dispatcher) return;
  const takesModule = kind === "Threading" || kind === "Forking";
  if (takesModule && (typeof handlers === "string" || handlers instanceof URL)) return;
  const expected = takesModule ? "a Dispatcher, or the URL or absolute path of a module that exports one" : "a Dispatcher";
  const advice = typeof handlers === "function" ? " Map the function first: dispatcher.map(address, handler)." : "";
  throw optionError(bad(`The second argument of ${owner}`, expected, handlers).message + advice);
}
