import type { KnownAddress } from "../address/index.ts";
import { decodeMessage } from "../codec/decode.ts";
import { decode, type DecodeOptions, type OscPacket } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { leaveOutStackTraces } from "../stack-traces.ts";

/**
 * Decodes what a peer has sent, at less cost where it is bad: the errors of the decoder have no stack trace.
 *
 * @param known the address of the message, where that is known already
 * @returns the packet, or why nothing of it can be read
 */
export function decodeReceived(
  data: Uint8Array,
  options?: DecodeOptions,
  known?: Pick<KnownAddress<unknown>, "address" | "size">,
): OscPacket | OscDecodeError {
  const before = leaveOutStackTraces(true);
  try {
    return known === undefined ? decode(data, options) : decodeMessage(data, known.address, known.size, options);
  } catch (error) {
    if (error instanceof OscDecodeError) return error;
    throw error;
  } finally {
    leaveOutStackTraces(before);
  }
}
