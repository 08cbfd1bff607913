import { ntpToMillis, type TimeTag } from "../codec/index.ts";

/** `#bundle` with its NUL, as two big-endian words. */
const BUNDLE_WORD_1 = 0x2362756e;
const BUNDLE_WORD_2 = 0x646c6500;
const TIME_TAG_OFFSET = 8;
/** `#bundle` and the time tag: what comes before a bundle's first element. */
const HEADER_SIZE = 16;
const ELEMENT_SIZE_SIZE = 4;
/** As deep as the decoder goes by default. */
const DEFAULT_MAX_NESTING = 32;

const NO_ELEMENTS: readonly LaterElement[] = /* @__PURE__ */ Object.freeze([]);

/** A nested bundle that has to wait for its time, as a packet of its own. */
export interface LaterElement {
  /** When it is due, in milliseconds since 1970-01-01 UTC, with fractions. */
  readonly at: number;
  /** The bundle's bytes, a view of the packet that holds it. */
  readonly data: Uint8Array;
}

/**
 * When a packet is due: the time of its own time tag, read from the bytes without decoding. OSC 1.0, "Temporal Semantics".
 *
 * @returns milliseconds since 1970-01-01 UTC, with fractions; `null` for a message, for a bundle tagged "immediately" (1, or 0, which
 * real programs send), and for anything that is too short to be a bundle
 */
export function bundleTime(data: Uint8Array): number | null {
  return timeOfBundleAt(data, 0, data.length);
}

/**
 * True where a bundle is to wait: dated, and later than `asOf`. The one rule about what waits, for decoded bundles and for their bytes.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 */
export function isLater(timeTag: TimeTag, asOf: number): boolean {
  return asOf !== Infinity && !timeTag.isImmediate && timeTag.toMillis() > asOf;
}

/**
 * The nested bundles of a packet that are dated later than `asOf`: those that {@link handlePacket}, given the same `asOf`, leaves out. Of
 * a later bundle inside a later one only the outer is returned. The packet's own time tag is not looked at, and no message is decoded; so
 * of a packet that the decoder refuses, or gives up on half-way for its many faults, bundles may be returned that it never came to.
 *
 * Never throws: the walk ends where the bytes stop being a bundle.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 * @param maxNesting how many levels bundles may nest, as given to the decoder. Default 32
 * @returns views of `data`, in their order; copy one that is kept longer than `data` stays as it is. The same empty array wherever there
 * is none
 */
export function laterElements(data: Uint8Array, asOf: number, maxNesting: number = DEFAULT_MAX_NESTING): readonly LaterElement[] {
  if (asOf === Infinity || !isBundleAt(data, 0, data.length)) return NO_ELEMENTS;
  let found: LaterElement[] | undefined;
  /** Where the bundles end that the walk is inside of, the innermost last. */
  const ends = [data.length];
  let position = HEADER_SIZE;
  for (let end = ends.at(-1); end !== undefined; end = ends.at(-1)) {
    const size = elementSizeAt(data, position, end);
    if (size < 0) {
      ends.pop();
      position = end;
      continue;
    }
    const start = position + ELEMENT_SIZE_SIZE;
    position = start + size;
    if (ends.length >= maxNesting || !isBundleAt(data, start, position)) continue;
    const at = timeOfBundleAt(data, start, position);
    if (at !== null && at > asOf) {
      found ??= [];
      found.push({ at, data: data.subarray(start, position) });
    } else {
      ends.push(position);
      position = start + HEADER_SIZE;
    }
  }
  return found ?? NO_ELEMENTS;
}

/** The size of the element at `position`, by the decoder's rule; -1 where the bundle that ends at `end` has no more that can be read. */
function elementSizeAt(data: Uint8Array, position: number, end: number): number {
  const left = end - position - ELEMENT_SIZE_SIZE;
  if (left < 0) return -1;
  const size = readWord(data, position);
  return size <= left && (size % 4 === 0 || size === left) ? size : -1;
}

function timeOfBundleAt(data: Uint8Array, start: number, end: number): number | null {
  if (!isBundleAt(data, start, end)) return null;
  const seconds = readWord(data, start + TIME_TAG_OFFSET);
  const fraction = readWord(data, start + TIME_TAG_OFFSET + 4);
  return seconds === 0 && fraction <= 1 ? null : ntpToMillis(seconds, fraction);
}

function isBundleAt(data: Uint8Array, start: number, end: number): boolean {
  return end - start >= HEADER_SIZE && readWord(data, start) === BUNDLE_WORD_1 && readWord(data, start + 4) === BUNDLE_WORD_2;
}

/** Big-endian, without a DataView, which would cost more than the whole walk. The caller has checked the bounds. */
function readWord(data: Uint8Array, at: number): number {
  return (
    (((data[at] as number) << 24) | ((data[at + 1] as number) << 16) | ((data[at + 2] as number) << 8) | (data[at + 3] as number)) >>> 0
  );
}
