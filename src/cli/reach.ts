import { networkInterfaces } from "node:os";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";

const LOCAL_HOST = "127.0.0.1";
/** So many addresses of this machine are shown. */
const MAX_SHOWN = 3;

/** Who can send to what listens: everyone who reaches this machine, this machine alone, or whoever reaches the one address. */
export type Reach = "everyone" | "this machine" | "one address";

/** @param url as it is bound */
export function reachOf({ transport, host }: OscUrl): Reach {
  if (host === "0.0.0.0" || host === "::") return "everyone";
  const isLocal = transport === "unix" || host === null || host === "::1" || host.startsWith("127.");
  return isLocal ? "this machine" : "one address";
}

/** The URL that reaches what listens there from this machine. */
export function localUrl(url: OscUrl): OscUrl {
  return reachOf(url) === "everyone" ? { ...url, host: LOCAL_HOST } : url;
}

/** The same as `oscine send` takes it, as short as can be. */
export function localTarget(url: OscUrl): string {
  const local = localUrl(url);
  return local.transport === "udp" && local.host === LOCAL_HOST ? `:${local.port}` : formatOscUrl(local);
}

/** Where other machines send to, as `oscine send` takes it: none where they cannot. */
export function targetsForOthers(url: OscUrl, interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): readonly string[] {
  if (reachOf(url) !== "everyone") return [];
  const family = url.host === "::" ? "IPv6" : "IPv4";
  const addresses = Object.values(interfaces).flatMap((one) => one ?? []);
  const reachable = addresses.filter((one) => !one.internal && one.family === family && !one.address.startsWith("fe80:"));
  const hosts = reachable.slice(0, MAX_SHOWN).map(({ address }) => address);
  return hosts.map((host) => (url.transport === "udp" && family === "IPv4" ? `${host}:${url.port}` : formatOscUrl({ ...url, host })));
}

/** One line that says where to send, from here and from elsewhere; null where the URL says it all. */
export function describeTargets(url: OscUrl): string | null {
  if (reachOf(url) !== "everyone") return null;
  const others = targetsForOthers(url);
  const elsewhere = others.length === 0 ? "" : `, from other machines to ${others.join(" or ")}`;
  return `Send to ${localTarget(url)} from this machine${elsewhere}.`;
}
