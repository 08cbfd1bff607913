/** What handlers return: packets to send back to the client. */
import { encode, encodeMessage, OscBundle, OscMessage, type OscPacket } from "../codec/index.ts";
import { OscDispatchError } from "../errors.ts";
import { describe, thrownText } from "../options.ts";
import type { OscReply } from "./handler.ts";

/** Nobody awaits the promises in this value, so a rejection would crash the process. */
export function ignoreRejections(value: unknown): void {
  try {
    for (const each of [value].flat()) if (each instanceof Promise) each.catch(() => undefined);
  } catch {
    // A proxy that can't be inspected.
  }
}

/**
 * Converts a handler's reply to a packet.
 *
 * @throws OscEncodeError if that isn't possible
 */
export function packetOf(reply: OscReply): OscPacket {
  if (typeof reply === "string") return new OscMessage(reply);
  if (reply instanceof OscMessage || reply instanceof OscBundle) return reply;
  return new OscMessage(reply[0], reply.slice(1));
}

/**
 * Encodes a handler's reply.
 *
 * @throws OscEncodeError if it isn't a valid packet
 */
export function encodeReply(reply: OscReply): Uint8Array {
  if (typeof reply === "string") return encodeMessage(reply);
  if (reply instanceof OscMessage || reply instanceof OscBundle) return encode(reply);
  return encodeMessage(reply[0], reply.slice(1));
}

export function isReply(value: unknown): value is OscReply {
  if (Array.isArray(value)) return typeof value[0] === "string";
  return typeof value === "string" || value instanceof OscMessage || value instanceof OscBundle;
}

export function notReply(address: string, value: unknown): OscDispatchError {
  const advice =
    value instanceof Promise ? "Await the promise first" : "Reply with an address, [address, ...arguments], a message or a bundle";
  return new OscDispatchError("OSC_BAD_REPLY", `A handler of ${address} replied with ${describe(value)}. ${advice}.`, address);
}

export function badReply(address: string, cause: unknown): OscDispatchError {
  return new OscDispatchError("OSC_BAD_REPLY", `The reply to ${address} could not be sent: ${thrownText(cause)}`, address, { cause });
}
