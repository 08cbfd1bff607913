import { networkInterfaces } from "node:os";
import type { PacketClient } from "../client/packet-client.ts";
import type { ReceiverName } from "../client/receivers.ts";
import type { ErrorListener } from "../dispatch/index.ts";
import { type OscError, OscServerError } from "../errors.ts";
import { type NetAddress, isMulticast } from "../net-address.ts";
import { HANDLED } from "../packet-result.ts";
import { UsageError } from "../text/usage-error.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import { isNatsUrl } from "../url/nats-url.ts";
import { type OscUrl, formatOscUrl, parseOscUrl } from "../url/osc-url.ts";
import { maskSecrets } from "../url/secrets.ts";

const LOCAL_HOST = "127.0.0.1";

/**
 * Parses a command line word as a URL.
 *
 * @throws UsageError that names the invalid part
 */
export function parseUrl(text: string): OscUrl {
  if (isNatsUrl(text)) {
    throw new UsageError(
      `"${maskSecrets(text)}" is a NATS URL. Use it with "oscine bridge", or as --nats of "oscine serve" and "oscine work".`,
    );
  }
  const url = asUsage(() => parseOscUrl(text));
  if (url.listens)
    throw new UsageError(`"${maskSecrets(text)}" has ?listen, which is valid only for targets of "oscine bridge": leave it out.`);
  return url;
}

/**
 * Adds the network interface, by name or address, to the URL of a multicast group.
 *
 * @throws UsageError if the URL isn't a multicast group or this machine lacks the interface
 */
export function withInterface(url: OscUrl, name: string | undefined): OscUrl {
  if (name === undefined) return url;
  const { host } = url;
  if (url.transport !== "udp" || host === null || !isMulticast(host)) {
    throw new UsageError(`--interface needs a multicast address such as 239.0.0.1:9000; ${shownUrl(url)} isn't one.`);
  }
  const interfaces = Object.entries(networkInterfaces()).flatMap(([one, addresses = []]) =>
    addresses.map((info) => ({ ...info, name: one })),
  );
  const family = host.includes(":") ? "IPv6" : "IPv4";
  const found = interfaces.find((one) => one.family === family && (one.name === name || one.address === name));
  if (found !== undefined) return { ...url, multicastInterface: family === "IPv6" ? `::%${found.name}` : found.address };
  const names = [...new Set(interfaces.filter((one) => one.family === family).map((one) => `${one.name} (${one.address})`))];
  throw new UsageError(`No network interface "${name}" has an ${family} address. Available: ${names.join(", ")}.`);
}

/** The URL of an OSCQuery server: `http://host:port`, or only `host:port`. */
export function queryUrl(text: string): string {
  return text.includes("://") ? text : `http://${text}`;
}

/** Calls a function and converts its option errors to usage errors. */
export function asUsage<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw usageOf(error);
  }
}

/** The same for an async function. */
export async function asUsageLater<Result>(make: () => Promise<Result>): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    throw usageOf(error);
  }
}

function usageOf(error: unknown): unknown {
  return error instanceof OscServerError && error.code === "OSC_OPTION" ? new UsageError(error.message) : error;
}

/** The URL with the socket's bound address and port. */
export function boundUrl(url: OscUrl, { address, port }: Pick<NetAddress, "address" | "port">): OscUrl {
  return url.transport === "unix" || url.transport === "serial" ? { ...url, path: address } : { ...url, host: address, port };
}

/** The URL without secrets in its query. */
export function shownUrl(url: OscUrl): string {
  return maskSecrets(formatOscUrl(url));
}

/** Events of a listener. */
export interface ListenerEvents {
  onPacket(data: Uint8Array, from: NetAddress): void;
  onError(error: OscError, from?: NetAddress): void;
}

/**
 * Creates a transport that receives at a URL. It isn't open yet.
 *
 * @param origins pages that may connect to `ws://` besides those of this machine
 * @throws UsageError if it's impossible to listen at the URL
 */
export async function createListener(url: OscUrl, events: ListenerEvents, origins: readonly string[] = []): Promise<Transport> {
  const { listenerOf } = await import("../bridge/sockets.ts");
  const transportEvents = {
    onPacket: (data: Uint8Array, peer: Peer): void => {
      events.onPacket(data, peer.address);
      peer.settled?.(data.length, HANDLED);
    },
    onError: (error: OscError, from?: NetAddress): void => events.onError(error, from),
    refusal: (): null => null,
    onConnection: (): void => undefined,
  };
  return asUsage(() => listenerOf(url, transportEvents, { origins, originsOption: "--origin" }));
}

export interface SenderOptions {
  readonly numbers: "auto" | "float";
  readonly for?: ReceiverName;
  readonly onError: ErrorListener;
}

/** Creates a client for a URL; a URL without a host means this machine. Imports each transport on demand. */
export async function createSender(url: OscUrl, options: SenderOptions): Promise<PacketClient> {
  const host = url.host ?? LOCAL_HOST;
  const { transport, port, path } = url;
  if (port === 0 && transport !== "unix" && transport !== "serial")
    throw new UsageError("Port 0 is only for listening: write the port of the receiver.");
  // On the command line, fail immediately if nothing listens.
  const connection = { ...options, reconnect: false };
  const stream = { ...connection, framing: url.framing ?? "1.1" } as const;
  switch (transport) {
    case "udp": {
      const { UDPClient } = await import("../client/udp-client.ts");
      // A broadcast address on the command line is intentional.
      const { multicastInterface } = url;
      const socket = { broadcast: true, ...(multicastInterface !== undefined && { multicastInterface }) };
      return asUsage(() => new UDPClient(host, port, { ...options, ...socket }));
    }
    case "tcp":
    case "unix": {
      const { TCPClient } = await import("../client/tcp-client.ts");
      return asUsage(() => (transport === "tcp" ? new TCPClient(host, port, stream) : new TCPClient({ path: path ?? "" }, stream)));
    }
    case "serial": {
      const { StreamClient } = await import("../client/node-stream-client.ts");
      return asUsage(() => new StreamClient(formatOscUrl(url), connection));
    }
    case "websocket": {
      const { WebSocketClient } = await import("../client/node-websocket-client.ts");
      return asUsage(() => new WebSocketClient(formatOscUrl({ ...url, host }), connection));
    }
  }
}
