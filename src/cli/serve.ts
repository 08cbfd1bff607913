import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Monitor } from "../monitor/monitor.ts";
import type { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import type { OscQueryServer } from "../oscquery/index.ts";
import type { ErrorListener, ServerStats } from "../server/index.ts";
import { UsageError } from "../text/usage-error.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "../url/osc-url.ts";
import { maskSecrets } from "../url/secrets.ts";
import { ArrivalWatch, bindScopeOf, describeBound, localTarget, localUrl, openToOthers, targetsForOthers } from "./bind-scope.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { asUsage, boundUrl, parseUrl, withInterface } from "./endpoint.ts";
import { loadHandlers, printingHandlers } from "./handlers-module.ts";
import { NATS_HELP, NATS_OPTIONS, readNats } from "./nats-options.ts";
import { parseOptions, readChoice, readPortOption } from "./options.ts";
import { describeTotals } from "./output.ts";
import { UnmatchedWatch } from "./unmatched-watch.ts";
import { KINDS, MAKERS, type RunnableServer, type ServerMaker, makeFrontEnd } from "./server-kinds.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 1337;
const PACKET_CHANNEL = "oscine:packet";

const HELP = `Runs an OSC server with your handlers, or prints each message.

Usage: oscine serve [handlers module] [URL] [options]

A URL or a port without a host listens on all interfaces. Without either, the
server listens on osc.udp://${DEFAULT_HOST}:${DEFAULT_PORT}/ (this machine only).
URLs: osc.udp://host:port/, osc.tcp://host:port/?framing=1.0 (or 1.1; without
it, both), osc.unix:///path/of.sock (also a stream), host:port, :port, or a
port number; with --kind async also ws://host:port/path and serial ports,
osc.serial:///dev/ttyACM0?baud=115200.

The module is a file, handlers.mjs, whose default export is a Dispatcher:

  import { Dispatcher } from "oscine";
  const dispatcher = new Dispatcher();
  dispatcher.map("/gain", (address, value) => ["/gain/is", value]);
  export default dispatcher;

  --host HOST      listens on UDP at this address; 0.0.0.0 for all interfaces
  --port PORT      listens on this UDP port (default ${DEFAULT_PORT}); 0 lets the system
                   choose; same as :PORT
  --url URL        same as the URL without --url
  --kind KIND      where handlers run: async, in the event loop (default);
                   blocking, one at a time; threading, in worker threads;
                   forking, in child processes
  --origin ORIGIN  a page that may connect to ws://, such as
                   https://example.org; may be repeated
  --interface IF   for a multicast address: the network interface to join on, by
                   name or address, such as eth0
  --no-strict-timing
                   handles bundles immediately, whatever their time tags
  --monitor        also shows received packets in the browser (--kind async)
  --open           with --monitor: opens the page
  --query          also serves the handlers module's described methods over
                   OSCQuery on the loopback address (--kind async)
  --advertise      with --query: lets programs find it with multicast DNS;
                   requires the package multicast-dns

With --nats, handlers run in "oscine work handlers.mjs --nats URLS", on any
machine. This server forwards packets to them and their replies to the clients:

${NATS_HELP}

Messages go to standard output, everything else to standard error. Ctrl-C stops
the server and prints the totals.

Examples:
  oscine serve
  oscine serve --monitor
  oscine serve handlers.mjs :9000
  oscine serve handlers.mjs :9000 --query --advertise
  oscine serve handlers.mjs osc.tcp://:9000 --kind threading
  oscine serve 'osc.tcp://127.0.0.1:9000/?framing=1.0'
  oscine serve handlers.mjs osc.serial:///dev/ttyACM0
  oscine serve :9000 --nats nats://127.0.0.1:4222`;

/** `oscine serve` */
export const SERVE: Command = { help: HELP, run: runServe };

async function runServe(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("serve", words, {
    host: { type: "string" },
    port: { type: "string" },
    url: { type: "string" },
    kind: { type: "string", default: "async" },
    origin: { type: "string", multiple: true },
    interface: { type: "string" },
    "no-strict-timing": { type: "boolean" },
    monitor: { type: "boolean" },
    open: { type: "boolean" },
    query: { type: "boolean" },
    advertise: { type: "boolean" },
    ...NATS_OPTIONS,
  });
  const { module, endpoint } = readWords(positionals);
  const url = withInterface(readEndpoint(values, endpoint), values.interface);
  const origins = values.origin ?? [];
  if (origins.length > 0 && url.transport !== "websocket") throw new UsageError("--origin only applies to ws:// URLs.");
  const nats = readNats(values);
  const makeOfKind = MAKERS[readChoice("kind", values.kind, KINDS)];
  const { makeServer, what } =
    nats === null
      ? { makeServer: makeOfKind, what: module === undefined ? "prints each message" : `runs the handlers of ${module}` }
      : await frontEnd(nats, { module, kind: values.kind }, session);
  const ignoresTime = values["no-strict-timing"] === true;
  const handlers = module === undefined ? printingHandlers(session.out, ignoresTime) : await loadHandlers(module, ignoresTime);
  const monitor = values.monitor === true ? await makeMonitor(values.kind, () => countersOf(server.stats())) : null;
  if (monitor === null && values.open === true) throw new UsageError("--open opens the monitor's page: add --monitor.");
  const servesQuery = values.query === true;
  if (!servesQuery && values.advertise === true) throw new UsageError("--advertise lets an OSCQuery server be found: add --query.");
  if (servesQuery && (module === undefined || values.kind !== "async" || nats !== null)) {
    throw new UsageError("--query serves the methods that a handlers module describes: name the module, and use --kind async.");
  }
  const onError: ErrorListener = (error, client) => {
    monitor?.problem(error, client);
    report(session, error, client);
  };
  const server = asUsage(() => makeServer({ url, handlers, origins, onError }));
  const opensBrowser = values.open === true;
  const dispatcher = module === undefined ? null : handlers.dispatcher;
  const query = servesQuery ? { isAdvertised: values.advertise === true, onError } : null;
  await serveUntilStopped(server, { url, what, dispatcher, monitor, opensBrowser, query }, session);
  session.err.line(session.err.styled("bold", describeTotals(server.stats())));
  return EXIT.success;
}

interface Serving {
  readonly url: OscUrl;
  /** A readable description of what the server does. */
  readonly what: string;
  /** The user's dispatcher; null if messages are printed or handled elsewhere. */
  readonly dispatcher: Dispatcher | null;
  readonly monitor: Monitor | null;
  readonly opensBrowser: boolean;
  /** How to serve OSCQuery; null to not serve it. */
  readonly query: { readonly isAdvertised: boolean; readonly onError: ErrorListener } | null;
}

async function serveUntilStopped(server: RunnableServer, serving: Serving, session: Session): Promise<void> {
  const { url, what, dispatcher, monitor, opensBrowser, query } = serving;
  const stopWatching = monitor === null ? null : watchPackets((data, client) => monitor.packet(data, client, url.transport));
  const unmatched = dispatcher === null ? null : new UnmatchedWatch(session, dispatcher, () => server.stats().unmatched);
  let watch: ArrivalWatch | null = null;
  let queryServer: OscQueryServer | null = null;
  try {
    await server.bind();
    const bound = boundUrl(url, server.serverAddress);
    const { backend, strategy } = server.stats();
    const means = [
      ...(backend === "native" ? ["native sockets"] : []),
      ...(strategy === null ? [] : [strategy === "fork" ? "forked processes" : "spawned processes"]),
    ];
    greet(session, bound, means.length === 0 ? what : `${what} (${means.join(", ")})`);
    const arrivals = { received: () => server.stats().received, dropped: () => server.stats().kernelDropped };
    watch = new ArrivalWatch(session, bound, arrivals, openToOthers(session, "serve", bound));
    if (monitor !== null) {
      const { openPage } = await import("./monitor.ts");
      await openPage(monitor, [bound], { session, opensBrowser });
    }
    if (query !== null && dispatcher !== null) {
      const { serveOscQuery } = await import("../oscquery/index.ts");
      const { isAdvertised: advertise, onError } = query;
      queryServer = await serveOscQuery(dispatcher, { server, transport: url.transport === "tcp" ? "TCP" : "UDP", advertise, onError });
      session.err.line(`OSCQuery: ${session.err.styled("bold", `${queryServer.url}/`)}`);
    }
    await Promise.race([aborted(session.stop), server.serve()]);
  } finally {
    watch?.close();
    stopWatching?.();
    unmatched?.close();
    await queryServer?.close();
    await Promise.all([server.close(), monitor?.close()]);
  }
}

/** Treats a word such as `:9000`, `9000`, `localhost:9000` or `osc.tcp://…` as a URL, any other as the module. */
function readWords(words: readonly string[]): { readonly module: string | undefined; readonly endpoint: string | undefined } {
  const endpoints = words.filter((word) => /:\/\/|^(?:\S*:)?\d+$/.test(word));
  const modules = words.filter((word) => !endpoints.includes(word));
  if (modules.length > 1) throw new UsageError(`serve takes one handlers module; got ${modules.length}: ${modules.join(" ")}`);
  if (endpoints.length > 1)
    throw new UsageError(`serve listens on one URL; got ${endpoints.length}: ${endpoints.map(maskSecrets).join(" ")}`);
  return { module: modules[0], endpoint: endpoints[0] };
}

interface EndpointOptions {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly url?: string | undefined;
}

/** `--port 9000` equals `:9000`: both listen on all interfaces. Without host, port and URL, only this machine can send. */
function readEndpoint({ host, port, url }: EndpointOptions, endpoint: string | undefined): OscUrl {
  if (url !== undefined && endpoint !== undefined)
    throw new UsageError(`serve listens on one URL: leave out ${maskSecrets(endpoint)} or --url.`);
  const text = url ?? endpoint;
  if (text !== undefined) {
    if (host !== undefined || port !== undefined) throw new UsageError("The URL already has host and port: leave out --host and --port.");
    return parseUrl(text);
  }
  const number = port === undefined ? DEFAULT_PORT : readPortOption("port", port);
  return { ...parseOscUrl(`:${number}`), host: host ?? (port === undefined ? DEFAULT_HOST : null) };
}

/**
 * Creates a server maker for packets handled by NATS workers, with its description.
 *
 * @throws UsageError for invalid options and for those of workers
 */
async function frontEnd(
  options: NonNullable<ReturnType<typeof readNats>>,
  { module, kind }: { readonly module: string | undefined; readonly kind: string },
  { program, err }: Session,
): Promise<{ makeServer: ServerMaker; what: string }> {
  const servers = options.servers.map(maskSecrets).join(",");
  if (module !== undefined) {
    throw new UsageError(`With --nats, handlers run elsewhere: leave out ${module}, and run: ${program} work ${module} --nats ${servers}`);
  }
  if (kind !== "async") throw new UsageError(`--kind ${kind} is for "oscine work": a server with --nats runs no handlers.`);
  // The NATS packages are optional.
  const { NatsExecutor } = await import("../nats/index.ts");
  let wasConnected = false;
  const onConnection = (server: string | null): void => {
    if (server !== null && wasConnected) err.line(err.styled("green", `Connected to NATS again: ${server}`));
    wasConnected = true;
  };
  const executor = asUsage(() => NatsExecutor.for({ ...options, onConnection }));
  const { prefix = "osc", delivery = "at-most-once" } = options;
  return { makeServer: makeFrontEnd(executor), what: `hands packets to the NATS workers at ${servers} (${prefix}.>, ${delivery})` };
}

async function makeMonitor(kind: string, counters: () => Readonly<Record<string, number>>): Promise<Monitor> {
  if (kind !== "async") {
    throw new UsageError(
      `--monitor sees packets that arrive in the event loop: use --kind async, or run "oscine monitor" instead of ${kind}.`,
    );
  }
  const { createMonitor } = await import("./monitor.ts");
  return createMonitor({ counters });
}

/**
 * Calls back with every packet received in this process's event loop.
 *
 * @returns a function that stops it
 */
function watchPackets(onPacket: (data: Uint8Array, client: NetAddress) => void): () => void {
  const listener = (event: unknown): void => {
    const { data, client } = event as { readonly data: Uint8Array; readonly client: NetAddress };
    onPacket(data, client);
  };
  subscribe(PACKET_CHANNEL, listener);
  return () => void unsubscribe(PACKET_CHANNEL, listener);
}

const ALWAYS_SHOWN: readonly string[] = ["received", "handled", "dropped"];

/** The counters for the page: the most important ones, and others that aren't zero. */
function countersOf({ rejected, ...counters }: ServerStats): Record<string, number> {
  const shown: Record<string, number> = {};
  for (const [name, count] of Object.entries(counters)) {
    if (typeof count === "number" && (count > 0 || ALWAYS_SHOWN.includes(name))) shown[name] = count;
  }
  for (const [reason, count] of Object.entries(rejected)) {
    if (count > 0) shown[`rejected: ${reason}`] = count;
  }
  return shown;
}

/** Prints where the server listens and how to send to it. */
function greet(session: Session, url: OscUrl, what: string): void {
  const { err, program } = session;
  const first = `${describeBound(url, (text) => err.styled("bold", text))}: ${what}. Ctrl-C stops it.`;
  // Only the connected device can send to a serial port.
  if (url.transport === "serial") return err.line(first);
  const others = targetsForOthers(url);
  const isLocalOnly = url.transport !== "unix" && bindScopeOf(url) === "this machine only";
  const { transport, host, port } = localUrl(url);
  const liblo =
    transport === "udp" && host === DEFAULT_HOST ? `${DEFAULT_HOST} ${port}` : formatOscUrl({ ...localUrl(url), framing: null });
  // oscsend's Unix domain sockets aren't streams, and it has no WebSockets.
  const hasOscsend = transport === "udp" || transport === "tcp";
  err.line(
    [
      first,
      `To send it a message, in another terminal${hasOscsend ? ", either of" : ""}:`,
      `  ${program} send ${localTarget(url)} /hello 1 2.5 text`,
      ...(hasOscsend ? [`  oscsend ${liblo} /hello ifs 1 2.5 text`] : []),
      ...(others.length === 0 ? [] : [`Other machines send to ${others.join(" or ")}.`]),
      ...(isLocalOnly ? [`Phones and other machines can't send to it. To let them: ${openToOthers(session, "serve", url)}`] : []),
    ].join("\n"),
  );
}
