import type { PacketLinkFactory } from "../client/connection.ts";
import { openOnWs } from "../client/node-websocket-client.ts";
import { TcpLink } from "../client/tcp-link.ts";
import { UdpLink } from "../client/udp-link.ts";
import { WebSocketLink } from "../client/websocket-link.ts";
import { listenOptions } from "../server/listen-options.ts";
import { createTransport, tcpSpec, udpSpec } from "../server/transports.ts";
import { websocketSpec } from "../server/websocket-server.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { urlError } from "../url/url-error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const LOCAL_HOST = "127.0.0.1";

/** What the sockets of a bridge have in common. */
export interface SocketOptions {
  readonly maxPacketSize: number;
  /** How many bytes may wait for one client, or on their way to one target. */
  readonly maxBuffered: number;
  readonly origins: readonly string[];
}

/**
 * A socket that waits for packets, or for clients that bring them. It is not open yet.
 *
 * @param limits by default those of the servers
 * @throws OscServerError `OSC_OPTION` for what cannot be listened on
 */
export function listenerOf(url: OscUrl, events: TransportEvents, limits: Partial<SocketOptions> = {}): Transport {
  const { address, socket, options } = listenOptions(url);
  switch (url.transport) {
    case "udp":
      return createTransport(udpSpec(address, options), events);
    case "tcp":
    case "unix":
      return createTransport(tcpSpec(socket ?? address, { ...options, ...limits }), events);
    case "websocket":
      return createTransport(websocketSpec(address, { ...options, ...limits }), events);
  }
}

/** Makes connections to a target, or sockets that send to it. */
export function linksTo(url: OscUrl, { maxPacketSize, maxBuffered }: SocketOptions): PacketLinkFactory {
  const { transport, port, path, framing } = url;
  const host = url.host ?? LOCAL_HOST;
  const target = formatOscUrl({ ...url, host });
  if (transport !== "unix" && port === 0) throw urlError(`${target}: port 0 is for listening; write the port of the receiver.`);
  switch (transport) {
    case "udp": {
      // Who names a broadcast address means it.
      const spec = { host, port, family: 0, localAddress: null, localPort: 0, connected: false, receiver: null } as const;
      return (events) => new UdpLink({ ...spec, options: { broadcast: true } }, events);
    }
    case "tcp":
    case "unix": {
      const stream = { framing: framing ?? "1.1", maxPacketSize, connectTimeout: CONNECT_TIMEOUT_MS, noDelay: true, keepAlive: true };
      return (events) => new TcpLink({ path, host, port, target, ...stream }, events);
    }
    case "websocket": {
      const openWebSocket = openOnWs({ maxPayload: maxPacketSize, headers: {} });
      return (events) => new WebSocketLink({ url: target, connectTimeout: CONNECT_TIMEOUT_MS, maxBuffered, openWebSocket }, events);
    }
  }
}
