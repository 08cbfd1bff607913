import type { Monitor } from "../monitor/index.ts";
import type { ErrorListener, ServerStats } from "../server/index.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { loadHandlers } from "./handlers-module.ts";
import { createMonitor, openPage } from "./monitor-page.ts";
import { parseOptions, readChoice, readPortOption } from "./options.ts";
import { printingHandlers } from "./printing-handlers.ts";
import { frontEnd } from "./front-end.ts";
import { NATS_HELP, NATS_OPTIONS, readNats } from "./nats-options.ts";
import { describeTotals } from "./totals.ts";
import { KINDS, type RunnableServer } from "./server-kinds.ts";
import { watchPackets } from "./watch-packets.ts";
import { UsageError } from "../text/usage-error.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "../url/osc-url.ts";
import { ArrivalWatch } from "./arrival-watch.ts";
import { localTarget, localUrl, reachOf, targetsForOthers } from "./reach.ts";
import { asUsage, boundUrl, parseUrl } from "./url.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 1337;

const ALWAYS_SHOWN: readonly string[] = ["received", "handled", "dropped"];

const HELP = `Runs an OSC server: with your handlers, or one that prints each message.

Usage: oscine serve [handlers module] [URL] [options]

The module is a file (.js, .mjs, and .ts where Node can) whose default export is a Dispatcher:

  import { Dispatcher } from "oscine";
  const dispatcher = new Dispatcher();
  dispatcher.map("/gain", (address, value) => ["/gain/is", value]);
  export default dispatcher;

A URL is osc.udp://host:port/, osc.tcp://host:port/?framing=1.0 (or 1.1, or both without it), osc.unix:///path/of.sock (a stream, likewise),
ws://host:port/path (--kind async), host:port, :port or a port number. Without a host it listens on all interfaces.

  --url URL     the same as the URL alone
  --host HOST   the address to listen on by UDP; 0.0.0.0 for all interfaces (default ${DEFAULT_HOST})
  --port PORT   the UDP port; 0 lets the system choose (default ${DEFAULT_PORT})
  --kind KIND   where handlers run: async, in the event loop (default); blocking, one after another;
                threading, each packet in a thread of its own; forking, each in a process of its own
  --monitor     also shows what arrives on a page of this machine, whose address is printed (--kind async)
  --open        with --monitor: opens the page in the browser

With --nats handlers run elsewhere, where "oscine work handlers.js --nats URLS" is at work; this is then the front end that receives, and that
sends their replies to the clients:

${NATS_HELP}

Messages go to standard output, errors to standard error. Ctrl-C ends it and shows the totals.

Examples:
  oscine serve
  oscine serve --monitor
  oscine serve handlers.js :9000
  oscine serve handlers.js osc.tcp://:9000 --kind threading
  oscine serve :9000 --nats nats://127.0.0.1:4222`;

/** `oscine serve` */
export const SERVE: Command = {
  name: "serve",
  summary: "runs a server, with your handlers or printing each message",
  help: HELP,
  run: runServe,
};

async function runServe(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("serve", words, {
    host: { type: "string" },
    port: { type: "string" },
    url: { type: "string" },
    kind: { type: "string", default: "async" },
    monitor: { type: "boolean" },
    open: { type: "boolean" },
    ...NATS_OPTIONS,
  });
  const { module, place } = readWords(positionals);
  const url = readPlace(values, place);
  const nats = readNats(values);
  const kind = readChoice("kind", values.kind, KINDS);
  const { makeServer, what } =
    nats === null
      ? { makeServer: kind, what: module ?? "each message is printed" }
      : await frontEnd(nats, { module, kind: values.kind }, session);
  const handlers = module === undefined ? printingHandlers(session.out) : await loadHandlers(module);
  const monitor = values.monitor === true ? await makeMonitor(values.kind, () => countersOf(server.stats())) : null;
  if (monitor === null && values.open === true) throw new UsageError("--open is for the page: add --monitor.");
  const onError: ErrorListener = (error, client) => {
    monitor?.problem(error, client);
    report(session, error, client);
  };
  const server = asUsage(() => makeServer(url, handlers, onError));
  const opensBrowser = values.open === true;
  await serveUntilStopped(server, { url, what, monitor, opensBrowser }, session);
  session.out.line(session.out.styled("bold", describeTotals(server.stats())));
  return EXIT.success;
}

interface Serving {
  readonly url: OscUrl;
  /** What becomes of the messages, for people. */
  readonly what: string;
  readonly monitor: Monitor | null;
  readonly opensBrowser: boolean;
}

async function serveUntilStopped(server: RunnableServer, { url, what, monitor, opensBrowser }: Serving, session: Session): Promise<void> {
  const stopWatching = monitor === null ? null : watchPackets((data, client) => monitor.packet(data, client, url.transport));
  let watch: ArrivalWatch | null = null;
  try {
    await server.bind();
    const bound = boundUrl(url, server.serverAddress);
    greet(session, bound, `${what}${server.stats().backend === "native" ? " (native sockets)" : ""}`);
    watch = new ArrivalWatch(session, [bound], {
      received: () => server.stats().received,
      dropped: () => server.stats().kernelDropped,
    });
    if (monitor !== null) await openPage(monitor, [bound], { session, opensBrowser });
    await Promise.race([aborted(session.stop), server.serve()]);
  } finally {
    watch?.close();
    stopWatching?.();
    await Promise.all([server.close(), monitor?.close()]);
  }
}

/** What looks like a place is one: `:9000`, `9000`, `localhost:9000`, `osc.tcp://…`. */
function readWords(words: readonly string[]): { readonly module: string | undefined; readonly place: string | undefined } {
  const places = words.filter((word) => /:\/\/|^(?:\S*:)?\d+$/.test(word));
  const modules = words.filter((word) => !places.includes(word));
  if (modules.length > 1) throw new UsageError(`serve takes one handlers module; got ${modules.length}: ${modules.join(" ")}`);
  if (places.length > 1) throw new UsageError(`serve listens on one URL; got ${places.length}: ${places.join(" ")}`);
  return { module: modules[0], place: places[0] };
}

interface PlaceOptions {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly url?: string | undefined;
}

function readPlace({ host, port, url }: PlaceOptions, place: string | undefined): OscUrl {
  if (url !== undefined && place !== undefined) throw new UsageError(`serve listens on one URL: leave ${place} or --url out.`);
  const text = url ?? place;
  if (text !== undefined) {
    if (host !== undefined || port !== undefined) throw new UsageError("The URL says host and port already: leave --host and --port out.");
    return parseUrl(text);
  }
  const number = port === undefined ? DEFAULT_PORT : readPortOption("port", port);
  return { ...parseOscUrl(`:${number}`), host: host ?? DEFAULT_HOST };
}

async function makeMonitor(kind: string, counters: () => Readonly<Record<string, number>>): Promise<Monitor> {
  if (kind === "async") return createMonitor({ counters });
  throw new UsageError(`--monitor sees what arrives in the event loop: use --kind async, or run "oscine monitor" in place of ${kind}.`);
}

/** The counters of a server as the page shows them: those that are not zero, and what is always good to know. */
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

/** Says where the server listens, and how to send it something. */
function greet({ out, program }: Session, url: OscUrl, what: string): void {
  const reach = { everyone: " (all interfaces)", "this machine": " (this machine only)", "one address": "" }[reachOf(url)];
  const others = targetsForOthers(url);
  const { transport, host, port } = localUrl(url);
  const isShort = transport === "udp" && host === DEFAULT_HOST;
  const liblo = isShort ? `${DEFAULT_HOST} ${port}` : formatOscUrl({ ...localUrl(url), framing: null });
  out.line(
    [
      `Listening on ${out.styled("bold", formatOscUrl(url))}${reach}: ${what}. Ctrl-C ends it.`,
      `Send it a message from another terminal${transport === "udp" || transport === "tcp" ? ", with either of" : ""}:`,
      `  ${program} send ${localTarget(url)} /hello 1 2.5 text`,
      // What it takes for a Unix domain socket is no stream, and WebSockets it does not know.
      ...(transport === "udp" || transport === "tcp" ? [`  oscsend ${liblo} /hello ifs 1 2.5 text`] : []),
      ...(others.length === 0 ? [] : [`Other machines send to ${others.join(" or ")}.`]),
    ].join("\n"),
  );
}
