import { OscDecodeError } from "../errors.ts";
import { characterOf } from "./check-value.ts";
import type { Reading } from "./reading.ts";
import { isZero, readText } from "./read-text.ts";
import { TimeTag } from "./time-tag.ts";
import { ARRAY_BEGIN, ARRAY_END, FLOAT, INT, LONG_RUN, runLength } from "./type-tags.ts";
import type { OscValue } from "./types.ts";

/** Eight bytes in which a number is put together. */
const parts = new DataView(new ArrayBuffer(8));

/**
 * Reads the arguments from `reading.position` to `end`, and sets the position after them. OSC 1.0, "OSC Arguments".
 *
 * @param types the type tags, whose bytes begin at `tags`
 */
export function readArguments(reading: Reading, bytes: Uint8Array, types: string, tags: number, end: number): OscValue[] {
  const count = types.length;
  let position = reading.position;
  let list: OscValue[] = [];
  let around: OscValue[][] | undefined;
  for (let i = 0; i < count; i++) {
    const tag = bytes[tags + i]!;
    if ((tag === FLOAT || tag === INT) && position + 4 <= end) {
      const run = count - i < LONG_RUN ? 1 : runLength(bytes, tags + i, tags + count);
      if (run >= LONG_RUN && position + run * 4 <= end) {
        const numbers = tag === FLOAT ? readFloats(bytes, position, run) : readInts(bytes, position, run);
        if (run === count) list = numbers;
        else for (const number of numbers) list.push(number);
        position += run * 4;
        i += run - 1;
      } else {
        list.push(tag === FLOAT ? readFloat(bytes, position) : readInt(bytes, position));
        position += 4;
      }
    } else if (tag === ARRAY_BEGIN) {
      around ??= [];
      if (around.length === reading.maxNesting) {
        throw new OscDecodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than maxNesting, ${reading.maxNesting} levels`, tags + i);
      }
      const inner: OscValue[] = [];
      list.push(inner);
      around.push(list);
      list = inner;
    } else if (tag === ARRAY_END) {
      const outer = around?.pop();
      if (outer === undefined) throw new OscDecodeError("OSC_UNBALANCED_ARRAY", "An array is closed that was not opened", tags + i);
      list = outer;
    } else {
      list.push(readArgument(reading, bytes, tag, position, end, tags + i));
      position = reading.position;
    }
  }
  if (around !== undefined && around.length > 0) {
    throw new OscDecodeError("OSC_UNBALANCED_ARRAY", "An array is opened that is not closed", tags + count);
  }
  reading.position = position;
  return list;
}

/** Reads the argument at `position`, and sets the position after it. */
function readArgument(reading: Reading, bytes: Uint8Array, tag: number, position: number, end: number, tagOffset: number): OscValue {
  switch (tag) {
    case 0x73: // s
    case 0x53: // S
      return readText(reading, bytes, position, end);
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

/** Reads an argument that has the same size whatever its value. */
function readFixed(reading: Reading, bytes: Uint8Array, tag: number, position: number, end: number, tagOffset: number): OscValue {
  const size = sizeOf(tag, tagOffset);
  const after = position + size;
  if (after > end) {
    bytes = completed(reading, bytes, tag, position, end, size);
    position = 0;
  }
  reading.position = Math.min(after, end);
  switch (tag) {
    case INT:
      return readInt(bytes, position);
    case FLOAT:
      return readFloat(bytes, position);
    case 0x64: // d
      fillParts(bytes, position);
      return parts.getFloat64(0);
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
      throw new OscDecodeError("OSC_UNKNOWN_TYPE_TAG", `Type tag ${JSON.stringify(String.fromCharCode(tag))} is unknown`, tagOffset);
  }
}

/**
 * The bytes of an argument that the packet's end cuts short, with zeros for those that are missing. Reaktor leaves out a float's zeros
 * at the end, all four perhaps; of every other argument at least one byte must be there.
 */
function completed(reading: Reading, bytes: Uint8Array, tag: number, position: number, end: number, size: number): Uint8Array {
  const present = end - position;
  const message = `An argument of type ${String.fromCharCode(tag)} has ${present} of its ${size} bytes`;
  if (present === 0 && tag !== FLOAT) throw new OscDecodeError("OSC_TRUNCATED", message, position);
  reading.fault("OSC_TRUNCATED", message, position);
  const whole = new Uint8Array(size);
  whole.set(bytes.subarray(position, end));
  return whole;
}

/** OSC 1.0, "OSC-blob". */
function readBlob(reading: Reading, bytes: Uint8Array, position: number, end: number): Uint8Array {
  const start = position + 4;
  if (start > end) throw new OscDecodeError("OSC_TRUNCATED", "The packet ends within the size of a blob", position);
  const size = readInt(bytes, position);
  if (size < 0 || size > end - start) {
    throw new OscDecodeError("OSC_BAD_BLOB_SIZE", `A blob says that it has ${size} bytes, where ${end - start} are left`, position);
  }
  const padded = start + ((size + 3) & ~3);
  if (padded > end) reading.fault("OSC_BAD_PADDING", "A blob ends with the packet, before its padding", start + size);
  else if (!isZero(bytes, start + size, padded)) reading.fault("OSC_BAD_PADDING", "The padding of a blob is not zero", start + size);
  reading.position = Math.min(padded, end);
  const blob = new Uint8Array(bytes.buffer, bytes.byteOffset + start, size);
  return reading.copyBlobs ? blob.slice() : blob;
}

function readFloats(bytes: Uint8Array, position: number, count: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, count * 4);
  const numbers = new Array<number>(count);
  for (let i = 0; i < count; i++) numbers[i] = view.getFloat32(i * 4);
  return numbers;
}

function readInts(bytes: Uint8Array, position: number, count: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, count * 4);
  const numbers = new Array<number>(count);
  for (let i = 0; i < count; i++) numbers[i] = view.getInt32(i * 4);
  return numbers;
}

/** Reads 32 bits with a sign, most significant byte first. */
export function readInt(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 24) | (bytes[position + 1]! << 16) | (bytes[position + 2]! << 8) | bytes[position + 3]!;
}

function readFloat(bytes: Uint8Array, position: number): number {
  parts.setInt32(0, readInt(bytes, position));
  return parts.getFloat32(0);
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
