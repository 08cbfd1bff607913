import { ntpToMillis, type TimeTag } from "../codec/index.ts";

const SLASH = 0x2f;
const HASH = 0x23;
/** `#bun` and `dle` as big-endian numbers. */
const BUNDLE_START = 0x2362756e;
const BUNDLE_END = 0x646c65;
const TIME_TAG_SIZE = 8;
const ELEMENT_SIZE_SIZE = 4;
/** The decoder's default. */
const DEFAULT_MAX_NESTING = 32;
/** 2036-02-07T06:28:16Z, when the 32 bits of seconds begin again, in milliseconds since 1970. */
const SECOND_ERA_MS = 0x1_0000_0000 * 1000 - 2_208_988_800_000;

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
  const header = headerSizeAt(data, 0, data.length);
  return header === 0 ? null : timeAt(data, header - TIME_TAG_SIZE);
}

/**
 * Whether a bundle has to wait: it is dated, and later than `asOf`. The one rule about what waits, for decoded bundles and for their bytes.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 */
export function isLater(timeTag: TimeTag, asOf: number): boolean {
  return asOf !== Infinity && !timeTag.isImmediate && timeTag.toMillis() > asOf;
}

/**
 * Why a bundle can't be meant for the time it is dated, if it is dated more than `maxAhead` milliseconds ahead.
 *
 * - `"other-clock"`: read in the first era of NTP, which ends in 2036, it is past. The sender's clock doesn't count from 1900 but from its
 *   boot, from 1970 or from 2001.
 * - `"far-ahead"`: it is in the future in every reading.
 *
 * @param at when it is due, as {@link bundleTime} returned it
 */
export function clockDoubt(at: number, now: number, maxAhead: number): "other-clock" | "far-ahead" | null {
  if (at - now <= maxAhead) return null;
  return at >= SECOND_ERA_MS ? "other-clock" : "far-ahead";
}

/**
 * The nested bundles of a packet that are dated later than `asOf`: those that `handlePacket` with the same `asOf` leaves out. Of a later
 * bundle inside a later one, only the outer is returned. The packet's own time tag isn't looked at, and no message is decoded. So if the
 * decoder rejects the packet, or gives up half-way because of its many faults, the result may hold bundles that it never came to.
 *
 * Never throws: the walk ends where the bytes stop being a bundle.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 * @param maxNesting how many levels bundles may nest, as given to the decoder. Default 32
 * @returns views of `data`, in order; copy one to keep it. Always the same empty array if there is none
 */
export function laterElements(data: Uint8Array, asOf: number, maxNesting: number = DEFAULT_MAX_NESTING): readonly LaterElement[] {
  if (asOf === Infinity) return NO_ELEMENTS;
  let found: LaterElement[] | undefined;
  walkElements(data, maxNesting, (start, end, header) => {
    const at = header === 0 ? null : timeAt(data, start + header - TIME_TAG_SIZE);
    if (at === null || at <= asOf) return "enter";
    found ??= [];
    found.push({ at, data: data.subarray(start, end) });
    return "skip";
  });
  return found ?? NO_ELEMENTS;
}

/** Whether a bundle holds nothing but bundles that hold nothing, so that there is nothing to wait for. */
export function isEmptyBundle(data: Uint8Array, maxNesting: number = DEFAULT_MAX_NESTING): boolean {
  const header = headerSizeAt(data, 0, data.length);
  if (header === 0) return false;
  let read = header;
  let isEmpty = true;
  walkElements(data, maxNesting, (start, _end, elementHeader) => {
    read = start + elementHeader;
    isEmpty = elementHeader > 0;
    return isEmpty ? "enter" : "stop";
  });
  // Bytes that aren't an element are the decoder's to report, at the bundle's time.
  return isEmpty && read === data.length;
}

/** Calls `visit` with each element of a bundle and the size of its header if it is a bundle itself, 0 if not; goes on inside on `"enter"`. */
function walkElements(
  data: Uint8Array,
  maxNesting: number,
  visit: (start: number, end: number, header: number) => "enter" | "skip" | "stop",
): void {
  let position = headerSizeAt(data, 0, data.length);
  if (position === 0) return;
  /** Where the bundles end that the walk is inside of, the innermost last. */
  const ends = [data.length];
  for (let end = ends.at(-1); end !== undefined; end = ends.at(-1)) {
    const size = elementSizeAt(data, position, end);
    if (size < 0) {
      ends.pop();
      position = end;
      continue;
    }
    const start = position + ELEMENT_SIZE_SIZE;
    position = start + size;
    const header = ends.length < maxNesting ? headerSizeAt(data, start, position) : 0;
    const step = visit(start, position, header);
    if (step === "stop") return;
    if (step === "skip" || header === 0) continue;
    ends.push(position);
    position = start + header;
  }
}

/** The size of the element at `position`, by the decoder's rule; -1 if the bundle that ends at `end` has no more that can be read. */
function elementSizeAt(data: Uint8Array, position: number, end: number): number {
  const left = end - position - ELEMENT_SIZE_SIZE;
  if (left < 0) return -1;
  const size = readWord(data, position);
  // A last element that is cut short is read as far as it goes.
  if (size > left && size < 2 ** 31) return left;
  return size <= left && (size % 4 === 0 || size === left) ? size : -1;
}

/** The time of a time tag; `null` for "immediately". */
function timeAt(data: Uint8Array, position: number): number | null {
  const seconds = readWord(data, position);
  const fraction = readWord(data, position + 4);
  return seconds === 0 && fraction <= 1 ? null : ntpToMillis(seconds, fraction);
}

/** How many bytes of a bundle come before its first element, by the decoder's rule: old versions of QOsc leave out a NUL. 0 for no bundle. */
function headerSizeAt(data: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size < 15 || readWord(data, start) !== BUNDLE_START || readWord(data, start + 4) >>> 8 !== BUNDLE_END) return 0;
  if (size > 20 && size % 4 === 3 && beginsElement(data[start + 19]) && !beginsElement(data[start + 20])) return 15;
  return size >= 16 && data[start + 7] === 0 ? 16 : 0;
}

function beginsElement(byte: number | undefined): boolean {
  return byte === SLASH || byte === HASH;
}

/** Big-endian, without a DataView, which would cost more than the whole walk. The caller has checked the bounds. */
function readWord(data: Uint8Array, at: number): number {
  return (
    (((data[at] as number) << 24) | ((data[at + 1] as number) << 16) | ((data[at + 2] as number) << 8) | (data[at + 3] as number)) >>> 0
  );
}
