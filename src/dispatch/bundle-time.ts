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
/** 2036-02-07T06:28:16Z, when the 32-bit seconds wrap, in milliseconds since 1970. */
const SECOND_ERA_MS = 0x1_0000_0000 * 1000 - 2_208_988_800_000;

const NO_ELEMENTS: readonly LaterElement[] = /* @__PURE__ */ Object.freeze([]);

/** A nested bundle that is due later, as a separate packet. */
export interface LaterElement {
  /** When it is due, in milliseconds since 1970-01-01 UTC, with fractions. */
  readonly at: number;
  /** The bundle's bytes, a view of the enclosing packet. */
  readonly data: Uint8Array;
}

/**
 * When a packet is due: the time of its outermost time tag, read without decoding the packet. OSC 1.0, "Temporal Semantics".
 *
 * @returns milliseconds since 1970-01-01 UTC, with fractions; `null` for a message, for a bundle tagged "immediately" (1, or 0, which real
 *   programs send), and for anything too short to be a bundle
 */
export function bundleTime(data: Uint8Array): number | null {
  const header = headerSizeAt(data, 0, data.length);
  return header === 0 ? null : timeAt(data, header - TIME_TAG_SIZE);
}

/**
 * Whether a bundle has to wait: it is dated later than `asOf`. The single rule for decoded bundles and for their bytes.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 */
export function isLater(timeTag: TimeTag, asOf: number): boolean {
  return asOf !== Infinity && !timeTag.isImmediate && timeTag.toMillis() > asOf;
}

/**
 * Why the date of a bundle is implausible, if it is more than `maxAhead` milliseconds ahead.
 *
 * - `"other-clock"`: interpreted in the first NTP era, which ends in 2036, it is in the past. The sender's clock counts from its boot, 1970
 *   or 2001 instead of 1900.
 * - `"far-ahead"`: it is in the future in either era.
 *
 * @param at when it is due, as {@link bundleTime} returned it
 */
export function clockDoubt(at: number, now: number, maxAhead: number): "other-clock" | "far-ahead" | null {
  if (at - now <= maxAhead) return null;
  return at >= SECOND_ERA_MS ? "other-clock" : "far-ahead";
}

/**
 * The nested bundles of a packet that are dated later than `asOf`, which `handlePacket` skips with the same `asOf`. If later bundles are
 * nested, only the outer one is returned. Ignores the packet's own time tag, and decodes no messages. So if the decoder rejects the packet,
 * or gives up after too many faults, the result may contain bundles that the decoder never reached.
 *
 * Never throws: the walk ends where the bytes stop being a bundle.
 *
 * @param asOf milliseconds since 1970-01-01 UTC; with `Infinity` nothing is later
 * @param maxNesting maximum nesting depth of bundles, as passed to the decoder. Default 32
 * @returns views of `data`, in order; copy one to keep it. Always the same empty array if there are none
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

/** Whether a bundle contains no messages, even in nested bundles, so that there is nothing to schedule. */
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
  // The decoder reports bytes that aren't an element, at the bundle's time.
  return isEmpty && read === data.length;
}

/**
 * Calls `visit` with each element of a bundle, and the size of its header if it is itself a bundle, else 0. Descends into it on `"enter"`.
 */
function walkElements(
  data: Uint8Array,
  maxNesting: number,
  visit: (start: number, end: number, header: number) => "enter" | "skip" | "stop",
): void {
  let position = headerSizeAt(data, 0, data.length);
  if (position === 0) return;
  /** The ends of the enclosing bundles, innermost last. */
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

/** The size of the element at `position`, by the decoder's rules; -1 if the bundle ending at `end` has no further readable element. */
function elementSizeAt(data: Uint8Array, position: number, end: number): number {
  const left = end - position - ELEMENT_SIZE_SIZE;
  if (left < 0) return -1;
  const size = readWord(data, position);
  // A truncated last element is read as far as it goes.
  if (size > left && size < 2 ** 31) return left;
  return size <= left && (size % 4 === 0 || size === left) ? size : -1;
}

/** The time of a time tag; `null` for "immediately". */
function timeAt(data: Uint8Array, position: number): number | null {
  const seconds = readWord(data, position);
  const fraction = readWord(data, position + 4);
  return seconds === 0 && fraction <= 1 ? null : ntpToMillis(seconds, fraction);
}

/** The size of a bundle's header, by the decoder's rules (old versions of QOsc omit a NUL); 0 if it isn't a bundle. */
function headerSizeAt(data: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size < 15 || readWord(data, start) !== BUNDLE_START || readWord(data, start + 4) >>> 8 !== BUNDLE_END) return 0;
  if (size > 20 && size % 4 === 3 && beginsElement(data[start + 19]) && !beginsElement(data[start + 20])) return 15;
  return size >= 16 && data[start + 7] === 0 ? 16 : 0;
}

function beginsElement(byte: number | undefined): boolean {
  return byte === SLASH || byte === HASH;
}

/** Big-endian, without a DataView, which would cost more than the whole walk. The caller checks the bounds. */
function readWord(data: Uint8Array, at: number): number {
  return (
    (((data[at] as number) << 24) | ((data[at + 1] as number) << 16) | ((data[at + 2] as number) << 8) | (data[at + 3] as number)) >>> 0
  );
}
