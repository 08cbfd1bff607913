/** V8 keeps the bytes of arrays up to this size beside the object. Larger ones are cheaper from Node's pool. */
const SMALL = 64;
/** A view may keep alive this much memory beside its own bytes. */
const MAX_WASTE = 512;

/** A copy of a part of memory that will be overwritten. It is the receiver's to keep. */
export function copyOf(bytes: Uint8Array, start: number, size: number): Uint8Array {
  const end = start + size;
  if (size <= SMALL) return bytes.slice(start, end);
  const copy = Buffer.allocUnsafe(size);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** The bytes to keep for long: a copy if they are a small view, which would keep alive all that was read together with it. */
export function compact(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength - bytes.length <= Math.max(MAX_WASTE, bytes.length) ? bytes : new Uint8Array(bytes);
}
