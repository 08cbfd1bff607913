import type { PacketLinkFactory } from "../client/link.ts";
import { openOnWs } from "../client/node-websocket-client.ts";
import { serialSource } from "../client/node-stream-client.ts";
import { StreamLink } from "../client/stream-link.ts";
import { TcpLink } from "../client/tcp-link.ts";
import { UdpLink } from "../client/udp-link.ts";
import { WebSocketLink } from "../client/websocket-link.ts";
import { listenOptions, serialOptions } from "../server/listen-options.ts";
import { streamSpec } from "../server/stream-server.ts";
import { createTransport, tcpSpec, udpSpec } from "../server/transports.ts";
import { websocketSpec } from "../server/websocket-server.ts";
import type { NetAddress } from "../net-address.ts";
import { StreamTransport } from "../transport/stream.ts";
import type { Peer, Transport, TransportEvents } from "../transport/transport.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { optionError } from "../options.ts";
import { maskSecrets } from "../url/secrets.ts";
import type { PacketRoute } from "./loop-guard.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const LOCAL_HOST = "127.0.0.1";

/** Called with each received packet. */
export type Take = (packet: Uint8Array, peer: Peer, route: PacketRoute) => void;

/** The source of a bridge's packets. */
export interface Source {
  /** Connected clients, if the transport has connections. */
  readonly clients: ReadonlySet<Peer>;
  /** Starts listening and resolves with the address. */
  open(): Promise<NetAddress>;
  close(): Promise<void>;
}

/** Common options of a bridge's sockets. */
export interface SocketOptions {
  readonly maxPacketSize: number;
  /** Maximum bytes buffered for one client or in flight to one target. */
  readonly maxBuffered: number;
  readonly origins: readonly string[];
  /** The name of the option or flag for `origins`, for error messages. */
  readonly originsOption: string;
}

/**
 * Creates a transport that receives at a URL. It isn't open yet.
 *
 * @param settings default: the same as for servers
 * @throws OscServerError `OSC_OPTION` if it's impossible to listen at the URL
 */
export function listenerOf(url: OscUrl, events: TransportEvents, settings: Partial<SocketOptions> = {}): Transport {
  const { origins, originsOption, ...limits } = settings;
  if (url.transport === "serial") return new StreamTransport(streamSpec(serialSource(url), { ...serialOptions(url), ...limits }), events);
  const { address, socket, options } = listenOptions(url);
  switch (url.transport) {
    case "udp":
      return createTransport(udpSpec(address, options), events);
    case "tcp":
    case "unix":
      return createTransport(tcpSpec(socket ?? address, { ...options, ...limits }), events);
    case "websocket":
      return createTransport(
        websocketSpec(address, { ...options, ...limits, ...(origins === undefined ? {} : { origins }) }, originsOption),
        events,
      );
  }
}

/** Returns a factory for connections or sockets to a target. */
export function linksTo(url: OscUrl, { maxPacketSize, maxBuffered }: SocketOptions): PacketLinkFactory {
  const { transport, port, path, framing } = url;
  const host = url.host ?? LOCAL_HOST;
  const target = formatOscUrl({ ...url, host });
  if (transport !== "unix" && transport !== "serial" && port === 0)
    throw optionError(`${maskSecrets(target)}: port 0 is only for listening; write the port of the receiver.`);
  switch (transport) {
    case "udp": {
      // A broadcast address in the URL is intentional.
      const spec = { host, port, family: 0, localAddress: null, localPort: 0, connected: false, native: false, receiver: null } as const;
      return (events) => new UdpLink({ ...spec, options: { broadcast: true } }, events);
    }
    case "tcp":
    case "unix": {
      const stream = { framing: framing ?? "1.1", maxPacketSize, connectTimeout: CONNECT_TIMEOUT_MS, noDelay: true, keepAlive: true };
      return (events) => new TcpLink({ path, host, port, target, ...stream }, events);
    }
    case "serial": {
      const stream = {
        framing: framing ?? "1.1",
        midStream: true,
        maxPacketSize,
        connectTimeout: CONNECT_TIMEOUT_MS,
        baudRate: 0,
      } as const;
      return (events) => new StreamLink({ source: serialSource(url), name: path ?? "", ...stream }, events);
    }
    case "websocket": {
      const openWebSocket = openOnWs({ maxPayload: maxPacketSize, headers: {} });
      return (events) => new WebSocketLink({ url: target, connectTimeout: CONNECT_TIMEOUT_MS, maxBuffered, openWebSocket }, events);
    }
  }
}
