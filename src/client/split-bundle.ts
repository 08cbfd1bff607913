import { OscBundle, type OscPacket } from "../codec/index.ts";
import { OscEncodeError } from "../errors.ts";

/** `#bundle`, its NUL and the time tag. */
const HEADER_SIZE = 16;
/** The size before each element. */
const SIZE_SIZE = 4;

/**
 * Splits a bundle into bundles of at most `maxSize` bytes with the same time tag. Messages stay whole and in order. Returns a packet that fits
 * unchanged.
 *
 * @param encode the packet's bytes as they will be sent
 * @throws OscEncodeError `OSC_PACKET_TOO_LARGE` if a message doesn't fit
 */
export function splitPacket(packet: OscPacket, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly Uint8Array[] {
  const whole = encode(packet);
  if (whole.length <= maxSize) return [whole];
  if (!(packet instanceof OscBundle)) {
    const text = `The message ${packet.address} has ${whole.length} bytes, and at most ${maxSize} fit into a datagram. Send less at once, or use TCP.`;
    throw new OscEncodeError("OSC_PACKET_TOO_LARGE", text, packet);
  }
  return splitBundle(packet, maxSize, encode).map((part) => encode(part));
}

function splitBundle(bundle: OscBundle, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly OscBundle[] {
  const parts: OscBundle[] = [];
  let elements: OscPacket[] = [];
  let size = HEADER_SIZE;
  const flush = (): void => {
    if (elements.length > 0) parts.push(new OscBundle(elements, bundle.timeTag));
    elements = [];
    size = HEADER_SIZE;
  };
  for (const element of bundle.elements) {
    for (const piece of fitting(element, maxSize - HEADER_SIZE - SIZE_SIZE, encode)) {
      const needed = SIZE_SIZE + encode(piece).length;
      if (size + needed > maxSize) flush();
      elements.push(piece);
      size += needed;
    }
  }
  flush();
  return parts;
}

/** An element as it fits into a bundle: itself, or the parts of a nested bundle. */
function fitting(element: OscPacket, maxSize: number, encode: (packet: OscPacket) => Uint8Array): readonly OscPacket[] {
  const { length } = encode(element);
  if (length <= maxSize) return [element];
  if (element instanceof OscBundle) return splitBundle(element, maxSize, encode);
  const text = `The message ${element.address} has ${length} bytes, and at most ${maxSize} fit into a bundle in a datagram. Send less at once, or use TCP.`;
  throw new OscEncodeError("OSC_PACKET_TOO_LARGE", text, element);
}
