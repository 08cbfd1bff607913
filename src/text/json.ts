import {
  encode,
  type OscArgument,
  OscBundle,
  type OscColor,
  OscMessage,
  type OscMidi,
  type OscPacket,
  type OscValue,
  type TimeTag,
} from "../codec/index.ts";
import { decodeOrFault } from "../codec/decode.ts";
import { rawBytesOf } from "../codec/packet.ts";
import { OscDecodeError } from "../errors.ts";
import { formatHex } from "./format.ts";
import { UsageError } from "./usage-error.ts";
import { constantOf, formatTimeBits, hexBytes, readTime, readValue } from "./values.ts";
import { escapeForTerminal } from "./escape.ts";

/** A packet as plain JSON values. docs/text-formats.md shows the value of every type tag. */
export type JsonPacket = JsonMessage | JsonBundle;

/** The bytes of the whole packet in hexadecimal, if the other values don't reproduce them. Readers use only these bytes. */
interface RawJson {
  readonly raw?: string;
}

interface JsonMessage {
  readonly address: string;
  /** The type tag string without its comma; null if the message had none. */
  readonly types: string | null;
  readonly args: readonly JsonValue[];
}

interface JsonBundle {
  /** The 64 bits as 16 hexadecimal digits. */
  readonly timetag: string;
  readonly elements: readonly JsonPacket[];
}

type JsonValue = number | string | boolean | null | readonly JsonValue[];

/** Metadata of a received packet. */
export interface Arrival {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  /** The sender, as `host:port`. */
  readonly from: string;
  readonly transport: string;
}

/** One line of JSON. */
export function formatJson(packet: OscPacket, { time, from, transport }: Arrival): string {
  const raw: RawJson = keepsRawBytes(packet) ? { raw: formatHex(encode(packet, { maxPacketSize: Infinity, maxNesting: Infinity })) } : {};
  const line = JSON.stringify({ time: new Date(time).toISOString(), from, transport, ...packetToJson(packet), ...raw });
  return escapeForTerminal(line, Infinity);
}

export function packetToJson(packet: OscPacket): JsonPacket {
  if (packet instanceof OscBundle) return { timetag: formatTimeBits(packet.timeTag), elements: packet.elements.map(packetToJson) };
  const { address, types, args, hasTypeTags } = packet;
  return { address, types: hasTypeTags ? types : null, args: listToJson(types[Symbol.iterator](), args) };
}

/** Whether the packet, or one of its elements, had faults or text that isn't UTF-8. */
function keepsRawBytes(packet: OscPacket): boolean {
  return rawBytesOf(packet) !== undefined || (packet instanceof OscBundle && packet.elements.some(keepsRawBytes));
}

/** Consumes the tags of one list. */
function listToJson(tags: Iterator<string>, list: readonly OscValue[]): JsonValue[] {
  return list.map((value) => {
    const tag = String(tags.next().value);
    if (tag !== "[") return valueToJson(tag, value);
    const inner = listToJson(tags, value as readonly OscValue[]);
    tags.next();
    return inner;
  });
}

function valueToJson(tag: string, value: OscValue): JsonValue {
  switch (tag) {
    case "f":
    case "d":
      return numberToJson(tag === "f" ? Math.fround(value as number) : (value as number));
    case "h":
      return String(value);
    case "c":
      return typeof value === "string" ? (value.codePointAt(0) ?? 0) : (value as number);
    case "b":
      return formatHex(value as Uint8Array);
    case "m":
      return formatHex(value as OscMidi);
    case "r": {
      const { r, g, b, a } = value as OscColor;
      return formatHex([r, g, b, a]);
    }
    case "t":
      return formatTimeBits(value as TimeTag);
    case "I":
      return "Infinitum";
    default:
      return value as JsonValue;
  }
}

/** JSON has no NaN or infinities, and many programs drop the sign of -0. */
function numberToJson(value: number): JsonValue {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

/**
 * Parses one line of JSON. A packet with `raw` is decoded from these bytes alone.
 * Names other than `address types args timetag elements raw` are ignored. The types of a message without `types` are inferred; a message
 * with a `timetag` is wrapped in a bundle.
 *
 * @throws UsageError that says what is wrong
 */
export function packetFromJson(line: string): OscPacket {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return isRecord(parsed) && parsed["raw"] !== undefined ? readRaw(parsed["raw"]) : readPacket(parsed, 0);
}

function readRaw(raw: unknown): OscPacket {
  const bytes = typeof raw === "string" ? hexBytes(raw) : undefined;
  if (bytes === undefined) throw new UsageError(`"raw" of a packet is its bytes as hexadecimal digits; got ${shown(raw)}.`);
  const packet = decodeOrFault(bytes);
  if (packet instanceof OscDecodeError) throw new UsageError(`"raw" is not an OSC packet: ${packet.message}`);
  return packet;
}

const MAX_NESTING = 32;

function readPacket(value: unknown, depth: number): OscPacket {
  if (depth > MAX_NESTING) throw new UsageError(`Bundles are nested more than ${MAX_NESTING} deep.`);
  if (!isRecord(value))
    throw new UsageError(`A packet in JSON is an object such as {"address":"/x","types":"f","args":[0.5]}; got ${shown(value)}.`);
  const { timetag, elements } = value;
  if (elements === undefined) {
    const message = readJsonMessage(value);
    return timetag === undefined ? message : new OscBundle(message, readBits(timetag));
  }
  if (!Array.isArray(elements)) throw new UsageError(`"elements" of a bundle is a list; got ${shown(elements)}.`);
  return new OscBundle(
    elements.map((element) => readPacket(element, depth + 1)),
    timetag === undefined ? undefined : readBits(timetag),
  );
}

function readJsonMessage({ address, types, args = [] }: Record<string, unknown>): OscMessage {
  if (typeof address !== "string" || !address.startsWith("/")) {
    throw new UsageError(`"address" of a message is a string that begins with a slash; got ${shown(address)}.`);
  }
  if (!Array.isArray(args)) throw new UsageError(`"args" of a message is a list; got ${shown(args)}.`);
  if (types === undefined) return new OscMessage(address, args.map(inferFromJson));
  if (types === null && args.length === 0) return OscMessage.withoutTypeTags(address);
  if (typeof types !== "string") throw new UsageError(`"types" of a message is a string such as "isf"; got ${shown(types)}.`);
  const tags = types.replace(/^,/, "");
  const iterator = tags[Symbol.iterator]();
  const list = listFromJson(iterator, args);
  if (iterator.next().done !== true)
    throw new UsageError(`"types" has more tags than "args" has values: ${shown(types)} and ${shown(args)}.`);
  return new OscMessage(address, list, tags);
}

function listFromJson(tags: Iterator<string>, list: readonly unknown[]): OscArgument[] {
  return list.map((value) => {
    const tag = String(tags.next().value ?? "");
    if (tag !== "[") return valueFromJson(tag, value);
    if (!Array.isArray(value)) throw new UsageError(`Type tag [ needs a list; got ${shown(value)}.`);
    const inner = listFromJson(tags, value);
    if (tags.next().value !== "]")
      throw new UsageError(`A list in "args" has fewer values than "types" has tags before its ]: ${shown(value)}.`);
    return inner;
  });
}

function valueFromJson(tag: string, value: unknown): OscArgument {
  const constant = constantOf(tag);
  if (constant !== undefined) return constant;
  // A character code; the text "7" is the character 7.
  if (tag === "c" && typeof value === "number") return value;
  const isText = tag === "s" || tag === "S";
  if (tag === "") throw new UsageError(`"args" has more values than "types" has tags: ${shown(value)} is one too many.`);
  if (typeof value !== "string" && (isText || typeof value !== "number")) throw new UsageError(`${shown(value)} does not fit type ${tag}.`);
  return readValue(tag, String(value));
}

function inferFromJson(value: unknown): OscArgument {
  if (Array.isArray(value)) return value.map(inferFromJson);
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new UsageError(`${shown(value)} needs a type: add "types" next to "args".`);
}

function readBits(value: unknown): TimeTag {
  if (typeof value !== "string") throw new UsageError(`"timetag" is 16 hexadecimal digits, or a time such as "+2s"; got ${shown(value)}.`);
  return readTime(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
