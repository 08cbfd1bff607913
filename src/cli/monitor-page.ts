import { spawn } from "node:child_process";
import type { Monitor, MonitorOptions } from "../monitor/index.ts";
import type { Session } from "./command.ts";
import { createSender } from "./endpoint.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { localUrl } from "./reach.ts";
import { parseUrl } from "./url.ts";

/** With this variable the address of the page stays the same when the monitor is started again; on the command line others could read it. */
const TOKEN_VARIABLE = "OSCINE_MONITOR_TOKEN";

/** A monitor whose page sends with the clients that `oscine send` uses. */
export async function createMonitor(options: Omit<MonitorOptions, "createSender" | "token">): Promise<Monitor> {
  // The other commands need no web server: they start without loading one.
  const { Monitor } = await import("../monitor/index.ts");
  const token = process.env[TOKEN_VARIABLE];
  return new Monitor({
    ...options,
    ...(token === undefined ? {} : { token }),
    createSender: (target, onError) => {
      const url = parseUrl(target);
      return { sender: createSender(url, { numbers: "auto", onError }), transport: url.transport };
    },
  });
}

/** Serves the page, and says where it is. */
export async function openPage(
  monitor: Monitor,
  urls: readonly OscUrl[],
  { session, opensBrowser }: { readonly session: Session; readonly opensBrowser: boolean },
): Promise<void> {
  const [first] = urls;
  const page = await monitor.open({ urls: urls.map(formatOscUrl), target: first === undefined ? "" : targetOf(first) });
  const { out } = session;
  out.line(`Monitor: ${out.styled("bold", page)}`);
  if (opensBrowser) openBrowser(page, (reason) => session.err.line(`The browser cannot be opened: ${reason}`));
}

/** Where to send so that it arrives at a URL that is listened to. */
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
  // Not by way of cmd, which would read the address its own way.
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", page];
  return ["xdg-open", page];
}
