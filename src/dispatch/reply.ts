import { type OscArgument, OscBundle, OscMessage, type OscPacket } from "../codec/index.ts";
import { OscDispatchError } from "../errors.ts";
import { describeValue } from "./describe-value.ts";

/**
 * The packet that a handler's answer stands for, or `undefined` where it answered nothing.
 *
 * @param value what the handler returned or passed to `reply`
 * @param address the address of the message that was handled, for the error
 * @throws OscDispatchError `OSC_BAD_REPLY` for anything that is not an `OscReply`
 */
export function toReplyPacket(value: unknown, address: string): OscPacket | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof OscMessage || value instanceof OscBundle) return value;
  try {
    if (typeof value === "string") return new OscMessage(value);
    if (Array.isArray(value) && typeof value[0] === "string") return new OscMessage(value[0], value.slice(1) as OscArgument[]);
  } catch (cause) {
    throw badReply(address, cause);
  }
  throw new OscDispatchError(
    "OSC_BAD_REPLY",
    `A handler of ${address} answered ${describeValue(value)}; a reply is an address, [address, ...arguments], an OscMessage or an OscBundle, and nothing is undefined or null.`,
    address,
  );
}

/** The error for a reply that could not be made, written as bytes, or sent. */
export function badReply(address: string, cause: unknown): OscDispatchError {
  return new OscDispatchError("OSC_BAD_REPLY", `The reply to ${address} could not be sent: ${describeValue(cause)}`, address, { cause });
}
