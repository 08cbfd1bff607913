import { isIP } from "node:net";
import { hostname } from "node:os";
import { plainAddress } from "../net-address.ts";

/** Where a page comes from and how it reaches the server. */
export interface PageRequest {
  /** The header `Origin`; only browsers send it. */
  readonly origin: string | undefined;
  /** The header `Host`. */
  readonly host: string | undefined;
  /** The address of the server's side of the connection. */
  readonly localAddress: string;
}

/**
 * Whether a page may connect to a server. Programs other than browsers send no origin, and may. Pages may if their origin is listed, if they
 * come from the very host and port that they connect to, or if both they and the server are on loopback: development servers such as Vite
 * serve a page on another port than the one it connects to. All others are refused, because any site could otherwise reach what listens on
 * its visitor's machine.
 *
 * @param allowed origins such as `https://stage.example.org`, in lower case; `"*"` for all
 */
export function isOriginAllowed({ origin, host, localAddress }: PageRequest, allowed: readonly string[]): boolean {
  if (origin === undefined) return true;
  if (allowed.includes("*") || allowed.includes(origin.toLowerCase())) return true;
  if (!URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (isLoopback(plainAddress(localAddress)) && isLoopback(page.hostname)) return true;
  return isSameHost(page, host) && isOwnName(page.hostname);
}

/** A page is on loopback only if its name can't lead anywhere else. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isSameHost(page: URL, host: string | undefined): boolean {
  // Both leave out the default port of the page's scheme.
  const server = `${page.protocol}//${host}`;
  return host !== undefined && page.host !== "" && URL.canParse(server) && page.host === new URL(server).host;
}

/**
 * Whether a request means this machine by a name that nobody else can have pointed here.
 *
 * @param host the header `Host`
 * @param names further names of this machine
 */
export function isHostAllowed(host: string | undefined, names: readonly string[]): boolean {
  if (host === undefined) return true;
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname: name } = new URL(`http://${host}`);
  return isOwnName(name) || names.includes(name);
}

/**
 * Whether a host name can only mean a machine nearby. The owner of any other name may have pointed it at this machine (DNS rebinding), so
 * that their page seems to come from here.
 */
function isOwnName(name: string): boolean {
  const isAddress = name.startsWith("[") || isIP(name) !== 0;
  return isAddress || !name.includes(".") || /\.(?:localhost|local)$/.test(name) || name === hostname().toLowerCase();
}
