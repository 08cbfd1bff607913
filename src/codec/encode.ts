import { OscEncodeError } from "../errors.ts";
import { OscBundle, type OscPacket } from "./bundle.ts";
import { describe } from "./check-value.ts";
import { MAX_NESTING, MAX_PACKET_SIZE } from "./limits.ts";
import { floatTypesOf, OscMessage } from "./message.ts";
import { writeArguments } from "./write-arguments.ts";
import { writeText, writeUint32 } from "./write-atoms.ts";

/** How packets are encoded. */
export interface EncodeOptions {
  /**
   * `"float"` sends every number whose type tag was inferred as `f`, for devices that take nothing else. Arguments with a type of
   * their own keep it. Default `"auto"`: as inferred.
   */
  readonly numbers?: "auto" | "float";
  /** The largest packet, in bytes; a larger one is refused. Default 16,777,216 (16 MiB). */
  readonly maxPacketSize?: number;
  /** How many levels bundles may nest, and arrays. Default 32. */
  readonly maxNesting?: number;
}

/** Large enough for whatever fits into a datagram. */
const SLAB_SIZE = 65_536;
/** Packets of up to this many bytes lie in a slab together, and larger ones in memory of their own. */
const LARGEST_SHARED = 8192;

/**
 * Memory for packets, filled from its beginning on: to take memory for each costs several times the encoding, and its collection makes
 * pauses (bench/codec, bench/latency).
 */
let slab = /* @__PURE__ */ new Uint8Array(0);
let used = 0;
/** A packet is being written into the slab. What is asked of a value may encode another packet, which needs memory of its own. */
let writing = false;
/** The slab's `buffer`, for to ask a typed array for it is a call that takes half as long as to make a view (bench/codec, encode small). */
let slabBuffer = /* @__PURE__ */ new ArrayBuffer(0);

/**
 * The bytes of a packet. OSC 1.0, "OSC Packets".
 *
 * They are the caller's and are never written to again. Their `buffer` may hold other packets, too, as that of a `Buffer` in Node may: to
 * transfer it to a worker, or to have memory of their own, take `encode(packet).slice()`. A packet of more than 8,192 bytes shares none.
 *
 * @throws OscEncodeError where the packet is too large or nests too deep
 *
 * @example
 * encode(new OscMessage("/gain", 0.5)).length; // 16
 * encode(new OscMessage("/gain", 1), { numbers: "float" }); // ,f 1
 */
export function encode(packet: OscPacket, options?: EncodeOptions): Uint8Array {
  if (writing || used + LARGEST_SHARED > slab.length) {
    slabBuffer = new ArrayBuffer(SLAB_SIZE);
    slab = new Uint8Array(slabBuffer);
    used = 0;
  }
  const memory = slab;
  const buffer = slabBuffer;
  const start = used;
  writing = true;
  const end = write(packet, memory, start, options);
  writing = false;
  const size = end - start;
  if (slab === memory && size <= LARGEST_SHARED) used = end;
  if (size <= LARGEST_SHARED) return new Uint8Array(buffer, start, size);
  if (end <= memory.length) return memory.slice(start, end);
  const bytes = new Uint8Array(size);
  write(packet, bytes, 0, options);
  return bytes;
}

/**
 * Writes the bytes of a packet into `target` and allocates nothing.
 *
 * @param offset where in `target` the packet begins; default 0
 * @returns how many bytes were written
 * @throws OscEncodeError where the packet does not fit (`OSC_BUFFER_TOO_SMALL`; the message says how many bytes it needs, and what
 *   `target` holds from `offset` on is undefined), is too large or nests too deep
 *
 * @example
 * const memory = new Uint8Array(1024);
 * const size = encodeInto(new OscMessage("/gain", 0.5), memory); // 16
 */
export function encodeInto(packet: OscPacket, target: Uint8Array, offset: number = 0, options?: EncodeOptions): number {
  if (!Number.isInteger(offset) || offset < 0) {
    throw new OscEncodeError("OSC_VALUE_OUT_OF_RANGE", `An offset is a whole number from 0 on; got ${describe(offset)}.`, offset);
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

/**
 * Writes a packet and returns the offset after it, which lies beyond the target where the packet does not fit. Nothing is written
 * beyond the target: a typed array ignores that, and what would throw is checked in its place.
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
  if (packet instanceof OscMessage) return writeMessage(packet, target, offset, floats, maxNesting);
  if (packet instanceof OscBundle) return writeBundle(packet, target, offset, floats, maxNesting, depth);
  throw new OscEncodeError("OSC_VALUE_TYPE", `A packet is an OscMessage or an OscBundle; got ${describe(packet)}.`, packet);
}

function writeMessage(message: OscMessage, target: Uint8Array, offset: number, floats: boolean, maxNesting: number): number {
  const position = writeText(message.address, target, offset);
  if (!message.hasTypeTags) return position;
  return writeArguments(floats ? floatTypesOf(message) : message.types, message.args, target, position, maxNesting);
}

function writeBundle(bundle: OscBundle, target: Uint8Array, offset: number, floats: boolean, maxNesting: number, depth: number): number {
  if (depth > maxNesting)
    throw new OscEncodeError("OSC_NESTING_TOO_DEEP", `Bundles nest deeper than maxNesting, ${maxNesting} levels.`, bundle);
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
