import { OscDecodeError, type OscDecodeErrorCode } from "../errors.ts";
import { checkNames, describe } from "./options.ts";
import { OscBundle, type OscMessage, type OscPacket, trustedBundle, trustedMessage } from "./packet.ts";
import { readArguments, readInt, readText, readTimeTag } from "./read-arguments.ts";
import { decodeError, type DecodeOptions, Reading } from "./reading.ts";
import { isEarlier, type TimeTag } from "./time-tag.ts";
import { latin1 } from "./text.ts";
import { COMMA, HASH, type OscValue, SLASH } from "./types.ts";

const NO_ARGUMENTS: readonly OscValue[] = /* @__PURE__ */ Object.freeze([]);

/** The characters of all type tags. */
const TYPE_TAGS = /* @__PURE__ */ Uint8Array.from("ifsbhtdScrmTFNI[]", (tag) => tag.charCodeAt(0));

/** `#bun` as a big-endian number. */
const BUNDLE_START = 0x2362756e;

const OPTION_NAMES = ["strict", "copyBlobs", "maxNesting", "maxPacketSize", "maxArguments"];
/** The options whose names were checked last. */
let checked: DecodeOptions | undefined;

/** Shared by all calls, because a packet is decoded synchronously. */
const current = /* @__PURE__ */ new Reading();

/**
 * Reads a packet. OSC 1.0, "OSC Packets".
 *
 * @param bytes the whole packet, as received in one datagram or one frame of a stream
 * @throws OscDecodeError if the bytes can't be read as a packet or, with `strict`, deviate from OSC 1.0. No bytes cause any other error.
 *   TypeError if `bytes` isn't a Uint8Array; OscServerError `OSC_OPTION` for an invalid option.
 *
 * @example
 * const packet = decode(encode(new OscMessage("/gain", 0.5)));
 * if (packet instanceof OscMessage) console.log(packet.address, packet.args); // /gain [ 0.5 ]
 */
export function decode(bytes: Uint8Array, options?: DecodeOptions): OscPacket {
  if (options !== checked) {
    checkNames("decode", options, OPTION_NAMES);
    checked = options;
  }
  return decodePacket(bytes, options);
}

/** Like {@link decode}, but allows other options too, such as those of a server. */
export function decodePacket(bytes: Uint8Array, options?: DecodeOptions): OscPacket {
  const end = begin(bytes, options);
  return readPacket(current, bytes, 0, end, undefined, 1);
}

/** Like {@link decodePacket}, for a message whose address is known. Assumes that the first `addressSize` bytes are a well-formed string. */
export function decodeMessage(bytes: Uint8Array, address: string, addressSize: number, options?: DecodeOptions): OscMessage {
  const end = begin(bytes, options);
  current.errors = undefined;
  current.keepsBytes = false;
  return readAfterAddress(current, bytes, 0, address, addressSize, end);
}

/** Reads a packet to display it. Returns the error for an unreadable packet. */
export function decodeOrFault(bytes: Uint8Array): OscPacket | OscDecodeError {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof OscDecodeError) return error;
    throw error;
  }
}

/** All faults that were tolerated in a packet and its elements. */
export function faultsOf(packet: OscPacket): readonly OscDecodeError[] {
  return packet instanceof OscBundle ? [...packet.errors, ...packet.elements.flatMap(faultsOf)] : packet.errors;
}

/** Checks the caller's arguments, and returns the size of the packet. */
function begin(bytes: Uint8Array, options: DecodeOptions | undefined): number {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`A packet to decode must be a Uint8Array; got ${describe(bytes)}.`);
  const size = bytes.length;
  current.begin(options);
  if (size === 0 || size > current.maxPacketSize || (size & 3) !== 0) checkSize(size);
  return size;
}

/** Throws if the size makes a packet unreadable or, if strict, isn't allowed. */
function checkSize(size: number): void {
  if (size === 0) throw decodeError("OSC_EMPTY_PACKET", "A packet needs at least one byte", 0);
  if (size > current.maxPacketSize) {
    throw decodeError("OSC_PACKET_TOO_LARGE", `The packet has ${size} bytes; maxPacketSize is ${current.maxPacketSize}`, 0);
  }
  if (current.strict) throw decodeError("OSC_UNALIGNED", `The packet has ${size} bytes, which is not a multiple of 4`, size);
}

function readPacket(
  reading: Reading,
  bytes: Uint8Array,
  start: number,
  end: number,
  around: TimeTag | undefined,
  depth: number,
): OscPacket {
  return bytes[start] === HASH && beginsBundle(bytes, start, end)
    ? readBundle(reading, bytes, start, end, around, depth)
    : readMessage(reading, bytes, start, end);
}

/** Compares four bytes, because a truncated or misspelled header isn't an address, while liblo's `#reply` is. */
function beginsBundle(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start < 4 || readInt(bytes, start) === BUNDLE_START;
}

function readMessage(reading: Reading, bytes: Uint8Array, start: number, end: number): OscMessage {
  reading.errors = undefined;
  reading.keepsBytes = false;
  if (bytes[start] !== SLASH) checkOddAddress(reading, bytes, start, end);
  const address = readText(reading, bytes, start, end, 0);
  return readAfterAddress(reading, bytes, start, address, reading.position, end);
}

function readAfterAddress(reading: Reading, bytes: Uint8Array, start: number, address: string, position: number, end: number): OscMessage {
  if (position >= end || bytes[position] !== COMMA) {
    if (position < end) faultOfRest(reading, position, end, "OSC_MISSING_TYPE_TAGS", "without a type tag string");
    return trustedMessage(address, NO_ARGUMENTS, undefined, reading.errors, reading.rawBytes(bytes, start, end));
  }
  reading.mark();
  let message: OscMessage | undefined;
  let failure: unknown;
  try {
    message = readTyped(reading, bytes, start, address, position, end);
  } catch (error) {
    failure = error;
  }
  if (message !== undefined && !reading.isFaulty) return message;
  const better = reading.strict ? undefined : readWithoutNul(reading, bytes, start, address, position, end);
  if (better !== undefined) return better;
  if (message === undefined) throw failure;
  return message;
}

/** Reads the type tag string at `position`, and the arguments. */
function readTyped(reading: Reading, bytes: Uint8Array, start: number, address: string, position: number, end: number): OscMessage {
  const types = readText(reading, bytes, position, end, 1);
  const args = readCounted(reading, bytes, position + 1, types.length, end);
  if (reading.position < end) faultOfRest(reading, reading.position, end, "OSC_TRAILING_BYTES", "after the last argument");
  return trustedMessage(address, args, types, reading.errors, reading.rawBytes(bytes, start, end));
}

function readCounted(reading: Reading, bytes: Uint8Array, tags: number, count: number, end: number): readonly OscValue[] {
  if (count === 0) return NO_ARGUMENTS;
  reading.count(count, tags);
  return readArguments(reading, bytes, tags, count, end);
}

/**
 * Reads a message whose type tag string fills its words and has no NUL, as some senders write `,fff`. Searching for a NUL would read the
 * first argument bytes as tags or padding, and shift every value. Accepted only if the arguments fit exactly.
 */
function readWithoutNul(
  reading: Reading,
  bytes: Uint8Array,
  start: number,
  address: string,
  position: number,
  end: number,
): OscMessage | undefined {
  let tagsEnd = position + 1;
  // More tags than maxArguments would be rejected anyway; 8 for the two ends that are tried.
  const last = position + reading.maxArguments + 8;
  while (tagsEnd < end && tagsEnd < last && TYPE_TAGS.includes(bytes[tagsEnd]!)) tagsEnd++;
  tagsEnd -= (tagsEnd - position) & 3;
  // The first argument bytes may look like tags, so also try an earlier end.
  for (let tries = 0; tries < 2 && tagsEnd > position; tries++, tagsEnd -= 4) {
    const left = reading.argumentsLeft;
    try {
      reading.strict = true;
      reading.position = tagsEnd;
      const args = readCounted(reading, bytes, position + 1, tagsEnd - position - 1, end);
      if (reading.position === end) {
        reading.strict = false;
        reading.forgetFaults();
        reading.fault("OSC_BAD_PADDING", "The type tag string has no NUL", tagsEnd);
        const types = latin1(bytes, position + 1, tagsEnd);
        return trustedMessage(address, args, types, reading.errors, reading.rawBytes(bytes, start, end));
      }
    } catch (error) {
      if (!(error instanceof OscDecodeError)) throw error;
    } finally {
      reading.strict = false;
    }
    reading.argumentsLeft = left;
  }
  return undefined;
}

function faultOfRest(reading: Reading, position: number, end: number, code: OscDecodeErrorCode, where: string): void {
  reading.fault(code, `The message has ${end - position} bytes ${where}, which were not read`, position);
}

function checkOddAddress(reading: Reading, bytes: Uint8Array, start: number, end: number): void {
  if (bytes[start] === 0 || bytes.subarray(start, end).indexOf(0) === -1) {
    throw decodeError("OSC_BAD_ADDRESS", "This is neither a message nor a bundle", start);
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
  reading.keepsBytes = false;
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
      const keepsBytes: boolean = reading.keepsBytes;
      let failure: unknown;
      try {
        reading.count(1, position);
        elements.push(readPacket(reading, bytes, position, position + size, timeTag, depth + 1));
      } catch (error) {
        failure = error;
      }
      reading.errors = errors;
      reading.keepsBytes = keepsBytes;
      if (failure !== undefined) reading.dropElement(failure, position + size);
    }
    position += size;
  }
  return trustedBundle(elements, timeTag, reading.errors, reading.rawBytes(bytes, start, end));
}

/** The size of the header: `#bundle`, NUL and the time tag. Older versions of QOsc leave out the NUL. */
function readBundleHeader(reading: Reading, bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size >= 15 && readInt(bytes, start) === BUNDLE_START && readInt(bytes, start + 4) >>> 8 === 0x646c65) {
    if (size > 20 && (size & 3) === 3 && beginsElement(bytes, start + 19) && !beginsElement(bytes, start + 20)) {
      reading.fault("OSC_BAD_BUNDLE", 'The NUL after "#bundle" is missing', start + 7);
      return 15;
    }
    if (size >= 16 && bytes[start + 7] === 0) return 16;
  }
  throw decodeError("OSC_BAD_BUNDLE", "The header of a bundle is cut short or wrong", start);
}

function beginsElement(bytes: Uint8Array, offset: number): boolean {
  return bytes[offset] === SLASH || bytes[offset] === HASH;
}

/** The size of an element; 0 for an empty element, -1 if the rest of the bundle is unreadable. Both are recorded as faults. */
function readElementSize(reading: Reading, bytes: Uint8Array, position: number, end: number): number {
  const left = end - position - 4;
  if (left < 0) {
    reading.fault("OSC_TRUNCATED", "The bundle ends within the size of an element", position);
    return -1;
  }
  const size = readInt(bytes, position);
  if (size > 0 && size <= left && ((size & 3) === 0 || size === left)) {
    if ((size & 3) !== 0) reading.fault("OSC_UNALIGNED", `The last element has ${size} bytes, which is not a multiple of 4`, position);
    return size;
  }
  const isCut = size > left && left > 0;
  const rule = isCut ? "it is read as far as it goes" : "sizes are multiples of 4";
  reading.fault("OSC_BAD_ELEMENT_SIZE", `An element of ${size} bytes is announced, but ${left} are left; ${rule}`, position);
  if (isCut) return left;
  return size === 0 ? 0 : -1;
}
