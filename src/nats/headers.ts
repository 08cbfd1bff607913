/** The headers of a packet, and how a sender is written in them. Pure. */
import type { NetAddress } from "../net-address.ts";
import { bad, checkString } from "../options.ts";

/**
 * The client that sent the packet: family, port and address, as `IPv4 57120 10.0.0.5`.
 *
 * @example console.log(CLIENT_HEADER); // Oscine-Client
 */
export const CLIENT_HEADER = "Oscine-Client";
/**
 * How it came to the front end: `udp`, `tcp` or `websocket`.
 *
 * @example console.log(TRANSPORT_HEADER); // Oscine-Transport
 */
export const TRANSPORT_HEADER = "Oscine-Transport";
/**
 * The subject that replies to the client are published to.
 *
 * @example console.log(REPLY_HEADER); // Oscine-Reply
 */
export const REPLY_HEADER = "Oscine-Reply";
/**
 * For a bundle that has been scheduled: nested bundles dated later than this, in milliseconds since 1970, come by themselves.
 *
 * @example console.log(AS_OF_HEADER); // Oscine-As-Of
 */
export const AS_OF_HEADER = "Oscine-As-Of";
/**
 * The ids of the front ends and bridges that the packet came through, separated by commas. One that finds its own id there is part of a loop.
 *
 * @example console.log(VIA_HEADER); // Oscine-Via
 */
export const VIA_HEADER = "Oscine-Via";
/**
 * The id of the packet; a stream ignores one that it has had within its `duplicateWindow`.
 *
 * @example console.log(ID_HEADER); // Nats-Msg-Id
 */
export const ID_HEADER = "Nats-Msg-Id";
/**
 * For a dead letter: why nobody could handle it.
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

/** Room for these headers beside a packet, in bytes. */
export const HEADER_ROOM = 1024;

/** Headers by name. */
export type PacketHeaders = Readonly<Record<string, string>>;

/** The client of a packet that no front end sent. */
const NO_CLIENT: NetAddress = Object.freeze({ address: "(nats)", port: 0, family: "unix" });

/**
 * An address as the header {@link CLIENT_HEADER} has it.
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
 * The address in a header, or one that says that there is none.
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

/** The time in {@link AS_OF_HEADER}, or undefined if it has none. */
export function asOfOf(header: string): number | undefined {
  const time = Number(header);
  return header !== "" && Number.isFinite(time) ? time : undefined;
}

/**
 * Whether a packet has come through the front end or bridge with that id.
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
 * The header {@link VIA_HEADER} of a packet that the front end or bridge with that id passes on.
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
