import { ARRAY_BEGIN, ARRAY_END, characterOf, FLOAT, INT, type OscValue, parts } from "./types.ts";
import { decodeError, type Reading } from "./reading.ts";
import { decodeAscii, decodeText, latin1, texts } from "./text.ts";
import { TimeTag } from "./time-tag.ts";

/** With at least this many numbers of one type, a DataView pays off (bench/codec). */
const LONG_RUN = 16;

/**
 * Reads the arguments from `reading.position` to `end`, and moves the position past them. OSC 1.0, "OSC Arguments".
 *
 * @param tags offset of the type tags
 * @param count how many there are
 */
export function readArguments(reading: Reading, bytes: Uint8Array, tags: number, count: number, end: number): OscValue[] {
  if (count >= LONG_RUN && runLength(bytes, tags, tags + count) === count) {
    const numbers = readRun(reading, bytes, bytes[tags]!, count, end);
    if (numbers !== undefined) return numbers;
  }
  let position = reading.position;
  let list: OscValue[] | undefined;
  for (let i = 0; i < count; i++) {
    const tag = bytes[tags + i]!;
    let value: OscValue;
    if (tag === FLOAT && position + 4 <= end) {
      value = readFloat(reading, bytes, position);
      position += 4;
    } else if (tag === INT && position + 4 <= end) {
      value = readInt(bytes, position);
      position += 4;
    } else if (tag === ARRAY_BEGIN || tag === ARRAY_END) {
      reading.position = position;
      list ??= [];
      list.length = i;
      return readNested(reading, bytes, tags + i, tags + count, end, list);
    } else {
      value = readArgument(reading, bytes, tag, position, end, tags + i);
      position = reading.position;
    }
    // A preallocated list takes less time and memory than one that grows (bench/codec).
    if (list === undefined) list = firstOf(value, count);
    else list[i] = value;
  }
  reading.position = position;
  return list ?? [];
}

/** A list of `count` values, with only the first one set. */
function firstOf(first: OscValue, count: number): OscValue[] {
  if (count === 1) return [first];
  const list = new Array<OscValue>(count);
  list[0] = first;
  return list;
}

/** Continues reading at the first `[` or `]`, at `tags`. The preceding values are already in `list`. */
function readNested(reading: Reading, bytes: Uint8Array, tags: number, tagsEnd: number, end: number, list: OscValue[]): OscValue[] {
  const around: OscValue[][] = [];
  for (let at = tags; at < tagsEnd; at++) {
    const tag = bytes[at]!;
    if (tag === ARRAY_BEGIN) {
      if (around.length === reading.maxNesting) {
        throw decodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than maxNesting, ${reading.maxNesting} levels`, at);
      }
      const inner: OscValue[] = [];
      list.push(inner);
      around.push(list);
      list = inner;
    } else if (tag === ARRAY_END) {
      const outer = around.pop();
      if (outer === undefined) throw decodeError("OSC_UNBALANCED_ARRAY", "An array is closed that was not opened", at);
      list = outer;
    } else {
      list.push(readArgument(reading, bytes, tag, reading.position, end, at));
    }
  }
  if (around.length > 0) throw decodeError("OSC_UNBALANCED_ARRAY", "An array is opened that is not closed", tagsEnd);
  return list;
}

/** Reads the argument at `position`, and moves the position past it. */
function readArgument(reading: Reading, bytes: Uint8Array, tag: number, position: number, end: number, tagOffset: number): OscValue {
  switch (tag) {
    case 0x73: // s
    case 0x53: // S
      if (position < end) return readText(reading, bytes, position, end, 0);
      reading.position = position;
      reading.fault("OSC_TRUNCATED", "A string has no bytes; it is read as empty", position);
      return "";
    case 0x62: // b
      return readBlob(reading, bytes, position, end);
    case 0x54: // T
    case 0x46: // F
      reading.position = position;
      return tag === 0x54;
    case 0x4e: // N
      reading.position = position;
      return null;
    case 0x49: // I
      reading.position = position;
      return Infinity;
    default:
      return readFixed(reading, bytes, tag, position, end, tagOffset);
  }
}

/** Reads an argument of fixed size. */
function readFixed(reading: Reading, bytes: Uint8Array, tag: number, position: number, end: number, tagOffset: number): OscValue {
  const size = sizeOf(tag, tagOffset);
  const after = position + size;
  if (after > end) {
    const message = `An argument of type ${String.fromCharCode(tag)} has ${end - position} of its ${size} bytes`;
    // Reaktor omits trailing zero bytes of a float. Padding anything else would invent a value that was never sent.
    if (tag !== FLOAT || position === end) throw decodeError("OSC_TRUNCATED", message, position);
    reading.fault("OSC_TRUNCATED", message, position);
    const whole = new Uint8Array(size);
    whole.set(bytes.subarray(position, end));
    bytes = whole;
    position = 0;
  }
  reading.position = Math.min(after, end);
  switch (tag) {
    case INT:
      return readInt(bytes, position);
    case FLOAT:
      return readFloat(reading, bytes, position);
    case 0x64: // d
      fillParts(bytes, position);
      return keepNaN(reading, parts.getFloat64(0), parts.getInt32(0) === 0x7ff80000 && parts.getInt32(4) === 0);
    case 0x68: // h
      fillParts(bytes, position);
      return parts.getBigInt64(0);
    case 0x74: // t
      return readTimeTag(bytes, position);
    case 0x63: // c
      return characterOf(readInt(bytes, position));
    case 0x72: // r
      return { r: bytes[position]!, g: bytes[position + 1]!, b: bytes[position + 2]!, a: bytes[position + 3]! };
    default: // m
      return [bytes[position]!, bytes[position + 1]!, bytes[position + 2]!, bytes[position + 3]!];
  }
}

function sizeOf(tag: number, tagOffset: number): number {
  switch (tag) {
    case FLOAT:
    case INT:
    case 0x63: // c
    case 0x72: // r
    case 0x6d: // m
      return 4;
    case 0x64: // d
    case 0x68: // h
    case 0x74: // t
      return 8;
    default:
      throw decodeError("OSC_UNKNOWN_TYPE_TAG", `Type tag ${JSON.stringify(String.fromCharCode(tag))} is unknown`, tagOffset);
  }
}

/** OSC 1.0, "OSC-blob". */
function readBlob(reading: Reading, bytes: Uint8Array, position: number, end: number): Uint8Array {
  const start = position + 4;
  if (start > end) throw decodeError("OSC_TRUNCATED", "The packet ends within the size of a blob", position);
  const size = readInt(bytes, position);
  if (size < 0 || size > end - start) {
    throw decodeError("OSC_BAD_BLOB_SIZE", `A blob of ${size} bytes is announced, but ${end - start} are left`, position);
  }
  readPadding(reading, bytes, start + size, start + ((size + 3) & ~3), end, "blob");
  const blob = new Uint8Array(bytes.buffer, bytes.byteOffset + start, size);
  return reading.copyBlobs ? new Uint8Array(blob) : blob;
}

/**
 * Reads the string at `start` and moves `reading.position` past its padding. OSC 1.0, "OSC-string".
 *
 * @param skip number of leading characters to omit from the text: 1 for the comma of type tags
 */
export function readText(reading: Reading, bytes: Uint8Array, start: number, end: number, skip: number): string {
  const known = texts.find(bytes, start, end, skip);
  if (known === undefined) return readNewText(reading, bytes, start, end, skip);
  reading.position = texts.end;
  return known;
}

function readNewText(reading: Reading, bytes: Uint8Array, start: number, end: number, skip: number): string {
  const found = texts.end !== -1;
  if (found && texts.isPlain) {
    reading.position = texts.end;
    const text = decodeAscii(bytes, start + skip, texts.nul);
    texts.add(text, bytes);
    return text;
  }
  const nul = found ? texts.nul : findNul(bytes, texts.nul, end);
  const padded = start + ((nul - start) & ~3) + 4;
  readPadding(reading, bytes, nul, padded, end, "string");
  const text = decodeText(bytes, start + skip, nul);
  if (text !== undefined) return text;
  reading.fault("OSC_BAD_TEXT", "A string is not UTF-8; it is read as Latin-1", start);
  return latin1(bytes, start + skip, nul);
}

/** Moves the position past the padding from `start` to `padded`, and records a fault if it is truncated or not zero. */
function readPadding(reading: Reading, bytes: Uint8Array, start: number, padded: number, end: number, what: "string" | "blob"): void {
  const after = padded < end ? padded : end;
  reading.position = after;
  const zero = isZero(bytes, start, after);
  if (zero && padded <= end) return;
  reading.fault("OSC_BAD_PADDING", `The padding of a ${what} ${zero ? "is cut short by the end of the packet" : "is not zero"}`, start);
}

/** The offset of the first NUL from `start` on, or `end`. */
function findNul(bytes: Uint8Array, start: number, end: number): number {
  const nul = bytes.indexOf(0, start);
  return nul === -1 || nul > end ? end : nul;
}

/** Whether all bytes from `start` to `end` are zero. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let p = start; p < end; p++) if (bytes[p] !== 0) return false;
  return true;
}

/** The number of consecutive type tags equal to the one at `start`, up to `end`. */
function runLength(bytes: Uint8Array, start: number, end: number): number {
  const tag = bytes[start];
  let position = start + 1;
  while (position < end && bytes[position] === tag) position++;
  return position - start;
}

/** Reads a run of numbers of one type; undefined if the tag isn't numeric, or bytes are missing. */
function readRun(reading: Reading, bytes: Uint8Array, tag: number, count: number, end: number): number[] | undefined {
  const { position } = reading;
  if ((tag !== FLOAT && tag !== INT) || position + count * 4 > end) return undefined;
  reading.position = position + count * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, count * 4);
  const numbers = new Array<number>(count);
  if (tag === FLOAT) {
    for (let i = 0; i < count; i++) {
      const value = view.getFloat32(i * 4);
      if (value !== value) keepNaN(reading, value, view.getInt32(i * 4) === 0x7fc00000);
      numbers[i] = value;
    }
  } else {
    for (let i = 0; i < count; i++) numbers[i] = view.getInt32(i * 4);
  }
  return numbers;
}

/** Reads a signed 32-bit integer, most significant byte first. */
export function readInt(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 24) | (bytes[position + 1]! << 16) | (bytes[position + 2]! << 8) | bytes[position + 3]!;
}

function readFloat(reading: Reading, bytes: Uint8Array, position: number): number {
  const bits = readInt(bytes, position);
  parts.setInt32(0, bits);
  const value = parts.getFloat32(0);
  return value === value ? value : keepNaN(reading, value, bits === 0x7fc00000);
}

/** Returns the value. For a non-canonical NaN, the packet keeps its bytes. */
function keepNaN(reading: Reading, value: number, isUsual: boolean): number {
  if (Number.isNaN(value) && !isUsual) reading.keepsBytes = true;
  return value;
}

function fillParts(bytes: Uint8Array, position: number): void {
  parts.setInt32(0, readInt(bytes, position));
  parts.setInt32(4, readInt(bytes, position + 4));
}

/** Reads the 64 bits of a time tag. OSC 1.0, "OSC-timetag". */
export function readTimeTag(bytes: Uint8Array, position: number): TimeTag {
  const seconds = readInt(bytes, position) >>> 0;
  const fraction = readInt(bytes, position + 4) >>> 0;
  return seconds === 0 && fraction === 1 ? TimeTag.IMMEDIATELY : new TimeTag(seconds, fraction);
}
