import { OscDecodeError } from "../errors.ts";
import type { Reading } from "./reading.ts";
import { StringCache } from "./string-cache.ts";
import { latin1, textBackend, utf8 } from "./text.ts";

/** Up to this many bytes a loop finds the end of a string faster than `indexOf` (bench/codec). */
const NEAR = 32;

/** Addresses and text arguments. Longer ones are read as quickly as they would be found here (bench/codec, text). */
const texts = /* @__PURE__ */ new StringCache(12, 16, 0);
/** Type tag strings, without their comma. */
const typeTags = /* @__PURE__ */ new StringCache(8, 16, 1);

/** Reads the string at `start` and sets `reading.position` after its padding. OSC 1.0, "OSC-string". */
export function readText(reading: Reading, bytes: Uint8Array, start: number, end: number): string {
  const known = texts.find(bytes, start, end);
  if (known === undefined) return readNewText(reading, bytes, start, end, texts);
  reading.position = texts.end;
  return known;
}

/** Reads the type tag string at `start`, without its comma, and sets `reading.position` after its padding. */
export function readTypeTags(reading: Reading, bytes: Uint8Array, start: number, end: number): string {
  const known = typeTags.find(bytes, start, end);
  if (known === undefined) return readNewText(reading, bytes, start, end, typeTags);
  reading.position = typeTags.end;
  return known;
}

function readNewText(reading: Reading, bytes: Uint8Array, start: number, end: number, cache: StringCache): string {
  const nul = findNul(bytes, start, end);
  const padded = start + ((nul - start) & ~3) + 4;
  let wellFormed = true;
  if (padded > end) {
    if (nul === start) throw new OscDecodeError("OSC_TRUNCATED", "The packet ends where a string should begin", start);
    wellFormed = false;
    reading.fault("OSC_BAD_PADDING", "A string ends with the packet, before its NUL and padding", nul);
  } else if (!isZero(bytes, nul, padded)) {
    wellFormed = false;
    reading.fault("OSC_BAD_PADDING", "The padding of a string is not zero", nul);
  }
  let text = utf8(bytes, start, nul);
  if (text === undefined) {
    wellFormed = false;
    reading.fault("OSC_BAD_TEXT", "A string is not UTF-8", start);
    text = latin1(bytes, start, nul);
  }
  reading.position = Math.min(padded, end);
  return wellFormed ? cache.add(text) : cache.textOf(text);
}

/** The offset of the first NUL from `start` on, or `end`. */
function findNul(bytes: Uint8Array, start: number, end: number): number {
  const near = Math.min(end, start + NEAR);
  let position = start;
  // Four bytes at a time: as one number they have a zero byte where the borrow of this subtraction reaches the highest bit of a byte.
  for (; position + 4 <= near; position += 4) {
    const word = (bytes[position]! << 24) | (bytes[position + 1]! << 16) | (bytes[position + 2]! << 8) | bytes[position + 3]!;
    if (((word - 0x01010101) & ~word & 0x80808080) !== 0) break;
  }
  while (position < near && bytes[position] !== 0) position++;
  if (position < near || near === end) return position;
  const far = textBackend().indexOfNul(bytes, near);
  return far === -1 ? end : Math.min(far, end);
}

/** Whether all bytes from `start` to `end` are zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (bytes[p] !== 0) return false;
  return true;
}
