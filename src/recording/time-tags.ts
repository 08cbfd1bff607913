import { TimeTag } from "../codec/index.ts";

/** Time tags before 1910 are relative to the beginning of a score or to a device's power-on: nobody means 1900. */
const RELATIVE_SECONDS = 10 * 365.25 * 86_400;
const HEADER_SIZE = 16;

/** Whether the bytes begin like a bundle. */
export function isBundle(data: Uint8Array): boolean {
  return data.length >= HEADER_SIZE && BUNDLE.every((byte, index) => data[index] === byte);
}
const BUNDLE = [0x23, 0x62, 0x75, 0x6e, 0x64, 0x6c, 0x65, 0];

/** The time tag of a bundle. */
export function readTimeTag(bundle: Uint8Array): TimeTag {
  const view = new DataView(bundle.buffer, bundle.byteOffset, HEADER_SIZE);
  return new TimeTag(view.getUint32(8), view.getUint32(12));
}

/** Whether a time tag is relative to a beginning rather than to 1900. */
export function isRelative(tag: TimeTag): boolean {
  return !tag.isImmediate && tag.seconds < RELATIVE_SECONDS;
}

/** Converts a relative time tag to milliseconds from the beginning. */
export function relativeMillis(tag: TimeTag): number {
  return tag.isImmediate ? 0 : tag.seconds * 1000 + (tag.fraction / 2 ** 32) * 1000;
}

/** A copy of the bundle with another time tag; bundles inside it stay as they are. */
export function withTimeTag(bundle: Uint8Array, tag: TimeTag): Uint8Array {
  const copy = bundle.slice();
  writeTimeTag(copy, tag);
  return copy;
}

function writeTimeTag(bundle: Uint8Array, { seconds, fraction }: TimeTag): void {
  const view = new DataView(bundle.buffer, bundle.byteOffset, HEADER_SIZE);
  view.setUint32(8, seconds);
  view.setUint32(12, fraction);
}

/**
 * A copy of the packet with every time tag moved, including those of nested bundles. "Immediately" stays.
 *
 * @param move returns the new time tag
 */
export function moveTimeTags(packet: Uint8Array, move: (tag: TimeTag) => TimeTag): Uint8Array {
  if (!isBundle(packet)) return packet;
  const copy = packet.slice();
  /** Bundles still to process. Bytes after the last bundle stay unchanged. */
  const bundles = [copy];
  for (let bundle = bundles.pop(); bundle !== undefined; bundle = bundles.pop()) {
    const tag = readTimeTag(bundle);
    if (!tag.isImmediate) writeTimeTag(bundle, move(tag));
    const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
    for (let position = HEADER_SIZE; position + 4 <= bundle.length;) {
      const size = view.getInt32(position);
      position += 4;
      if (size <= 0 || position + size > bundle.length) break;
      const element = bundle.subarray(position, position + size);
      if (isBundle(element)) bundles.push(element);
      position += size;
    }
  }
  return copy;
}
