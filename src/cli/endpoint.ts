import { isIPv6 } from "node:net";
import type { PacketClient } from "../client/packet-client.ts";
import type { ReceiverName } from "../client/receivers.ts";
import { TCPClient } from "../client/tcp-client.ts";
import { UDPClient } from "../client/udp-client.ts";
import type { ErrorListener } from "../dispatch/index.ts";
import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { createTransport, tcpSpec, udpSpec } from "../server/road/transports.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import type { Framing, OscUrl } from "./url.ts";
import { UsageError } from "../text/usage-error.ts";

const ANY = { IPv4: "0.0.0.0", IPv6: "::" } as const;

const LOCAL_HOST = "127.0.0.1";

/** Where to listen, as servers and transports want it. */
export interface ListeningPlace {
  readonly host: string;
  readonly port: number;
  readonly options: {
    readonly multicastGroups?: readonly string[];
    readonly reuseAddress?: boolean;
    readonly framing?: Framing;
  };
}

/** Where to listen for a URL: on all interfaces where it names no host, in the group where it names one. */
export function listeningPlace({ transport, host, port, framing }: OscUrl): ListeningPlace {
  if (transport === "tcp") return { host: host ?? ANY.IPv4, port, options: framing === null ? {} : { framing } };
  if (host === null || !isMulticast(host)) return { host: host ?? ANY.IPv4, port, options: {} };
  return { host: isIPv6(host) ? ANY.IPv6 : ANY.IPv4, port, options: { multicastGroups: [host], reuseAddress: true } };
}

/** What a listener tells. */
export interface ListenerEvents {
  onPacket(data: Uint8Array, from: NetAddress): void;
  onError(error: OscError, from?: NetAddress): void;
}

/** Sockets that receive what a URL says. They are not open yet. */
export function createListener(url: OscUrl, events: ListenerEvents): Transport {
  const transportEvents = {
    onPacket: (data: Uint8Array, peer: Peer): void => {
      events.onPacket(data, peer.address);
      peer.settled(data.length);
    },
    onError: (error: OscError, from?: NetAddress): void => events.onError(error, from),
    refusal: (): null => null,
    onConnection: (): void => undefined,
  };
  const { host, port, options } = listeningPlace(url);
  const spec = url.transport === "udp" ? udpSpec([host, port], options) : tcpSpec([host, port], options);
  return createTransport(spec, transportEvents);
}

/** A client that sends to what a URL says: to this machine where it names no host. */
export function createSender(
  url: OscUrl,
  options: { readonly numbers: "auto" | "float"; readonly for?: ReceiverName; readonly onError: ErrorListener },
): PacketClient {
  if (url.port === 0) throw new UsageError("Port 0 is for listening: write the port of the receiver.");
  if (url.transport === "tcp") {
    // Who types a command wants to know at once that nobody listens.
    return new TCPClient(url.host ?? LOCAL_HOST, url.port, { ...options, framing: url.framing ?? "1.1", reconnect: false });
  }
  // Who types a broadcast address means it.
  return new UDPClient(url.host ?? LOCAL_HOST, url.port, { ...options, broadcast: true });
}

function isMulticast(host: string): boolean {
  return /^(?:22[4-9]|23\d)\.\d/.test(host) || /^ff[\da-f]{2}:/i.test(host);
}
