import { spawn } from "node:child_process";
import type { OscError } from "../errors.ts";
import type { Monitor, MonitorOptions } from "../monitor/monitor.ts";
import { METHOD_VALUE } from "../monitor/protocol.ts";
import type { NetAddress } from "../net-address.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import type { QueryLink } from "./query-link.ts";
import { describeBound, describeTargets, localUrl } from "./bind-scope.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { boundUrl, createListener, createSender, parseUrl, shownUrl } from "./endpoint.ts";
import { parseOptions, readPortOption } from "./options.ts";

const DEFAULT_URL = "osc.udp://127.0.0.1:1337/";
const DEFAULT_HOST = "127.0.0.1";

/** Keeps the page's URL the same across restarts. Not an option, because other users can read the command line. */
const TOKEN_VARIABLE = "OSCINE_MONITOR_TOKEN";

const HELP = `Shows what arrives in the browser: a live list, addresses, plots and a form to
send messages. With --query, also the methods of an OSCQuery server.

Usage: oscine monitor [options] [URL…]

Listens on the URLs that "oscine dump" takes (default ${DEFAULT_URL})
and prints the URL of the page. Anyone with this URL can see what arrives and
send from this machine, so it contains a random token.

  --port PORT      the port of the page; 0 lets the system choose (default)
  --host HOST      the host to serve the page on (default ${DEFAULT_HOST});
                   0.0.0.0 for all interfaces, such as for a phone
  --origin ORIGIN  a page that may connect to ws://, such as
                   https://example.org; may be repeated
  --query URL      shows the methods of this OSCQuery server with their values,
                   and sliders, switches and menus to set them; then it listens
                   only on URLs that you specify
  --open           opens the page in the browser

With --port and the environment variable ${TOKEN_VARIABLE} (at least 16 of
A-Z a-z 0-9 - _), the page's URL stays the same after a restart.

Examples:
  oscine monitor
  oscine monitor :9000 osc.tcp://127.0.0.1:9001/ --open
  oscine monitor :9000 --host 0.0.0.0 --port 8080
  oscine monitor --query 127.0.0.1:5678`;

/** `oscine monitor` */
export const MONITOR: Command = { help: HELP, run: runMonitor };

async function runMonitor(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("monitor", words, {
    port: { type: "string", default: "0" },
    host: { type: "string", default: DEFAULT_HOST },
    origin: { type: "string", multiple: true },
    query: { type: "string" },
    open: { type: "boolean" },
  });
  const urls = (positionals.length === 0 && values.query === undefined ? [DEFAULT_URL] : positionals).map(parseUrl);
  const counts = { received: 0, errors: 0 };
  const page = { host: values.host, port: readPortOption("port", values.port), counters: () => counts };
  const parts: { close(): unknown }[] = [];
  try {
    let monitor: Monitor | null = null;
    const onError = (error: OscError, from?: NetAddress): void => {
      counts.errors += 1;
      monitor?.problem(error, from);
      report(session, error, from);
    };
    const query = values.query === undefined ? null : await openQuery(values.query, onError);
    if (query !== null) parts.push(query);
    const shown = await createMonitor(page, query);
    monitor = shown;
    parts.push(shown);
    const bound: OscUrl[] = [];
    for (const url of urls) {
      const onPacket = (data: Uint8Array, from: NetAddress): void => {
        counts.received += 1;
        shown.packet(data, from, url.transport);
      };
      const listener = await createListener(url, { onPacket, onError }, values.origin);
      const place = boundUrl(url, await listener.open());
      parts.push(listener);
      bound.push(place);
      const targets = describeTargets(place);
      session.err.line(`${describeBound(place)}${targets === null ? "" : `. ${targets}`}`);
    }
    await openPage(shown, bound, { session, opensBrowser: values.open === true, query });
    await aborted(session.stop);
  } finally {
    await Promise.all(parts.map((part) => part.close()));
  }
  return EXIT.success;
}

async function openQuery(url: string, onError: (error: OscError) => void): Promise<QueryLink> {
  const { QueryLink: Link } = await import("./query-link.ts");
  return Link.open(url, onError);
}

/** Creates a monitor whose page sends with the clients of `oscine send`, and to an OSCQuery server over its link. */
export async function createMonitor(
  options: Omit<MonitorOptions, "createSender" | "token" | "methods">,
  query: QueryLink | null = null,
): Promise<Monitor> {
  const { Monitor } = await import("../monitor/monitor.ts");
  const token = process.env[TOKEN_VARIABLE];
  return new Monitor({
    ...options,
    ...(token === undefined ? {} : { token }),
    ...(query === null ? {} : { methods: query }),
    createSender: async (target, onError) => {
      if (target === query?.target) return { sender: await query.sender(), transport: METHOD_VALUE };
      const url = parseUrl(target);
      return { sender: await createSender(url, { numbers: "auto", onError }), transport: url.transport };
    },
  });
}

/** Serves the page and prints its URL. */
export async function openPage(
  monitor: Monitor,
  urls: readonly OscUrl[],
  { session, opensBrowser, query = null }: { readonly session: Session; readonly opensBrowser: boolean; readonly query?: QueryLink | null },
): Promise<void> {
  const [first] = urls;
  const target = first === undefined ? "" : targetOf(first);
  const listening = [...(query === null ? [] : [query.target]), ...urls.map(shownUrl)];
  const page = await monitor.open({ urls: listening, target: query?.target ?? target });
  const { err } = session;
  err.line(`Monitor: ${err.styled("bold", page)}`);
  if (opensBrowser) openBrowser(page, (reason) => err.line(`Can't open the browser: ${reason}`));
}

/** The target URL that reaches a listening URL. */
function targetOf(url: OscUrl): string {
  const { transport, host, port } = localUrl(url);
  return transport === "udp" && host?.includes(":") !== true ? `${host}:${port}` : formatOscUrl(localUrl(url));
}

function openBrowser(page: string, onFailure: (reason: string) => void): void {
  const [command, ...words] = browserCommand(page);
  const child = spawn(command, words, { stdio: "ignore", detached: true });
  child.once("error", (error) => onFailure(error.message));
  child.unref();
}

function browserCommand(page: string): [command: string, ...words: string[]] {
  if (process.platform === "darwin") return ["open", page];
  // Not cmd, which would interpret special characters in the URL.
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", page];
  return ["xdg-open", page];
}
