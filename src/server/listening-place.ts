import { isMulticast } from "../net-address.ts";
import type { Framing } from "../framing/index.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { maskSecrets, urlError } from "../url/url-error.ts";

/** Where a server listens for a URL, as the servers and transports want it. */
export interface ListeningPlace {
  /** Not for Unix domain sockets. */
  readonly address: readonly [host: string, port: number];
  /** For Unix domain sockets alone. */
  readonly socket: { readonly path: string } | null;
  readonly options: {
    readonly multicastGroups?: readonly string[];
    readonly reuseAddress?: boolean;
    readonly framing?: Framing;
    /** The one that clients of a WebSocket server have to ask for. */
    readonly path?: string;
  };
}

const ANY = { IPv4: "0.0.0.0", IPv6: "::" } as const;

/**
 * Where to listen for a URL: on all IPv4 interfaces where it names no host, in the group where it names one.
 *
 * @throws OscServerError `OSC_OPTION` for what can only be connected to
 */
export function listeningPlace(url: OscUrl): ListeningPlace {
  const { transport, port, path, framing } = url;
  const host = url.host ?? ANY.IPv4;
  const plain = { address: [host, port], socket: null, options: framing === null ? {} : { framing } } as const;
  switch (transport) {
    case "udp":
      if (!isMulticast(host)) return plain;
      return {
        ...plain,
        address: [host.includes(":") ? ANY.IPv6 : ANY.IPv4, port],
        options: { multicastGroups: [host], reuseAddress: true },
      };
    case "tcp":
      return plain;
    case "unix":
      return { ...plain, socket: { path: path ?? "" } };
    case "websocket":
      if (url.isSecure)
        throw urlError(`${maskSecrets(formatOscUrl(url))} cannot be listened on: put a web server with a certificate before ws://.`);
      if (path?.includes("?") === true)
        throw urlError(`${maskSecrets(formatOscUrl(url))} asks for something after a "?", which is for those who connect: leave it out.`);
      return { ...plain, options: path === "/" || path === null ? {} : { path } };
  }
}
