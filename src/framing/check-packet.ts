import { OscEncodeError } from "../errors.ts";

/** Throws where a caller gave something that is not bytes, such as the text of a stream on which an encoding is set. */
export function checkBytes(bytes: Uint8Array): void {
  // By its tag and not by instanceof: bytes may come from another realm, such as a frame of a page.
  if ((bytes as Uint8Array | null | undefined)?.[Symbol.toStringTag] !== "Uint8Array") {
    throw new OscEncodeError("OSC_VALUE_TYPE", `Framing works on bytes, not on a value of type ${typeof bytes}; give a Uint8Array`, bytes);
  }
}

/** Throws where a caller wants to frame something that is not bytes, or no bytes. */
export function checkPacket(packet: Uint8Array): void {
  checkBytes(packet);
  if (packet.length === 0 || packet.length > 0x7fffffff) {
    const message = `A packet has 1 to 2147483647 bytes, not ${packet.length}; give an encoded message or bundle`;
    throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", message, packet);
  }
}
