import { COMMA } from "./first-bytes.ts";
import { textBackend, utf8Length } from "./text.ts";

/** Up to this many characters a loop over them is faster than a call of the text backend (bench/codec). */
const SHORT_TEXT = 40;
/** Up to this many bytes a loop over them is faster than `set` (bench/codec). */
const SHORT_BLOB = 32;

/** Writes 32 bits, most significant byte first. Beyond the target's end it does nothing, as typed arrays do. */
export function writeUint32(value: number, target: Uint8Array, offset: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Writes a string with its NUL and padding, and returns the offset after it. OSC 1.0, "OSC-string". */
export function writeText(text: string, target: Uint8Array, offset: number): number {
  const end = writeCharacters(text, target, offset);
  return writeZeros(target, end, 4 - ((end - offset) & 3));
}

/** Writes a type tag string with its comma, and returns the offset after it. */
export function writeTypeTags(types: string, target: Uint8Array, offset: number): number {
  target[offset] = COMMA;
  const end = writeCharacters(types, target, offset + 1);
  return writeZeros(target, end, 4 - ((end - offset) & 3));
}

/** Writes a blob with its size and padding, and returns the offset after it. OSC 1.0, "OSC-blob". */
export function writeBlob(blob: Uint8Array, target: Uint8Array, offset: number): number {
  const size = blob.length;
  writeUint32(size, target, offset);
  const start = offset + 4;
  const end = start + size;
  if (size <= SHORT_BLOB) {
    for (let i = 0; i < size; i++) target[start + i] = blob[i]!;
  } else if (end <= target.length) {
    target.set(blob, start);
  }
  return writeZeros(target, end, -size & 3);
}

function writeCharacters(text: string, target: Uint8Array, offset: number): number {
  const length = text.length;
  if (length > SHORT_TEXT) return writeLongText(text, target, offset);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return writeLongText(text, target, offset);
    target[offset + i] = code;
  }
  return offset + length;
}

function writeLongText(text: string, target: Uint8Array, offset: number): number {
  // No character needs more than three bytes. Where there is no room for that many, they are counted.
  const fits = offset + text.length * 3 <= target.length;
  const end = fits ? 0 : offset + utf8Length(text);
  return fits || end <= target.length ? textBackend().encodeInto(text, target, offset) : end;
}

function writeZeros(target: Uint8Array, offset: number, count: number): number {
  const end = offset + count;
  for (let p = offset; p < end; p++) target[p] = 0;
  return end;
}
