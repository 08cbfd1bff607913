import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Transport } from "../transport/transport.ts";
import { aborted, type Command, EXIT, report, type Session } from "./command.ts";
import { createListener } from "./endpoint.ts";
import { createMonitor, openPage } from "./monitor-page.ts";
import { parseOptions, readPortOption } from "./options.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { describeTargets } from "./reach.ts";
import { boundUrl, parseUrl } from "./url.ts";

const DEFAULT_URL = "osc.udp://127.0.0.1:1337/";
const DEFAULT_HOST = "127.0.0.1";

const HELP = `Shows what arrives on a page in the browser: live list, addresses, plots, and a form that sends.

Usage: oscine monitor [options] [URL…]

Listens on the URLs (default ${DEFAULT_URL}), those that "oscine dump" takes, and prints the address of the page. Whoever has that address can see
what arrives and send from this machine: its token is random.

  --port PORT   the port of the page; 0 lets the system choose (default)
  --host HOST   the address to serve the page on (default ${DEFAULT_HOST}); 0.0.0.0 for all interfaces, such as for a phone
  --open        opens the page in the browser

With the environment variable OSCINE_MONITOR_TOKEN (16 or more of A-Z a-z 0-9 - _) and --port, the address stays the same after a new start.

Examples:
  oscine monitor
  oscine monitor :9000 osc.tcp://127.0.0.1:9001/ --open
  oscine monitor :9000 --host 0.0.0.0 --port 8080`;

/** `oscine monitor` */
export const MONITOR: Command = {
  name: "monitor",
  summary: "shows what arrives on a page in the browser, and sends from there",
  help: HELP,
  run: runMonitor,
};

async function runMonitor(words: readonly string[], session: Session): Promise<number> {
  const { values, positionals } = parseOptions("monitor", words, {
    port: { type: "string", default: "0" },
    host: { type: "string", default: DEFAULT_HOST },
    open: { type: "boolean" },
  });
  const urls = (positionals.length === 0 ? [DEFAULT_URL] : positionals).map(parseUrl);
  const counts = { received: 0, errors: 0 };
  const monitor = await createMonitor({ host: values.host, port: readPortOption("port", values.port), counters: () => counts });
  const listeners: Transport[] = [];
  try {
    const bound: OscUrl[] = [];
    for (const url of urls) {
      const listener = createListener(url, {
        onPacket: (data, from) => {
          counts.received += 1;
          monitor.packet(data, from, url.transport);
        },
        onError: (error: OscError, from?: NetAddress) => {
          counts.errors += 1;
          monitor.problem(error, from);
          report(session, error, from);
        },
      });
      const place = boundUrl(url, await listener.open());
      listeners.push(listener);
      bound.push(place);
      const targets = describeTargets(place);
      session.out.line(`Listening on ${formatOscUrl(place)}${targets === null ? "" : ` (all interfaces). ${targets}`}`);
    }
    await openPage(monitor, bound, { session, opensBrowser: values.open === true });
    await aborted(session.stop);
  } finally {
    await Promise.all([...listeners, monitor].map((part) => part.close()));
  }
  return EXIT.success;
}
