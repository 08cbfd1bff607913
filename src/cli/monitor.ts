import { spawn } from "node:child_process";
import type { OscError } from "../errors.ts";
import type { Monitor, MonitorOptions } from "../monitor/monitor.ts";
import type { NetAddress } from "../net-address.ts";
import type { Transport } from "../transport/transport.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { describeBound, describeTargets, localUrl } from "./bind-scope.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { boundUrl, createListener, createSender, parseUrl, shownUrl } from "./endpoint.ts";
import { parseOptions, readPortOption } from "./options.ts";

const DEFAULT_URL = "osc.udp://127.0.0.1:1337/";
const DEFAULT_HOST = "127.0.0.1";

/** Keeps the page's address the same across restarts. Not an option, because others could read it on the command line. */
const TOKEN_VARIABLE = "OSCINE_MONITOR_TOKEN";

const HELP = `Shows what arrives in the browser: a live list, addresses, plots, and a form
that sends.

Usage: oscine monitor [options] [URL…]

Listens on the URLs that "oscine dump" takes (default ${DEFAULT_URL})
and prints the address of the page. Anyone who has that address can see what
arrives and send from this machine, so it contains a random token.

  --port PORT      the port of the page; 0 lets the system choose (default)
  --host HOST      the address to serve the page on (default ${DEFAULT_HOST});
                   0.0.0.0 for all interfaces, such as for a phone
  --origin ORIGIN  a page that may connect to ws://, such as
                   https://example.org; may be repeated
  --open           opens the page in the browser

With --port and the environment variable ${TOKEN_VARIABLE} (at least 16 of
A-Z a-z 0-9 - _), the page's address stays the same after a restart.

Examples:
  oscine monitor
  oscine monitor :9000 osc.tcp://127.0.0.1:9001/ --open
  oscine monitor :9000 --host 0.0.0.0 --port 8080`;

/** `oscine monitor` */
export const MONITOR: Command = { help: HELP, run: runMonitor };

async function runMonitor(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("monitor", words, {
    port: { type: "string", default: "0" },
    host: { type: "string", default: DEFAULT_HOST },
    origin: { type: "string", multiple: true },
    open: { type: "boolean" },
  });
  const urls = (positionals.length === 0 ? [DEFAULT_URL] : positionals).map(parseUrl);
  const counts = { received: 0, errors: 0 };
  const monitor = await createMonitor({ host: values.host, port: readPortOption("port", values.port), counters: () => counts });
  const listeners: Transport[] = [];
  try {
    const bound: OscUrl[] = [];
    for (const url of urls) {
      const events = {
        onPacket: (data: Uint8Array, from: NetAddress) => {
          counts.received += 1;
          monitor.packet(data, from, url.transport);
        },
        onError: (error: OscError, from?: NetAddress) => {
          counts.errors += 1;
          monitor.problem(error, from);
          report(session, error, from);
        },
      };
      const listener = await createListener(url, events, values.origin);
      const place = boundUrl(url, await listener.open());
      listeners.push(listener);
      bound.push(place);
      const targets = describeTargets(place);
      session.err.line(`${describeBound(place)}${targets === null ? "" : `. ${targets}`}`);
    }
    await openPage(monitor, bound, { session, opensBrowser: values.open === true });
    await aborted(session.stop);
  } finally {
    await Promise.all([...listeners, monitor].map((part) => part.close()));
  }
  return EXIT.success;
}

/** A monitor whose page sends with the clients that `oscine send` uses. */
export async function createMonitor(options: Omit<MonitorOptions, "createSender" | "token">): Promise<Monitor> {
  const { Monitor } = await import("../monitor/monitor.ts");
  const token = process.env[TOKEN_VARIABLE];
  return new Monitor({
    ...options,
    ...(token === undefined ? {} : { token }),
    createSender: async (target, onError) => {
      const url = parseUrl(target);
      return { sender: await createSender(url, { numbers: "auto", onError }), transport: url.transport };
    },
  });
}

/** Serves the page, and prints its address. */
export async function openPage(
  monitor: Monitor,
  urls: readonly OscUrl[],
  { session, opensBrowser }: { readonly session: Session; readonly opensBrowser: boolean },
): Promise<void> {
  const [first] = urls;
  const page = await monitor.open({ urls: urls.map(shownUrl), target: first === undefined ? "" : targetOf(first) });
  const { err } = session;
  err.line(`Monitor: ${err.styled("bold", page)}`);
  if (opensBrowser) openBrowser(page, (reason) => err.line(`Cannot open the browser: ${reason}`));
}

/** Where to send so that it arrives at a URL that is listened on. */
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
  // Not cmd, which would interpret characters of the address.
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", page];
  return ["xdg-open", page];
}
