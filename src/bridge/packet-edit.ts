import { HASH, SLASH } from "../codec/types.ts";

/** "#bundle", a NUL and the time tag. */
const BUNDLE_HEADER = 16;
const MAX_NESTING = 32;
const NO_BYTES = new Uint8Array(0);

/** Returns a message's new bytes, the same bytes, or null to drop it. */
export type MessageEdit = (message: Uint8Array, header: Uint8Array) => Uint8Array | null;

/**
 * Edits all messages of a packet. Everything else stays identical byte for byte.
 *
 * @param edit called with each message and the first 16 bytes of its enclosing bundle (none outside a bundle)
 * @returns the packet itself if nothing changed; null if nothing is left; undefined if it isn't an OSC packet
 */
export function editPacket(packet: Uint8Array, edit: MessageEdit): Uint8Array | null | undefined {
  return editElement(packet, edit, NO_BYTES, 0);
}

/** Copies a message into its own packet, wrapped in a bundle with the original bundle's time tag. */
export function aloneInBundle(message: Uint8Array, header: Uint8Array): Uint8Array {
  return header.length === 0 ? new Uint8Array(message) : joinBundle(header, [message]);
}

function editElement(bytes: Uint8Array, edit: MessageEdit, header: Uint8Array, depth: number): Uint8Array | null | undefined {
  if (bytes[0] === HASH) return depth < MAX_NESTING ? editBundle(bytes, edit, depth) : undefined;
  return bytes[0] === SLASH ? edit(bytes, header) : undefined;
}

function editBundle(bundle: Uint8Array, edit: MessageEdit, depth: number): Uint8Array | null | undefined {
  if (bundle.length < BUNDLE_HEADER || bundle.length % 4 !== 0) return undefined;
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const header = bundle.subarray(0, BUNDLE_HEADER);
  const elements: Uint8Array[] = [];
  let hasChanged = false;
  for (let at = BUNDLE_HEADER; at < bundle.length;) {
    const size = view.getInt32(at);
    const start = at + 4;
    if (size <= 0 || size > bundle.length - start) return undefined;
    const element = bundle.subarray(start, start + size);
    const edited = editElement(element, edit, header, depth + 1);
    if (edited === undefined) return undefined;
    if (edited !== element) hasChanged = true;
    if (edited !== null) elements.push(edited);
    at = start + size;
  }
  if (!hasChanged) return bundle;
  return elements.length === 0 ? null : joinBundle(header, elements);
}

function joinBundle(header: Uint8Array, elements: readonly Uint8Array[]): Uint8Array {
  const size = elements.reduce((sum, { length }) => sum + 4 + length, BUNDLE_HEADER);
  const bundle = new Uint8Array(size);
  const view = new DataView(bundle.buffer);
  bundle.set(header);
  let at = BUNDLE_HEADER;
  for (const element of elements) {
    view.setInt32(at, element.length);
    bundle.set(element, at + 4);
    at += 4 + element.length;
  }
  return bundle;
}
