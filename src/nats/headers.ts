/** The headers of a packet, and the encoding of senders in them. Doesn't depend on Node. */
import type { NetAddress } from "../net-address.ts";
import { bad, checkString } from "../options.ts";

/**
 * The client that sent the packet: family, port and address, as `IPv4 57120 10.0.0.5`.
 *
 * @example console.log(CLIENT_HEADER); // Oscine-Client
 */
export const CLIENT_HEADER = "Oscine-Client";
/**
 * The transport between client and front end: `udp`, `tcp` or `websocket`.
 *
 * @example console.log(TRANSPORT_HEADER); // Oscine-Transport
 */
export const TRANSPORT_HEADER = "Oscine-Transport";
/**
 * The subject for replies to the client.
 *
 * @example console.log(REPLY_HEADER); // Oscine-Reply
 */
export const REPLY_HEADER = "Oscine-Reply";
/**
 * For a scheduled bundle: nested bundles later than this time, in milliseconds since 1970, are published separately.
 *
 * @example console.log(AS_OF_HEADER); // Oscine-As-Of
 */
export const AS_OF_HEADER = "Oscine-As-Of";
/**
 * The ids of the front ends and bridges that the packet has passed, separated by commas. A bridge that finds its own id is part of a loop.
 *
 * @example console.log(VIA_HEADER); // Oscine-Via
 */
export const VIA_HEADER = "Oscine-Via";
/**
 * The id of the packet; a stream ignores ids that it has seen within its `duplicateWindow`.
 *
 * @example console.log(ID_HEADER); // Nats-Msg-Id
 */
export const ID_HEADER = "Nats-Msg-Id";
/**
 * For a dead letter: why it couldn't be handled.
 *
 * @example console.log(REASON_HEADER); // Oscine-Reason
 */
export const REASON_HEADER = "Oscine-Reason";
/**
 * For a dead letter: how often it was delivered.
 *
 * @example console.log(DELIVERIES_HEADER); // Oscine-Deliveries
 */
export const DELIVERIES_HEADER = "Oscine-Deliveries";

/** Bytes reserved for these headers. */
export const HEADER_ROOM = 1024;

/** Headers by name. */
export type PacketHeaders = Readonly<Record<string, string>>;

/** The client of a packet that wasn't published by a front end. */
const NO_CLIENT: NetAddress = Object.freeze({ address: "(nats)", port: 0, family: "unix" });

/**
 * Encodes an address for the header {@link CLIENT_HEADER}.
 *
 * @example
 * clientHeader({ address: "10.0.0.5", port: 57120, family: "IPv4" }); // IPv4 57120 10.0.0.5
 */
export function clientHeader(client: NetAddress): string {
  const { address, port, family } = client ?? {};
  if (typeof address !== "string") throw bad("The client", "a NetAddress, { address, port, family }", client);
  // NATS trims spaces from the end of a value; no IP address is a lone `-`.
  return `${family} ${port} ${address === "" ? "-" : encodeURI(address)}`;
}

/**
 * Decodes the address in a header; returns a placeholder if the header is invalid.
 *
 * @example
 * clientOf("IPv4 57120 10.0.0.5").port; // 57120
 */
export function clientOf(header: string): NetAddress {
  checkString("A header", header);
  const [, family = "", port = "", address = ""] = /^(IPv4|IPv6|unix) (\d{1,5}) (\S*)$/.exec(header) ?? [];
  const number = Number(port);
  if (family === "" || number > 65_535) return NO_CLIENT;
  return { address: address === "-" ? "" : decoded(address), port: number, family: family as NetAddress["family"] };
}

/** Parses {@link AS_OF_HEADER}; undefined if it has no time. */
export function asOfOf(header: string): number | undefined {
  const time = Number(header);
  return header !== "" && Number.isFinite(time) ? time : undefined;
}

/**
 * Whether a packet has passed the front end or bridge with this id.
 *
 * @example
 * hasPassed("stage-1,stage-2", "stage-2"); // true
 */
export function hasPassed(via: string, id: string): boolean {
  checkString("A header", via);
  checkString("An id", id);
  return via.split(",").includes(id);
}

/**
 * Appends the id of a front end or bridge to the header {@link VIA_HEADER}.
 *
 * @example
 * viaHeader("stage-1", "stage-2"); // stage-1,stage-2
 */
export function viaHeader(before: string, id: string): string {
  checkString("A header", before);
  checkString("An id", id);
  return before === "" ? id : `${before},${id}`;
}

function decoded(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address;
  }
}
