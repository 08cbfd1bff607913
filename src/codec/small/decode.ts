import { OscDecodeError, type OscDecodeErrorCode } from "../../errors.ts";
import type { DecodeOptions } from "../reading.ts";
import { COMMA, HASH, SLASH } from "../first-bytes.ts";
import { DEEPEST_NESTING, MAX_NESTING, MAX_PACKET_SIZE, MAX_FAULTS } from "../limits.ts";
import { isEarlier, TimeTag } from "../time-tag.ts";
import type { OscValue } from "../types.ts";
import { characterOf } from "../value-kinds.ts";
import { OscBundle, type OscPacket } from "./bundle.ts";
import { cell, number } from "./cell.ts";
import { constantOf } from "./check-value.ts";
import { OscMessage } from "./message.ts";
import { trusted } from "./trusted.ts";

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// What is being read: one packet at a time, for it is read at one go.
let options: DecodeOptions;
/** How many more faults are recorded; less than none where the rest of the packet is not read. */
let faultsLeft: number;
/** The message or bundle that is being read, and where in the packet it begins. */
let bytes: Uint8Array;
let base: number;
/** Its faults. */
let errors: OscDecodeError[];
/** What of it comes next. */
let position: number;

/**
 * Reads a packet. OSC 1.0, "OSC Packets".
 *
 * @param packet the whole packet, as it came in one datagram or one frame of a stream
 * @throws OscDecodeError where the bytes cannot be read as a packet or, with `strict`, depart from the OSC 1.0 text. TypeError where
 *   `packet` is no Uint8Array.
 *
 * @example
 * const packet = decode(encode(new OscMessage("/gain", 0.5)));
 * if (packet instanceof OscMessage) console.log(packet.address, packet.args); // /gain [ 0.5 ]
 */
export function decode(packet: Uint8Array, given: DecodeOptions = {}): OscPacket {
  if (!(packet instanceof Uint8Array)) throw new TypeError("A packet is a Uint8Array");
  options = given;
  faultsLeft = MAX_FAULTS;
  base = 0;
  const size = packet.length;
  if (!size) fail("OSC_EMPTY_PACKET", 0);
  if (size > (options.maxPacketSize ?? MAX_PACKET_SIZE)) fail("OSC_PACKET_TOO_LARGE", 0);
  if (size & 3 && options.strict) fail("OSC_UNALIGNED", size);
  return readPacket(packet, 0, 1);
}

/** @param offset from where the message or bundle begins, as in all that follows */
function errorOf(code: OscDecodeErrorCode, offset: number): OscDecodeError {
  return new OscDecodeError(code, `${code}: see docs/errors.md`, base + offset);
}

function fail(code: OscDecodeErrorCode, offset: number): never {
  throw errorOf(code, offset);
}

/** Records a fault that can be read past; or throws it, when strict. */
function fault(code: OscDecodeErrorCode, offset: number): void {
  if (options.strict) fail(code, offset);
  if (faultsLeft > 0) record(errorOf(code, offset));
}

function record(error: OscDecodeError): void {
  faultsLeft--;
  errors.push(error);
}

function checkDepth(depth: number, offset: number): void {
  if (depth > Math.min(options.maxNesting ?? MAX_NESTING, DEEPEST_NESTING)) fail("OSC_NESTING_TOO_DEEP", offset);
}

function readPacket(part: Uint8Array, offset: number, depth: number, around?: TimeTag): OscPacket {
  const outer = [bytes, base, errors] as const;
  bytes = part;
  base = offset;
  errors = [];
  position = 0;
  try {
    return bytes[0] === HASH ? readBundle(depth, around) : readMessage();
  } finally {
    [bytes, base, errors] = outer;
  }
}

function readMessage(): OscMessage {
  if (bytes[0] !== SLASH) {
    if (bytes.indexOf(0) < 1) fail("OSC_BAD_ADDRESS", 0);
    fault("OSC_BAD_ADDRESS", 0);
  }
  const address = readText();
  const hasTypeTags = bytes[position] === COMMA;
  let tagOffset = position;
  const types = hasTypeTags ? readText().slice(1) : "";
  let args: OscValue[] = [];
  const around: OscValue[][] = [];
  for (const tag of types) {
    tagOffset++;
    if (tag === "[") {
      checkDepth(around.push(args), tagOffset);
      args.push((args = []));
    } else if (tag === "]") args = around.pop() ?? fail("OSC_UNBALANCED_ARRAY", tagOffset);
    else args.push(readArgument(tag, tagOffset));
  }
  if (around.length) fail("OSC_UNBALANCED_ARRAY", tagOffset + 1);
  if (position < bytes.length) fault(hasTypeTags ? "OSC_TRAILING_BYTES" : "OSC_MISSING_TYPE_TAGS", position);
  return trusted(OscMessage, { address, types, args, hasTypeTags, errors });
}

function readArgument(tag: string, tagOffset: number): OscValue {
  const constant = constantOf(tag);
  if (constant !== undefined) return constant;
  if (tag === "b") return readBlob();
  if (tag === "s" || tag === "S") return readText();
  const start = position;
  const first = readInt();
  position = start + ("dht".includes(tag) ? 8 : "ifcrm".includes(tag) ? 4 : fail("OSC_UNKNOWN_TYPE_TAG", tagOffset));
  if (position > bytes.length) {
    // Reaktor leaves out a float's zeros at the end of a packet, all four perhaps.
    if (start === bytes.length && tag !== "f") fail("OSC_TRUNCATED", start);
    position = bytes.length;
    fault("OSC_TRUNCATED", start);
  }
  const [r, g, b, a] = cell as unknown as [number, number, number, number];
  switch (tag) {
    case "i":
      return first;
    case "c":
      return characterOf(first);
    case "f":
      return number.getFloat32(0);
    case "d":
      return number.getFloat64(0);
    case "h":
      return number.getBigInt64(0);
    case "t":
      return number.getBigInt64(0) === 1n ? TimeTag.IMMEDIATELY : TimeTag.fromBigInt(number.getBigUint64(0));
    case "r":
      return { r, g, b, a };
    default:
      return [r, g, b, a];
  }
}

/** Brings eight bytes into the cell, with zeros for those that are missing, and reads the first four. */
function readInt(): number {
  cell.fill(0);
  cell.set(bytes.subarray(position, position + 8));
  return number.getInt32(0);
}

/** OSC 1.0, "OSC-blob". */
function readBlob(): Uint8Array {
  const size = readInt();
  const start = position + 4;
  const left = bytes.length - start;
  if (left < 0) fail("OSC_TRUNCATED", position);
  if (size < 0 || size > left) fail("OSC_BAD_BLOB_SIZE", position);
  readPadding(start + size, -size & 3);
  const blob = new Uint8Array(bytes.buffer, bytes.byteOffset + start, size);
  return options.copyBlobs ? blob.slice() : blob;
}

/** OSC 1.0, "OSC-string". */
function readText(): string {
  const start = position;
  let end = start;
  while (bytes[end]) end++;
  if (end === start && start + 4 > bytes.length) fail("OSC_TRUNCATED", start);
  readPadding(end, 4 - ((end - start) & 3));
  const part = bytes.subarray(start, end);
  try {
    return decoder.decode(part);
  } catch {
    fault("OSC_BAD_TEXT", start);
    return Array.from(part, (code) => String.fromCharCode(code)).join("");
  }
}

/** Goes on after the padding, and records where it is cut short or not zero. */
function readPadding(start: number, size: number): void {
  const padding = bytes.subarray(start, start + size);
  position = start + padding.length;
  if (padding.length < size || padding.some(Boolean)) fault("OSC_BAD_PADDING", start);
}

function readBundle(depth: number, around?: TimeTag): OscBundle {
  checkDepth(depth, 0);
  const end = bytes.length;
  let next = headerSize(end);
  position = next - 8;
  const timeTag = readArgument("t", position) as TimeTag;
  if (around && isEarlier(timeTag, around)) fault("OSC_TIME_TAG_ORDER", next - 8);
  const elements: OscPacket[] = [];
  while (next < end && faultsLeft >= 0) {
    position = next;
    next += 4;
    if (next > end) {
      fault("OSC_TRUNCATED", position);
      break;
    }
    const size = readInt();
    if (size > 0 && (size & 3 ? next + size === end : next + size <= end)) {
      if (size & 3) fault("OSC_UNALIGNED", position);
      const start = next;
      next += size;
      try {
        elements.push(readPacket(bytes.subarray(start, next), base + start, depth + 1, timeTag));
      } catch (error) {
        if (options.strict || !(error instanceof OscDecodeError)) throw error;
        record(faultsLeft > 0 ? error : errorOf("OSC_BAD_BUNDLE", next));
      }
    } else {
      fault("OSC_BAD_ELEMENT_SIZE", position);
      if (size) break;
    }
  }
  return trusted(OscBundle, { timeTag, elements, errors });
}

/** The size of the header: `#bundle`, NUL and the time tag. Older versions of QOsc leave out the NUL. */
function headerSize(size: number): number {
  readInt();
  // "#bundle"
  if (number.getBigUint64(0) >> 8n === 0x2362756e646c65n) {
    const begins = (offset: number): boolean => bytes[offset] === SLASH || bytes[offset] === HASH;
    if (size > 20 && (size & 3) === 3 && begins(19) && !begins(20)) {
      fault("OSC_BAD_BUNDLE", 7);
      return 15;
    }
    if (size > 15 && !bytes[7]) return 16;
  }
  return fail("OSC_BAD_BUNDLE", 0);
}
