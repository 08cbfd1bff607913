/** What travels beside a packet: the headers, and how a sender is written. Pure. */
import type { NetAddress } from "../net-address.ts";

/**
 * The client that sent the packet: family, port and address, as `IPv4 57120 10.0.0.5`.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(CLIENT_HEADER)));
 */
export const CLIENT_HEADER = "Oscine-Client";
/**
 * By what it came to the front end: `udp`, `tcp` or `websocket`.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(TRANSPORT_HEADER)));
 */
export const TRANSPORT_HEADER = "Oscine-Transport";
/**
 * The subject that replies to the client are to be published to.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(REPLY_HEADER)));
 */
export const REPLY_HEADER = "Oscine-Reply";
/**
 * Of a bundle that has been scheduled: bundles inside that are dated later than this, in milliseconds since 1970, come by themselves.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(AS_OF_HEADER)));
 */
export const AS_OF_HEADER = "Oscine-As-Of";
/**
 * The ids of the front ends and bridges that the packet came through, with commas between them. One that finds its own id there has met a loop.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(VIA_HEADER)));
 */
export const VIA_HEADER = "Oscine-Via";
/**
 * The id of the packet; a stream passes over one that it has had within its `duplicateWindow`.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc.>", null, (message) => console.log(message.header(ID_HEADER)));
 */
export const ID_HEADER = "Nats-Msg-Id";
/**
 * Of a dead letter: why nobody could handle it.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc_dead.>", null, (message) => console.log(message.header(REASON_HEADER)));
 */
export const REASON_HEADER = "Oscine-Reason";
/**
 * Of a dead letter: how often it was delivered.
 *
 * @example
 * const link = await NatsLink.open({}, { onError: console.error });
 * link.subscribe("osc_dead.>", null, (message) => console.log(message.header(DELIVERIES_HEADER)));
 */
export const DELIVERIES_HEADER = "Oscine-Deliveries";

/** Headers by their names. */
export type PacketHeaders = Readonly<Record<string, string>>;

/** A packet that no front end sent has no client. */
const NO_CLIENT: NetAddress = Object.freeze({ address: "(nats)", port: 0, family: "unix" });

/**
 * An address as the header {@link CLIENT_HEADER} has it.
 *
 * @example
 * clientHeader({ address: "10.0.0.5", port: 57120, family: "IPv4" }); // IPv4 57120 10.0.0.5
 */
export function clientHeader({ address, port, family }: NetAddress): string {
  // NATS takes spaces from the end of a value; a lone `-` is no address of the other families.
  return `${family} ${port} ${address === "" ? "-" : encodeURI(address)}`;
}

/**
 * The address in a header; where it holds none, one that says so.
 *
 * @example
 * clientOf("IPv4 57120 10.0.0.5").port; // 57120
 */
export function clientOf(header: string): NetAddress {
  const [, family = "", port = "", address = ""] = /^(IPv4|IPv6|unix) (\d{1,5}) (\S*)$/.exec(header) ?? [];
  const number = Number(port);
  if (family === "" || number > 65_535) return NO_CLIENT;
  return { address: address === "-" ? "" : decoded(address), port: number, family: family as NetAddress["family"] };
}

/** The time in {@link AS_OF_HEADER}, or undefined where it holds none. */
export function asOfOf(header: string): number | undefined {
  const time = Number(header);
  return header !== "" && Number.isFinite(time) ? time : undefined;
}

/**
 * Whether a packet has come through the one with that id.
 *
 * @example
 * hasPassed("stage-1,stage-2", "stage-2"); // true
 */
export function hasPassed(via: string, id: string): boolean {
  return via.split(",").includes(id);
}

/**
 * The header {@link VIA_HEADER} of a packet that goes on through the one with that id.
 *
 * @example
 * viaHeader("stage-1", "stage-2"); // stage-1,stage-2
 */
export function viaHeader(before: string, id: string): string {
  return before === "" ? id : `${before},${id}`;
}

function decoded(address: string): string {
  try {
    return decodeURI(address);
  } catch {
    return address;
  }
}
