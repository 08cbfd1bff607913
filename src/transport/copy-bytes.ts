/** Up to this size V8 keeps a new array's bytes beside the object; beyond it, Node's pool is several times cheaper than an array of its own. */
const SMALL = 64;

/** A copy of a part of memory that will be written again, which is the receiver's to keep. */
export function copyOf(bytes: Uint8Array, start: number, size: number): Uint8Array {
  const end = start + size;
  if (size <= SMALL) return bytes.slice(start, end);
  const copy = Buffer.allocUnsafe(size);
  copy.set(bytes.subarray(start, end));
  return copy;
}
