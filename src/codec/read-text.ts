import { decodeError } from "./decode-error.ts";
import type { Reading } from "./reading.ts";
import { StringCache } from "./string-cache.ts";
import { latin1, textBackend } from "./text.ts";

/** Up to this many bytes a loop finds the end of a string faster than `indexOf` (bench/codec). */
const NEAR = 32;

/** Addresses and text arguments. */
const texts = /* @__PURE__ */ new StringCache(12);
/** Type tag strings, without their comma. */
const typeTags = /* @__PURE__ */ new StringCache(8);

/** Reads the string at `start` and sets `reading.position` after its padding. OSC 1.0, "OSC-string". */
export function readText(reading: Reading, bytes: Uint8Array, start: number, end: number): string {
  const known = texts.find(bytes, start, end);
  if (known === undefined) return readNewString(reading, bytes, start, end, texts, 0);
  reading.position = texts.end;
  return known;
}

/** Reads the type tag string at `start`, without its comma, and sets `reading.position` after its padding. */
export function readTypeTags(reading: Reading, bytes: Uint8Array, start: number, end: number): string {
  const known = typeTags.find(bytes, start, end);
  if (known === undefined) return readNewString(reading, bytes, start, end, typeTags, 1);
  reading.position = typeTags.end;
  return known;
}

/** @param skip how many bytes at its beginning are left out of the text */
function readNewString(reading: Reading, bytes: Uint8Array, start: number, end: number, cache: StringCache, skip: number): string {
  const nul = findNul(bytes, start, end, cache.end);
  const padded = start + ((nul - start) & ~3) + 4;
  if (nul === start && padded > end) throw decodeError("OSC_TRUNCATED", "The packet ends where a string should begin", start);
  const wellFormed = readPadding(reading, bytes, nul, padded, end, "string");
  const text = textBackend().decode(bytes, start + skip, nul);
  if (text === undefined) {
    reading.fault("OSC_BAD_TEXT", "A string is not UTF-8", start);
    return latin1(bytes, start + skip, nul);
  }
  if (wellFormed) cache.add(text);
  return text;
}

/** Sets the position after the padding from `start` to `padded`, and records where it is cut short or not zero. */
export function readPadding(
  reading: Reading,
  bytes: Uint8Array,
  start: number,
  padded: number,
  end: number,
  what: "string" | "blob",
): boolean {
  const after = padded < end ? padded : end;
  reading.position = after;
  const zero = isZero(bytes, start, after);
  if (zero && padded <= end) return true;
  reading.fault("OSC_BAD_PADDING", `The padding of a ${what} ${zero ? "is cut short by the end of the packet" : "is not zero"}`, start);
  return false;
}

/**
 * The offset of the first NUL from `start` on, or `end`.
 *
 * @param seen how far the cache has read: to a NUL, to the end of the packet, or as far as a string may go that is kept
 */
function findNul(bytes: Uint8Array, start: number, end: number, seen: number): number {
  if (seen - start <= NEAR) {
    let position = start;
    while (position < end && bytes[position] !== 0) position++;
    return position;
  }
  const far = textBackend().indexOfNul(bytes, start);
  return far === -1 ? end : Math.min(far, end);
}

/** Whether all bytes from `start` to `end` are zero. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (bytes[p] !== 0) return false;
  return true;
}
