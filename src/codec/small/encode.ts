import type { EncodeOptions } from "../encode.ts";
import { MAX_NESTING, MAX_PACKET_SIZE } from "../limits.ts";
import type { TimeTag } from "../time-tag.ts";
import type { OscValue } from "../types.ts";
import { OscBundle, type OscPacket } from "./bundle.ts";
import { cell, number } from "./cell.ts";
import { constantOf, refuse } from "./check-value.ts";
import { floatTypesOf, OscMessage } from "./message.ts";

const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * The bytes of a packet, in memory of their own. OSC 1.0, "OSC Packets".
 *
 * @throws OscEncodeError where the packet is too large or nests too deep
 *
 * @example
 * encode(new OscMessage("/gain", 0.5)).length; // 16
 */
export function encode(packet: OscPacket, options: EncodeOptions = {}): Uint8Array {
  const bytes = packetBytes(packet, options, 1);
  if (bytes.length > (options.maxPacketSize ?? MAX_PACKET_SIZE)) refuse("OSC_PACKET_TOO_LARGE", packet);
  return bytes;
}

/**
 * Writes the bytes of a packet into `target`, where it fits.
 *
 * @param offset where in `target` the packet begins; default 0
 * @returns how many bytes were written
 * @throws OscEncodeError where the packet does not fit (`OSC_BUFFER_TOO_SMALL`), is too large or nests too deep; nothing is written then
 *
 * @example
 * encodeInto(new OscMessage("/gain", 0.5), new Uint8Array(1024)); // 16
 */
export function encodeInto(packet: OscPacket, target: Uint8Array, offset: number = 0, options?: EncodeOptions): number {
  if (!Number.isInteger(offset) || offset < 0) refuse("OSC_VALUE_OUT_OF_RANGE", offset);
  const bytes = encode(packet, options);
  if (offset + bytes.length > target.length) refuse("OSC_BUFFER_TOO_SMALL", target);
  target.set(bytes, offset);
  return bytes.length;
}

function packetBytes(packet: OscPacket, options: EncodeOptions, depth: number): Uint8Array {
  const maxNesting = options.maxNesting ?? MAX_NESTING;
  if (packet instanceof OscMessage) {
    const types = options.numbers === "float" ? floatTypesOf(packet) : packet.types;
    const pieces = [valueBytes("s", packet.address)];
    if (packet.hasTypeTags) pieces.push(valueBytes("s", `,${types}`), argumentBytes(packet.args, types, maxNesting));
    return joined(pieces);
  }
  if (!(packet instanceof OscBundle)) refuse("OSC_VALUE_TYPE", packet);
  if (depth > maxNesting) refuse("OSC_NESTING_TOO_DEEP", packet);
  const pieces = [valueBytes("s", "#bundle"), valueBytes("t", packet.timeTag)];
  for (const element of packet.elements) {
    const bytes = packetBytes(element, options, depth + 1);
    pieces.push(valueBytes("i", bytes.length), bytes);
  }
  return joined(pieces);
}

/** The arguments, whose arrays nest as their type tags say. */
function argumentBytes(args: readonly OscValue[], types: string, maxNesting: number): Uint8Array {
  let position = 0;
  const listBytes = (list: readonly OscValue[], depth: number): Uint8Array => {
    if (depth > maxNesting) refuse("OSC_NESTING_TOO_DEEP", args);
    return joined(
      list.map((value) => {
        const tag = types[position++]!;
        if (tag !== "[") return valueBytes(tag, value);
        const bytes = listBytes(value as readonly OscValue[], depth + 1);
        position++;
        return bytes;
      }),
    );
  };
  return listBytes(args, 0);
}

/** An argument as it stands in a packet; `s` stands for all text. */
function valueBytes(tag: string, value: OscValue): ArrayLike<number> {
  switch (tag) {
    case "i":
      number.setInt32(0, value as number);
      return cell.slice(0, 4);
    case "c":
      return valueBytes("i", typeof value === "number" ? value : (value as string).codePointAt(0)!);
    case "f":
      number.setFloat32(0, Number(value));
      return cell.slice(0, 4);
    case "d":
      number.setFloat64(0, value as number);
      return cell.slice();
    case "t":
      return valueBytes("h", (value as TimeTag).toBigInt());
    case "h":
      number.setBigInt64(0, value as bigint);
      return cell.slice();
    case "b":
      return joined([valueBytes("i", (value as Uint8Array).length), paddedBytes(value as Uint8Array)]);
    case "r":
    case "m":
      // A colour that was checked or decoded has its parts in this order.
      return Object.values(value as unknown as readonly number[]);
    default:
      return constantOf(tag) === undefined ? paddedBytes(encoder.encode(`${value as string}\0`)) : [];
  }
}

/** With zeros up to a multiple of 4. */
function paddedBytes(bytes: Uint8Array): Uint8Array {
  return joined([bytes, new Uint8Array(-bytes.length & 3)]);
}

/** All pieces, one behind the other. */
function joined(pieces: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
