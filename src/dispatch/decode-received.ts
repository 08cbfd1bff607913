import { decode, type DecodeOptions, type OscPacket } from "../codec/index.ts";
import { OscDecodeError } from "../errors.ts";
import { leaveOutStackTraces } from "../stack-traces.ts";

/**
 * Decodes what a peer has sent, at less cost where it is bad: the errors of the decoder have no stack trace.
 *
 * @returns the packet, or why nothing of it can be read
 */
export function decodeReceived(data: Uint8Array, options?: DecodeOptions): OscPacket | OscDecodeError {
  const before = leaveOutStackTraces(true);
  try {
    return decode(data, options);
  } catch (error) {
    if (error instanceof OscDecodeError) return error;
    throw error;
  } finally {
    leaveOutStackTraces(before);
  }
}
