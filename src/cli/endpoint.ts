import { HANDLED } from "../packet-result.ts";
import { listenerOf } from "../bridge/sockets.ts";
import type { PacketClient } from "../client/packet-client.ts";
import type { ReceiverName } from "../client/receivers.ts";
import { WebSocketClient } from "../client/node-websocket-client.ts";
import { TCPClient } from "../client/tcp-client.ts";
import { UDPClient } from "../client/udp-client.ts";
import type { ErrorListener } from "../dispatch/index.ts";
import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { UsageError } from "../text/usage-error.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import { type OscUrl, formatOscUrl } from "../url/osc-url.ts";
import { asUsage } from "./url.ts";

const LOCAL_HOST = "127.0.0.1";

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
      peer.settled(data.length, HANDLED);
    },
    onError: (error: OscError, from?: NetAddress): void => events.onError(error, from),
    refusal: (): null => null,
    onConnection: (): void => undefined,
  };
  return asUsage(() => listenerOf(url, transportEvents));
}

/** A client that sends to what a URL says: to this machine where it names no host. */
export function createSender(
  url: OscUrl,
  options: { readonly numbers: "auto" | "float"; readonly for?: ReceiverName; readonly onError: ErrorListener },
): PacketClient {
  const host = url.host ?? LOCAL_HOST;
  const { transport, port, path } = url;
  if (port === 0 && transport !== "unix") throw new UsageError("Port 0 is for listening: write the port of the receiver.");
  // Who types a command wants to know at once that nobody listens.
  const connection = { ...options, reconnect: false };
  const stream = { ...connection, framing: url.framing ?? "1.1" } as const;
  switch (transport) {
    case "udp":
      // Who types a broadcast address means it.
      return new UDPClient(host, port, { ...options, broadcast: true });
    case "tcp":
      return new TCPClient(host, port, stream);
    case "unix":
      return new TCPClient({ path: path ?? "" }, stream);
    case "websocket":
      return new WebSocketClient(formatOscUrl({ ...url, host }), connection);
  }
}
