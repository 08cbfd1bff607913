import type { PacketLinkFactory } from "../client/packet-link.ts";
import { openOnWs } from "../client/node-websocket-client.ts";
import { TcpLink } from "../client/tcp-link.ts";
import { UdpLink } from "../client/udp-link.ts";
import { WebSocketLink } from "../client/websocket-link.ts";
import { createTransport, tcpSpec, udpSpec } from "../server/road/transports.ts";
import { websocketSpec } from "../server/websocket-server.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";
import { isMulticast } from "./addresses.ts";
import { type BridgeEndpoint, endpointError, formatEndpoint } from "./endpoint.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const LOCAL_HOST = "127.0.0.1";

/** What the sockets of a bridge have in common. */
export interface SocketOptions {
  readonly maxPacketSize: number;
  /** How many bytes may wait for one client, or on their way to one target. */
  readonly maxBuffered: number;
  readonly origins: readonly string[];
}

/** A socket that waits for packets, or for clients that bring them. It is not open yet. */
export function listenerOf(endpoint: BridgeEndpoint, events: TransportEvents, options: SocketOptions): Transport {
  const { transport, port, path, isSecure } = endpoint;
  const host = endpoint.host ?? "0.0.0.0";
  const framing = endpoint.framing === null ? {} : { framing: endpoint.framing };
  const { maxPacketSize, maxBuffered, origins } = options;
  switch (transport) {
    case "udp":
      return createTransport(udpSpec(...udpPlace(host, port)), events);
    case "tcp":
      return createTransport(tcpSpec([host, port], { ...framing, maxPacketSize, maxBuffered }), events);
    case "unix":
      return createTransport(tcpSpec({ path: path ?? "" }, { ...framing, maxPacketSize, maxBuffered }), events);
    case "websocket": {
      if (isSecure)
        throw endpointError(`${formatEndpoint(endpoint)} cannot be listened on: put a web server with a certificate before ws://.`);
      const place = path === "/" ? {} : { path: path ?? "/" };
      return createTransport(websocketSpec([host, port], { ...place, origins, maxPacketSize, maxBuffered }), events);
    }
  }
}

/** Makes connections to a target, or sockets that send to it. */
export function linksTo(endpoint: BridgeEndpoint, { maxPacketSize, maxBuffered }: SocketOptions): PacketLinkFactory {
  const { transport, port, path, framing } = endpoint;
  const host = endpoint.host ?? LOCAL_HOST;
  const target = formatEndpoint({ ...endpoint, host });
  if (transport !== "unix" && port === 0) throw endpointError(`${target}: port 0 is for listening; write the port of the receiver.`);
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

function udpPlace(host: string, port: number): Parameters<typeof udpSpec> {
  if (!isMulticast(host)) return [[host, port], {}];
  return [[host.includes(":") ? "::" : "0.0.0.0", port], { multicastGroups: [host], reuseAddress: true }];
}
