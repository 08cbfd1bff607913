const SLASH = 0x2f;
const HASH = 0x23;
/** "#bundle", a NUL and the time tag. */
const BUNDLE_HEADER = 16;
const MAX_NESTING = 32;
const NO_BYTES = new Uint8Array(0);

/** What becomes of a message: another address, the same one, or null to leave it out. */
export type MessageEdit = (address: string, message: Uint8Array, header: Uint8Array) => string | null;

/**
 * Edits the addresses of all messages of a packet and nothing else: arguments stay the same, byte for byte.
 *
 * @param edit gets each message with its bytes, and with the first 16 bytes of the bundle around it (none outside a bundle)
 * @returns the packet itself if nothing changed; null if nothing of it is left; undefined if it is not an OSC packet
 */
export function editPacket(packet: Uint8Array, edit: MessageEdit): Uint8Array | null | undefined {
  return editElement(packet, edit, NO_BYTES, 0);
}

/** A message as its own packet, in a bundle with the time tag of the bundle that it was in. */
export function aloneInBundle(message: Uint8Array, header: Uint8Array): Uint8Array {
  return header.length === 0 ? message : joinBundle(header, [message]);
}

/** The message with another address. */
export function withAddress(message: Uint8Array, address: string): Uint8Array {
  const text = new TextEncoder().encode(address);
  const rest = message.subarray(paddedSize(addressEnd(message)));
  const renamed = new Uint8Array(paddedSize(text.length) + rest.length);
  renamed.set(text);
  renamed.set(rest, paddedSize(text.length));
  return renamed;
}

function editElement(bytes: Uint8Array, edit: MessageEdit, header: Uint8Array, depth: number): Uint8Array | null | undefined {
  if (bytes[0] === HASH) return depth < MAX_NESTING ? editBundle(bytes, edit, depth) : undefined;
  if (bytes[0] !== SLASH) return undefined;
  const end = addressEnd(bytes);
  const address = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString();
  const edited = edit(address, bytes, header);
  if (edited === null) return null;
  return edited === address ? bytes : withAddress(bytes, edited);
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

/** Where the address ends: at its NUL, or at the end of the message. */
function addressEnd(message: Uint8Array): number {
  const end = message.indexOf(0);
  return end === -1 ? message.length : end;
}

/** The size with the NULs that follow a string: at least one, up to a multiple of four. */
function paddedSize(length: number): number {
  return (length & ~3) + 4;
}
