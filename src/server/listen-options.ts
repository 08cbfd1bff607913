import { isMulticast } from "../net-address.ts";
import type { Framing } from "../framing/index.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { optionError } from "../options.ts";
import { maskSecrets } from "../url/secrets.ts";

/** The arguments of a server that listens on a URL. */
export interface ListenOptions {
  /** Not used for Unix domain sockets. */
  readonly address: readonly [host: string, port: number];
  /** Only for Unix domain sockets. */
  readonly socket: { readonly path: string } | null;
  readonly options: {
    readonly multicastGroups?: readonly string[];
    readonly multicastInterface?: string;
    readonly reuseAddress?: boolean;
    readonly framing?: Framing;
    /** The path that WebSocket clients have to ask for. */
    readonly path?: string;
  };
}

/** The options of a server on a URL's serial port. */
export function serialOptions({ path, framing }: OscUrl): { readonly name: string; readonly framing?: Framing } {
  return { name: path ?? "", ...(framing === null ? {} : { framing }) };
}

const ANY = { IPv4: "0.0.0.0", IPv6: "::" } as const;

/**
 * Where to listen for a URL: on all IPv4 interfaces if it has no host, in the multicast group if its host is a multicast address.
 *
 * @throws OscServerError `OSC_OPTION` for a URL that can only be connected to
 */
export function listenOptions(url: OscUrl): ListenOptions {
  const { transport, port, path, framing, multicastInterface } = url;
  const host = url.host ?? ANY.IPv4;
  const plain = { address: [host, port], socket: null, options: framing === null ? {} : { framing } } as const;
  switch (transport) {
    case "udp":
      if (!isMulticast(host)) return plain;
      return {
        ...plain,
        address: [host.includes(":") ? ANY.IPv6 : ANY.IPv4, port],
        options: {
          multicastGroups: [host],
          reuseAddress: true,
          ...(multicastInterface !== undefined && { multicastInterface }),
        },
      };
    case "tcp":
      return plain;
    case "unix":
      return { ...plain, socket: { path: path ?? "" } };
    case "serial":
      throw optionError(`${formatOscUrl(url)} is a serial port, which only async servers support.`);
    case "websocket":
      if (url.isSecure)
        throw optionError(`${maskSecrets(formatOscUrl(url))} can't be listened on: put a web server with a certificate in front of ws://.`);
      if (path?.includes("?") === true)
        throw optionError(`${maskSecrets(formatOscUrl(url))} has a query after "?", which only clients can use: leave it out.`);
      return { ...plain, options: path === "/" || path === null ? {} : { path } };
  }
}
