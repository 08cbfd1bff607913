import type { Monitor } from "../monitor/index.ts";
import type { ServerStats } from "../server/index.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { type Handlers, loadHandlers } from "./handlers-module.ts";
import { createMonitor, openPage } from "./monitor-page.ts";
import { parseOptions, readChoice, readPortOption } from "./options.ts";
import { printingDispatcher } from "./printing-handlers.ts";
import { KINDS } from "./server-kinds.ts";
import { watchPackets } from "./watch-packets.ts";
import { formatUrl, type OscUrl, parseUrl } from "./url.ts";
import { UsageError } from "../text/usage-error.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 1337;

const ALWAYS_SHOWN: readonly string[] = ["received", "handled", "dropped"];

const HELP = `Runs an OSC server: with your handlers, or one that prints each message.

Usage: oscine serve [handlers module] [options]

The module is a file (.js, .mjs, and .ts where Node can) whose default export is a Dispatcher:

  import { Dispatcher } from "oscine";
  const dispatcher = new Dispatcher();
  dispatcher.map("/gain", (address, value) => ["/gain/is", value]);
  export default dispatcher;

  --host HOST   the address to listen on; 0.0.0.0 for all interfaces (default ${DEFAULT_HOST})
  --port PORT   the port; 0 lets the system choose (default ${DEFAULT_PORT})
  --url URL     both at once: osc.udp://host:port/, host:port or :port; without a host it listens on all interfaces
  --kind KIND   where handlers run: async, in the event loop (default); blocking, one after another;
                threading, each packet in a thread of its own; forking, each in a process of its own
  --monitor     also shows what arrives on a page of this machine, whose address is printed (--kind async)
  --open        with --monitor: opens the page in the browser

Messages go to standard output, errors to standard error. Ctrl-C ends it and shows the totals.

Examples:
  oscine serve
  oscine serve --monitor
  oscine serve handlers.js --port 9000
  oscine serve --host 0.0.0.0`;

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
  });
  if (positionals.length > 1) throw new UsageError(`serve takes one handlers module; got ${positionals.length}: ${positionals.join(" ")}`);
  const [module] = positionals;
  const url = readPlace(values);
  const makeServer = readChoice("kind", values.kind, KINDS);
  const handlers = module === undefined ? printingHandlers(session) : await loadHandlers(module);
  const monitor = values.monitor === true ? await makeMonitor(values.kind, () => countersOf(server.stats())) : null;
  if (monitor === null && values.open === true) throw new UsageError("--open is for the page: add --monitor.");
  const server = makeServer(url, handlers, (error, client) => {
    monitor?.problem(error, client);
    report(session, error, client);
  });
  const stopWatching = monitor === null ? null : watchPackets((data, client) => monitor.packet(data, client, url.transport));
  try {
    await server.bind();
    const bound = { ...url, host: server.serverAddress.address, port: server.serverAddress.port };
    const { backend } = server.stats();
    greet(session, bound, `${module ?? "each message is printed"}${backend === "native" ? " (native sockets)" : ""}`);
    if (monitor !== null) await openPage(monitor, [bound], { session, opensBrowser: values.open === true });
    await Promise.race([aborted(session.stop), server.serve()]);
  } finally {
    stopWatching?.();
    await Promise.all([server.close(), monitor?.close()]);
  }
  session.out.line(session.out.styled("bold", describeTotals(server.stats())));
  return EXIT.success;
}

function readPlace({ host, port, url }: { host?: string | undefined; port?: string | undefined; url?: string | undefined }): OscUrl {
  if (url !== undefined) {
    if (host !== undefined || port !== undefined) throw new UsageError("--url says host and port already: leave --host and --port out.");
    return parseUrl(url);
  }
  const number = port === undefined ? DEFAULT_PORT : readPortOption("port", port);
  return { transport: "udp", host: host ?? DEFAULT_HOST, port: number, framing: null };
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

function printingHandlers({ out }: Session): Handlers {
  return { dispatcher: printingDispatcher(out), module: new URL("./printing-handlers.js", import.meta.url) };
}

/** Says where the server listens, and how to send it something. */
function greet({ out, program }: Session, url: OscUrl, what: string): void {
  const isAny = url.host === "0.0.0.0" || url.host === "::";
  const reachable = isAny ? { ...url, host: DEFAULT_HOST } : url;
  const isShort = reachable.transport === "udp" && reachable.host === DEFAULT_HOST;
  out.line(
    [
      `Listening on ${out.styled("bold", formatUrl(url))}${isAny ? " (all interfaces)" : ""}: ${what}. Ctrl-C ends it.`,
      "Send it a message from another terminal, with either of:",
      `  ${program} send ${isShort ? `:${url.port}` : formatUrl(reachable)} /hello 1 2.5 text`,
      `  oscsend ${isShort ? `${DEFAULT_HOST} ${url.port}` : formatUrl({ ...reachable, framing: null })} /hello ifs 1 2.5 text`,
    ].join("\n"),
  );
}

function describeTotals({ received, handled, rejected, dropped, kernelDropped, handlerErrors }: ServerStats): string {
  const reasons = Object.entries(rejected).filter(([, count]) => count > 0);
  const total = reasons.reduce((sum, [, count]) => sum + count, 0);
  const why = reasons.length === 0 ? "" : ` (${reasons.map(([reason, count]) => `${reason} ${count}`).join(", ")})`;
  const failed = handlerErrors === 0 ? "" : `, handler errors ${handlerErrors}`;
  const unseen = kernelDropped === null || kernelDropped === 0 ? "" : `, dropped by the system ${kernelDropped}`;
  return `received ${received}, handled ${handled}, rejected ${total}${why}, dropped ${dropped}${unseen}${failed}`;
}
