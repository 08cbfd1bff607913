import type { OscDecodeError, OscDecodeErrorCode } from "../errors.ts";
import { type OscBundle, type OscPacket, trustedBundle } from "./bundle.ts";
import { describe } from "./check-value.ts";
import { decodeError } from "./decode-error.ts";
import { COMMA, HASH, SLASH } from "./first-bytes.ts";
import { MAX_PACKET_SIZE } from "./limits.ts";
import { type OscMessage, trustedMessage } from "./message.ts";
import { readArguments, readInt, readTimeTag } from "./read-arguments.ts";
import { readText, readTypeTags } from "./read-text.ts";
import { type DecodeOptions, Reading } from "./reading.ts";
import { isEarlier, type TimeTag } from "./time-tag.ts";
import { NO_ERRORS } from "./trusted.ts";
import type { OscValue } from "./types.ts";

const NO_ARGUMENTS: readonly OscValue[] = /* @__PURE__ */ Object.freeze([]);

/** The one reading that there is at a time: a packet is read at one go. */
const current = /* @__PURE__ */ new Reading();

/**
 * Reads a packet. OSC 1.0, "OSC Packets".
 *
 * @param bytes the whole packet, as it came in one datagram or one frame of a stream
 * @throws OscDecodeError where the bytes cannot be read as a packet or, with `strict`, depart from the OSC 1.0 text; whatever the bytes,
 *   nothing else. TypeError where `bytes` is no Uint8Array.
 *
 * @example
 * const packet = decode(encode(new OscMessage("/gain", 0.5)));
 * if (packet instanceof OscMessage) console.log(packet.address, packet.args); // /gain [ 0.5 ]
 */
export function decode(bytes: Uint8Array, options?: DecodeOptions): OscPacket {
  begin(bytes, options);
  return readPacket(current, bytes, 0, bytes.length, undefined, 1);
}

/** As {@link decode}, for a message whose address is known, and in its well-formed string takes the first `addressSize` bytes. */
export function decodeMessage(bytes: Uint8Array, address: string, addressSize: number, options?: DecodeOptions): OscMessage {
  begin(bytes, options);
  return readAfterAddress(current, bytes, address, addressSize, bytes.length);
}

function begin(bytes: Uint8Array, options: DecodeOptions | undefined): void {
  current.begin(options);
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`A packet to decode is a Uint8Array; got ${describe(bytes)}.`);
  const size = bytes.length;
  const most = options?.maxPacketSize ?? MAX_PACKET_SIZE;
  if (size === 0 || size > most || (size & 3) !== 0) checkSize(size, most);
}

/** Throws where a packet cannot be read because of its size, or, when strict, may not. */
function checkSize(size: number, most: number): void {
  if (size === 0) throw decodeError("OSC_EMPTY_PACKET", "A packet needs at least one byte", 0);
  if (size > most) throw decodeError("OSC_PACKET_TOO_LARGE", `The packet has ${size} bytes; maxPacketSize is ${most}`, 0);
  if (current.options.strict) throw decodeError("OSC_UNALIGNED", `The packet has ${size} bytes, which is no multiple of 4`, size);
}

function readPacket(
  reading: Reading,
  bytes: Uint8Array,
  start: number,
  end: number,
  around: TimeTag | undefined,
  depth: number,
): OscPacket {
  return bytes[start] === HASH ? readBundle(reading, bytes, start, end, around, depth) : readMessage(reading, bytes, start, end);
}

function readMessage(reading: Reading, bytes: Uint8Array, start: number, end: number): OscMessage {
  reading.errors = undefined;
  if (bytes[start] !== SLASH) checkOddAddress(reading, bytes, start, end);
  const address = readText(reading, bytes, start, end);
  return readAfterAddress(reading, bytes, address, reading.position, end);
}

function readAfterAddress(reading: Reading, bytes: Uint8Array, address: string, position: number, end: number): OscMessage {
  if (position >= end || bytes[position] !== COMMA) return withoutTypeTags(reading, address, position, end);
  const types = readTypeTags(reading, bytes, position, end);
  const args = types === "" ? NO_ARGUMENTS : readArguments(reading, bytes, types, position + 1, end);
  if (reading.position < end) faultOfRest(reading, reading.position, end, "OSC_TRAILING_BYTES", "after the last argument");
  return trustedMessage(address, args, types, true, reading.errors ?? NO_ERRORS);
}

function withoutTypeTags(reading: Reading, address: string, position: number, end: number): OscMessage {
  if (position < end) faultOfRest(reading, position, end, "OSC_MISSING_TYPE_TAGS", "without a type tag string");
  return trustedMessage(address, NO_ARGUMENTS, "", false, reading.errors ?? NO_ERRORS);
}

function faultOfRest(reading: Reading, position: number, end: number, code: OscDecodeErrorCode, where: string): void {
  reading.fault(code, `The message has ${end - position} bytes ${where}, which were not read`, position);
}

function checkOddAddress(reading: Reading, bytes: Uint8Array, start: number, end: number): void {
  if (bytes[start] === 0 || bytes.subarray(start, end).indexOf(0) === -1) {
    throw decodeError("OSC_BAD_ADDRESS", "This is neither a message, which begins with an address, nor a bundle", start);
  }
  reading.fault("OSC_BAD_ADDRESS", 'An address does not begin with "/"', start);
}

function readBundle(
  reading: Reading,
  bytes: Uint8Array,
  start: number,
  end: number,
  around: TimeTag | undefined,
  depth: number,
): OscBundle {
  if (depth > reading.maxNesting) {
    throw decodeError("OSC_NESTING_TOO_DEEP", `Bundles nest deeper than maxNesting, ${reading.maxNesting} levels`, start);
  }
  reading.errors = undefined;
  const header = readBundleHeader(reading, bytes, start, end);
  const timeTag = readTimeTag(bytes, start + header - 8);
  if (around !== undefined && isEarlier(timeTag, around)) {
    reading.fault("OSC_TIME_TAG_ORDER", `A bundle for ${timeTag} is inside one for ${around}`, start + header - 8);
  }
  const elements: OscPacket[] = [];
  let position = start + header;
  while (position < end && !reading.exhausted) {
    const size = readElementSize(reading, bytes, position, end);
    if (size < 0) break;
    position += 4;
    if (size > 0) {
      const errors: OscDecodeError[] | undefined = reading.errors;
      try {
        elements.push(readPacket(reading, bytes, position, position + size, timeTag, depth + 1));
        reading.errors = errors;
      } catch (error) {
        reading.errors = errors;
        reading.dropElement(error, position + size);
      }
    }
    position += size;
  }
  return trustedBundle(elements, timeTag, reading.errors ?? NO_ERRORS);
}

/** The size of the header: `#bundle`, NUL and the time tag. Older versions of QOsc leave out the NUL. */
function readBundleHeader(reading: Reading, bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size >= 15 && readInt(bytes, start) === 0x2362756e && readInt(bytes, start + 4) >>> 8 === 0x646c65) {
    if (size > 20 && (size & 3) === 3 && beginsElement(bytes, start + 19) && !beginsElement(bytes, start + 20)) {
      reading.fault("OSC_BAD_BUNDLE", 'The NUL after "#bundle" is missing', start + 7);
      return 15;
    }
    if (size >= 16 && bytes[start + 7] === 0) return 16;
  }
  throw decodeError("OSC_BAD_BUNDLE", 'A bundle begins with "#bundle", a NUL and a time tag of 8 bytes', start);
}

function beginsElement(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === SLASH || bytes[offset] === HASH;
}

/** The size of an element; 0 for an element without bytes, and -1 where the rest of the bundle cannot be read. Both are recorded. */
function readElementSize(reading: Reading, bytes: Uint8Array, position: number, end: number): number {
  const left = end - position - 4;
  if (left < 0) {
    reading.fault("OSC_TRUNCATED", "The bundle ends within the size of an element", position);
    return -1;
  }
  const size = readInt(bytes, position);
  if (size > 0 && size <= left && ((size & 3) === 0 || size === left)) {
    if ((size & 3) !== 0) reading.fault("OSC_UNALIGNED", `The last element has ${size} bytes, which is no multiple of 4`, position);
    return size;
  }
  reading.fault(
    "OSC_BAD_ELEMENT_SIZE",
    `An element says that it has ${size} bytes, where ${left} are left; sizes are multiples of 4`,
    position,
  );
  return size === 0 ? 0 : -1;
}
