import { isIP } from "node:net";
import { hostname } from "node:os";

/**
 * Whether a page may speak to a server: it came from that server's own host, or its origin is listed. Programs other than browsers send no
 * origin, and pass. A page of a foreign site is refused, for its visitor's browser would let it reach what listens on this machine.
 *
 * @param origin the header `Origin`
 * @param host the header `Host`
 * @param listed origins such as `https://stage.example.org`; `"*"` for all
 */
export function isOriginAllowed(origin: string | undefined, host: string | undefined, listed: readonly string[]): boolean {
  if (origin === undefined) return true;
  if (listed.includes("*") || listed.includes(origin.toLowerCase())) return true;
  return isSameHost(origin, host) && isOwnName(new URL(origin).hostname);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin) || host === undefined) return false;
  const page = new URL(origin);
  // The default port of the page's scheme is left out in both.
  return page.host !== "" && page.host === hostOf(`${page.protocol}//${host}`);
}

function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).host : null;
}

/**
 * Whether a host name can only mean a machine nearby. Any other may have been given this machine's address by a stranger who owns the name
 * (DNS rebinding), so that his page seems to come from here.
 */
function isOwnName(name: string): boolean {
  const isAddress = name.startsWith("[") || isIP(name) !== 0;
  return isAddress || !name.includes(".") || /\.(?:localhost|local)$/.test(name) || name === hostname().toLowerCase();
}
