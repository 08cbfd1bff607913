import { Dispatcher } from "../dispatch/index.ts";
import { bad, checkOptionNames, describe, optionError } from "../options.ts";
import { STREAM_OPTIONS } from "../transport/stream.ts";
import { TCP_OPTIONS } from "../transport/tcp.ts";
import { UDP_OPTIONS } from "../transport/udp.ts";
import { WEBSOCKET_OPTIONS } from "../transport/websocket.ts";
import { ASYNC_OPTIONS } from "./async-server.ts";
import { CHILD_POOL_OPTIONS, THREAD_POOL_OPTIONS } from "./pool/pool-options.ts";
import { SYNC_OPTIONS } from "./sync-server.ts";

/** The options of each kind of server. */
const KINDS = {
  Async: ASYNC_OPTIONS,
  Blocking: SYNC_OPTIONS,
  Threading: [...SYNC_OPTIONS, ...THREAD_POOL_OPTIONS],
  Forking: [...SYNC_OPTIONS, ...CHILD_POOL_OPTIONS],
};

/** The options of each transport. */
const TRANSPORTS = {
  UDP: ["native", ...UDP_OPTIONS],
  TCP: [...TCP_OPTIONS, "mode"],
  WebSocket: WEBSOCKET_OPTIONS,
  Stream: STREAM_OPTIONS,
};

type Kind = keyof typeof KINDS;
type TransportName = keyof typeof TRANSPORTS;

/**
 * Checks the arguments of a server's constructor, except the values of options: the form of the address, the handlers, the names of the
 * options.
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
  const names = [...TRANSPORTS[transport], ...KINDS[kind]];
  const foreign = typeof options === "object" && options !== null ? Object.keys(options).filter((name) => !names.includes(name)) : [];
  for (const name of foreign) {
    const [other] = Object.entries({ ...TRANSPORTS, ...KINDS }).find(([, others]) => others.includes(name)) ?? [];
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
