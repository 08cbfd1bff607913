/** The type tags that stand alone in the encoder and the decoder. OSC 1.0, "OSC Type Tag String". */
export const INT = 0x69; // i
export const FLOAT = 0x66; // f
export const ARRAY_BEGIN = 0x5b; // [
export const ARRAY_END = 0x5d; // ]

/** From this many numbers of one type on, a DataView pays for itself (bench/codec). */
export const LONG_RUN = 16;

/** How many type tags like the one at `start` follow each other, up to `end`. */
export function runLength(bytes: Uint8Array, start: number, end: number): number {
  const tag = bytes[start]!;
  let position = start + 1;
  while (position + 8 <= end && areAll(tag, bytes, position)) position += 8;
  while (position < end && bytes[position] === tag) position++;
  return position - start;
}

/** Whether the eight bytes at `p` all are this tag. */
function areAll(tag: number, bytes: Uint8Array, p: number): boolean {
  const first = (bytes[p]! ^ tag) | (bytes[p + 1]! ^ tag) | (bytes[p + 2]! ^ tag) | (bytes[p + 3]! ^ tag);
  return (first | (bytes[p + 4]! ^ tag) | (bytes[p + 5]! ^ tag) | (bytes[p + 6]! ^ tag) | (bytes[p + 7]! ^ tag)) === 0;
}
