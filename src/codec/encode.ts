import { OscEncodeError } from "../errors.ts";
import { bad, checkNames, describe, limit, MAX_NESTING, MAX_PACKET_SIZE } from "./options.ts";
import { checkValue, fitsFloat } from "./check.ts";
import { inferTag, keptNumber, type OscArgument, untyped } from "./infer.ts";
import { floatTypesOf, OscBundle, OscMessage, type OscPacket, rawBytesOf } from "./packet.ts";
import { writeCharacters } from "./text.ts";
import type { TimeTag } from "./time-tag.ts";
import { TypedValue } from "./typed-value.ts";
import { ARRAY_BEGIN, ARRAY_END, COMMA, FLOAT, INT, type OscColor, type OscMidi, type OscValue, parts, SLASH } from "./types.ts";

/** How packets are encoded. */
export interface EncodeOptions {
  /**
   * `"float"` sends every number whose type tag was inferred as `f`, for devices that accept only floats. Arguments with an explicit type
   * keep it. Default `"auto"`: as inferred.
   */
  readonly numbers?: "auto" | "float";
  /** Maximum packet size in bytes; a larger packet is rejected. Default 16,777,216 (16 MiB). */
  readonly maxPacketSize?: number;
  /** Maximum nesting depth of bundles, and of arrays. Default 32. */
  readonly maxNesting?: number;
}

const OPTION_NAMES = ["numbers", "maxPacketSize", "maxNesting"];

/** Large enough for any datagram. */
const SLAB_SIZE = 65_536;
/** Packets of up to this many bytes share a slab; larger ones get their own memory. */
const LARGEST_SHARED = 8192;
/** Lists of up to this many arguments are written in one pass. With more, the packet might not fit into a slab. */
const MOST_AT_ONCE = 1500;

/** Memory for packets, filled from the start. Allocating memory for each packet costs several times the encoding (bench/codec). */
let slab = /* @__PURE__ */ new Uint8Array(0);
/** The slab's `buffer`: reading it from a typed array is slow. */
let slabBuffer = /* @__PURE__ */ new ArrayBuffer(0);
let used = 0;
/** A packet is being written into the slab. A value's getter may encode another packet, which then needs its own memory. */
let writing = false;

/** The options that were checked last. */
let checked: EncodeOptions | undefined;

/** Up to this many bytes a loop is faster than `set` (bench/codec). */
const SHORT = 32;
/** With at least this many floats, a DataView pays off (bench/codec). */
const LONG_RUN = 32;
const STRING = 0x73; // s

/**
 * Encodes a packet. OSC 1.0, "OSC Packets". A decoded packet that had faults is encoded to its original bytes.
 *
 * The bytes are yours and are never written to again. Their `buffer` may hold other packets too, as with Node's pooled `Buffer`. To
 * transfer it to a worker, or to get separate memory, use `encode(packet).slice()`. Packets larger than 8,192 bytes never share memory.
 *
 * @throws OscEncodeError if the packet is too large or nests too deep; OscServerError `OSC_OPTION` for an invalid option
 *
 * @example
 * const bytes = encode(new OscMessage("/gain", 0.5));
 * bytes.length; // 16
 * bytes.buffer.byteLength; // 65536: memory that packets share
 * bytes.slice().buffer.byteLength; // 16: separate memory
 * encode(new OscMessage("/gain", 1), { numbers: "float" }); // ,f 1
 */
export function encode(packet: OscPacket, options?: EncodeOptions): Uint8Array {
  if (options !== undefined) checkOptions(options);
  const memory = claim();
  const buffer = slabBuffer;
  const start = used;
  const end = write(packet, memory, start, options);
  if (end - start <= LARGEST_SHARED) return finished(memory, buffer, start, end);
  writing = false;
  if (end <= memory.length) return memory.slice(start, end);
  const bytes = new Uint8Array(end - start);
  write(packet, bytes, 0, options);
  return bytes;
}

/**
 * Encodes a message without creating an {@link OscMessage}. Returns the same bytes, or throws the same error, as
 * `encode(new OscMessage(address, args, types), options)`, but faster. The notes on the bytes at {@link encode} apply here too.
 *
 * @param address begins with `/` and contains no NUL character
 * @param args one value, or an array of values, each plain or with its type (`int(1)`, `float(1)`); default none
 * @param types the type tag string without its comma, one tag for each argument; default: inferred
 * @throws OscEncodeError if the address is invalid, a value doesn't fit its type tag, or the packet is too large or nests too deep
 *
 * @example
 * encodeMessage("/mixer/gain", [0.5, "left"]); // ,fs
 * encodeMessage("/spectrum", new Float32Array(512)); // 512 floats
 */
export function encodeMessage(address: string, args: OscArgument = [], types?: string, options?: EncodeOptions): Uint8Array {
  if (options !== undefined) checkOptions(options);
  const list: ArrayLike<unknown> = Array.isArray(args) || args instanceof Float32Array ? args : [args];
  if (list.length <= MOST_AT_ONCE) {
    const memory = claim();
    const buffer = slabBuffer;
    const start = used;
    const end = writeFlat(address, list, types, memory, start, options?.numbers === "float");
    const most = Math.min(options?.maxPacketSize ?? MAX_PACKET_SIZE, LARGEST_SHARED);
    if (end !== -1 && end - start <= most) return finished(memory, buffer, start, end);
    writing = false;
  }
  return encode(new OscMessage(address, args, types), options);
}

/**
 * Writes the bytes of a packet into `target`, and allocates no memory for them.
 *
 * @param offset start of the packet in `target`; default 0
 * @returns the number of bytes written
 * @throws OscEncodeError if the packet is too large, nests too deep or doesn't fit (`OSC_BUFFER_TOO_SMALL`; the message says how many bytes
 *   it needs, and the contents of `target` from `offset` on are undefined)
 *
 * @example
 * const memory = new Uint8Array(1024);
 * const size = encodeInto(new OscMessage("/gain", 0.5), memory); // 16
 */
export function encodeInto(packet: OscPacket, target: Uint8Array, offset: number = 0, options?: EncodeOptions): number {
  if (options !== undefined) checkOptions(options);
  if (!(target instanceof Uint8Array)) {
    throw new OscEncodeError("OSC_VALUE_TYPE", `The target must be a Uint8Array; got ${describe(target)}.`, target);
  }
  if (!Number.isInteger(offset) || offset < 0) {
    throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", `An offset must be an integer of at least 0; got ${describe(offset)}.`, offset);
  }
  const end = write(packet, target, offset, options);
  if (end > target.length) {
    const room = Math.max(0, target.length - offset);
    throw new OscEncodeError(
      "OSC_BUFFER_TOO_SMALL",
      `The packet needs ${end - offset} bytes; from offset ${offset} on the target has ${room}.`,
      target,
    );
  }
  return end - offset;
}

function checkOptions(options: EncodeOptions): void {
  if (options !== checked) checkNames("encode", options, OPTION_NAMES);
  const { numbers, maxPacketSize, maxNesting } = options;
  if (numbers !== undefined && numbers !== "auto" && numbers !== "float") throw bad("numbers", '"auto" or "float"', numbers);
  limit(maxPacketSize, "maxPacketSize", MAX_PACKET_SIZE);
  limit(maxNesting, "maxNesting", MAX_NESTING);
  checked = options;
}

/** Memory to write a packet into, starting at `used`. It has room for at least the largest shared packet. */
function claim(): Uint8Array {
  if (writing || used + LARGEST_SHARED > slab.length) {
    slabBuffer = new ArrayBuffer(SLAB_SIZE);
    slab = new Uint8Array(slabBuffer);
    used = 0;
  }
  writing = true;
  return slab;
}

/** The packet that was written into the memory. Another packet may have been written to another slab in the meantime. */
function finished(memory: Uint8Array, buffer: ArrayBuffer, start: number, end: number): Uint8Array {
  writing = false;
  if (slab === memory) used = end;
  return new Uint8Array(buffer, start, end - start);
}

/**
 * Checks and writes a message without arrays in one pass. Returns the offset after it, or -1 if the message has to be constructed first:
 * because it contains arrays, or because it is invalid and the constructor throws the right error.
 */
function writeFlat(
  address: string,
  args: ArrayLike<unknown>,
  types: string | undefined,
  target: Uint8Array,
  offset: number,
  floats: boolean,
): number {
  const { length } = args;
  if (typeof address !== "string" || address.charCodeAt(0) !== SLASH) return -1;
  if (types !== undefined && (typeof types !== "string" || types.length !== length)) return -1;
  let tags = writeText(address, target, offset, false);
  if (tags === -1) return -1;
  target[tags++] = COMMA;
  let position = writeZeros(target, tags + length, 4 - ((tags + length - offset) & 3));
  if (types === undefined && args instanceof Float32Array) {
    target.fill(FLOAT, tags, tags + length);
    return writeFloats(args, 0, length, target, position);
  }
  for (let i = 0; i < length; i++) {
    let value = args[i];
    let tag: number;
    if (types !== undefined) {
      tag = types.charCodeAt(i);
      if (tag === ARRAY_BEGIN || tag === ARRAY_END) return -1;
      // Text is checked while it is written.
      const fits = tag === FLOAT ? typeof value === "number" && fitsFloat(value) : tag === STRING && typeof value === "string";
      if (!fits) value = checkValue(types[i]!, untyped(value, types[i]!));
    } else if (typeof value === "number") {
      const inferred = inferTag(value);
      tag = floats ? FLOAT : inferred.charCodeAt(0);
      value = keptNumber(inferred, value);
    } else if (typeof value === "string") {
      tag = STRING;
    } else if (value instanceof TypedValue) {
      tag = value.tag.charCodeAt(0);
      value = value.value;
    } else {
      if (Array.isArray(value)) return -1;
      const inferred = inferTag(value);
      tag = inferred.charCodeAt(0);
      value = checkValue(inferred, value);
    }
    target[tags + i] = tag;
    if (tag === FLOAT) position = writeFloat(value as number | bigint, target, position);
    else if (tag !== STRING) position = writeArgument(tag, value as OscValue, target, position);
    else if ((position = writeText(value as string, target, position, false)) === -1) return -1;
  }
  return position;
}

/**
 * Writes a packet and returns the offset after it, which is beyond the target if the packet doesn't fit. Nothing is written beyond the
 * target: typed arrays ignore such writes, and methods that would throw are guarded.
 */
function write(packet: OscPacket, target: Uint8Array, offset: number, options: EncodeOptions | undefined): number {
  const maxNesting = options?.maxNesting ?? MAX_NESTING;
  const maxPacketSize = options?.maxPacketSize ?? MAX_PACKET_SIZE;
  const end = writePacket(packet, target, offset, options?.numbers === "float", maxNesting, 1);
  if (end - offset > maxPacketSize) {
    throw new OscEncodeError("OSC_PACKET_TOO_LARGE", `The packet has ${end - offset} bytes; maxPacketSize is ${maxPacketSize}.`, packet);
  }
  return end;
}

function writePacket(packet: OscPacket, target: Uint8Array, offset: number, floats: boolean, maxNesting: number, depth: number): number {
  if (packet instanceof OscMessage) {
    return writeMessage(packet, target, offset, floats, maxNesting);
  }
  if (packet instanceof OscBundle) return writeBundle(packet, target, offset, floats, maxNesting, depth);
  throw new OscEncodeError("OSC_VALUE_TYPE", `A packet is an OscMessage or an OscBundle; got ${describe(packet)}.`, packet);
}

function writeMessage(message: OscMessage, target: Uint8Array, offset: number, floats: boolean, maxNesting: number): number {
  const raw = rawBytesOf(message);
  if (raw !== undefined) return writeBytes(raw, target, offset);
  const position = writeText(message.address, target, offset, true);
  if (!message.hasTypeTags) return position;
  return writeArguments(floats ? floatTypesOf(message) : message.types, message.args, target, position, maxNesting);
}

function writeBundle(bundle: OscBundle, target: Uint8Array, offset: number, floats: boolean, maxNesting: number, depth: number): number {
  if (depth > maxNesting)
    throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Bundles nest deeper than maxNesting, ${maxNesting} levels.`, bundle);
  const raw = rawBytesOf(bundle);
  if (raw !== undefined) return writeBytes(raw, target, offset);
  const { timeTag, elements } = bundle;
  writeUint32(0x2362756e, target, offset); // "#bun"
  writeUint32(0x646c6500, target, offset + 4); // "dle\0"
  writeUint32(timeTag.seconds, target, offset + 8);
  writeUint32(timeTag.fraction, target, offset + 12);
  let position = offset + 16;
  for (let i = 0; i < elements.length; i++) {
    const end = writePacket(elements[i]!, target, position + 4, floats, maxNesting, depth + 1);
    writeUint32(end - position - 4, target, position);
    position = end;
  }
  return position;
}

/** Writes the type tag string and the arguments, and returns the offset after them. OSC 1.0, "OSC Messages". */
function writeArguments(types: string, args: readonly OscValue[], target: Uint8Array, offset: number, maxNesting: number): number {
  const { length } = types;
  target[offset] = COMMA;
  let position = writeZeros(target, writeCharacters(types, target, offset + 1, true), 4 - ((length + 1) & 3));
  let list = args;
  let index = 0;
  // Lazy, because most messages have no arrays.
  let around: { list: readonly OscValue[]; index: number }[] | undefined;
  for (let i = 0; i < length; i++) {
    const tag = types.charCodeAt(i);
    if (tag === FLOAT) {
      const first = i;
      while (i + 1 < length && types.charCodeAt(i + 1) === FLOAT) i += 1;
      const count = i + 1 - first;
      position = writeFloats(list as readonly (number | bigint)[], index, count, target, position);
      index += count;
    } else if (tag === ARRAY_BEGIN) {
      around ??= [];
      if (around.length === maxNesting) {
        throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Arrays nest deeper than maxNesting, ${maxNesting} levels.`, args);
      }
      around.push({ list, index: index + 1 });
      list = list[index] as readonly OscValue[];
      index = 0;
    } else if (tag === ARRAY_END) {
      ({ list, index } = around!.pop()!);
    } else {
      position = writeArgument(tag, list[index++]!, target, position);
    }
  }
  return position;
}

/** Writes an argument that was checked, and returns the offset after it. */
function writeArgument(tag: number, value: OscValue, target: Uint8Array, offset: number): number {
  switch (tag) {
    case INT:
      writeUint32(value as number, target, offset);
      return offset + 4;
    case STRING:
    case 0x53: // S
      return writeText(value as string, target, offset, true);
    case 0x62: // b
      return writeBlob(value as Uint8Array, target, offset);
    case 0x64: // d
      parts.setFloat64(0, value as number);
      return writeParts(target, offset);
    case 0x68: // h
      parts.setBigInt64(0, value as bigint);
      return writeParts(target, offset);
    case 0x74: // t
      writeUint32((value as TimeTag).seconds, target, offset);
      writeUint32((value as TimeTag).fraction, target, offset + 4);
      return offset + 8;
    case 0x63: // c
      writeUint32(typeof value === "string" ? value.codePointAt(0)! : (value as number), target, offset);
      return offset + 4;
    case 0x72: {
      // r
      const { r, g, b, a } = value as OscColor;
      writeUint32((r << 24) | (g << 16) | (b << 8) | a, target, offset);
      return offset + 4;
    }
    case 0x6d: {
      // m
      const [port, status, data1, data2] = value as OscMidi;
      writeUint32((port << 24) | (status << 16) | (data1 << 8) | data2, target, offset);
      return offset + 4;
    }
    default: // T F N I, which have no bytes
      return offset;
  }
}

/** Writes `count` numbers of a list, starting at `from`, as floats, and returns the offset after them. */
function writeFloats(list: ArrayLike<number | bigint>, from: number, count: number, target: Uint8Array, offset: number): number {
  const end = from + count;
  let position = offset;
  let i = from;
  if (count >= LONG_RUN && offset + count * 4 <= target.length) {
    const view = new DataView(target.buffer, target.byteOffset, target.length);
    for (let value; i < end && typeof (value = list[i]) === "number"; i++, position += 4) view.setFloat32(position, value);
  }
  for (; i < end; i++) position = writeFloat(list[i]!, target, position);
  return position;
}

function writeFloat(value: number | bigint, target: Uint8Array, offset: number): number {
  parts.setFloat32(0, typeof value === "number" ? value : Number(value));
  writeUint32(parts.getInt32(0), target, offset);
  return offset + 4;
}

/** Writes 32 bits, most significant byte first. Ignores writes beyond the target's end, as typed arrays do. */
function writeUint32(value: number, target: Uint8Array, offset: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

function writeParts(target: Uint8Array, offset: number): number {
  writeUint32(parts.getUint32(0), target, offset);
  writeUint32(parts.getUint32(4), target, offset + 4);
  return offset + 8;
}

/** Writes a string with its NUL and padding, and returns the offset after it; see {@link writeCharacters}. OSC 1.0, "OSC-string". */
function writeText(text: string, target: Uint8Array, offset: number, isChecked: boolean): number {
  const end = writeCharacters(text, target, offset, isChecked);
  return end === -1 ? -1 : writeZeros(target, end, 4 - ((end - offset) & 3));
}

/** Writes a blob with its size and padding, and returns the offset after it. OSC 1.0, "OSC-blob". */
function writeBlob(blob: Uint8Array, target: Uint8Array, offset: number): number {
  const size = blob.length;
  writeUint32(size, target, offset);
  return writeZeros(target, writeBytes(blob, target, offset + 4, size), -size & 3);
}

function writeBytes(bytes: Uint8Array, target: Uint8Array, offset: number, size: number = bytes.length): number {
  const end = offset + size;
  if (size <= SHORT) {
    for (let i = 0; i < size; i++) target[offset + i] = bytes[i]!;
  } else if (end <= target.length) {
    target.set(bytes, offset);
  }
  return end;
}

function writeZeros(target: Uint8Array, offset: number, count: number): number {
  const end = offset + count;
  for (let p = offset; p < end; p++) target[p] = 0;
  return end;
}
