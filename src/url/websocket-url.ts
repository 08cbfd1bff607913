import type { NetAddress } from "../net-address.ts";
import { urlError } from "./url-error.ts";

/**
 * The URL of a WebSocket server as RFC 6455 has it: `ws://host:port/path?query` or `wss://…`; `http` and `https` are taken for these.
 *
 * @throws OscServerError `OSC_OPTION` for what is none
 */
export function websocketUrl(url: string | URL): string {
  const text = String(url).replace(/^http/i, "ws");
  if (/^wss?:/i.test(text) && URL.canParse(text)) {
    const { href, hash } = new URL(text);
    if (hash === "") return href;
  }
  throw urlError(`The URL of a WebSocket is like "ws://127.0.0.1:8080/"; got ${JSON.stringify(String(url))}.`);
}

/** The server that a WebSocket's URL names. Its `address` may be a name that nobody has looked up yet. */
export function websocketServer(url: string): NetAddress {
  const { hostname, port, protocol } = new URL(url);
  const isIPv6 = hostname.startsWith("[");
  const usual = protocol === "wss:" ? 443 : 80;
  return {
    address: isIPv6 ? hostname.slice(1, -1) : hostname,
    port: port === "" ? usual : Number(port),
    family: isIPv6 ? "IPv6" : "IPv4",
  };
}
