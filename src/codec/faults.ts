import { OscDecodeError } from "../errors.ts";
import { OscBundle, type OscPacket } from "./bundle.ts";
import { decode } from "./decode.ts";

/** Reads a packet to show it: what cannot be read at all is given as its error. */
export function decodeOrFault(data: Uint8Array): OscPacket | OscDecodeError {
  try {
    return decode(data);
  } catch (error) {
    if (error instanceof OscDecodeError) return error;
    throw error;
  }
}

/** What is wrong with a packet that was read all the same. */
export function faultsOf(packet: OscPacket): readonly OscDecodeError[] {
  return packet instanceof OscBundle ? [...packet.errors, ...packet.elements.flatMap(faultsOf)] : packet.errors;
}
