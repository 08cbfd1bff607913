import { readFileSync } from "node:fs";
import { type OscArgument, OscBundle, OscMessage, type OscPacket, type OscValue, TimeTag } from "../../src/codec/index.ts";

/** Bytes of hex digits; spaces and quoted text (`'/a'` is those characters) make them readable. */
export function bytes(text: string): Uint8Array {
  const digits = text.replace(/'([^']*)'/g, (_, quoted: string) => Buffer.from(quoted, "latin1").toString("hex"));
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ""), "hex"));
}

export function hex(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
}

/** The records of a file of test vectors. */
export function vectors<T>(name: string): T[] {
  const text = readFileSync(new URL(`../vectors/${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

/** What a packet means, as the test vectors write it. */
export type Meaning = MessageMeaning | BundleMeaning;
interface MessageMeaning {
  readonly address: string;
  readonly types: string | null;
  readonly args: readonly Written[];
}
interface BundleMeaning {
  readonly timetag: string;
  readonly elements: readonly Meaning[];
}
type Written = number | string | boolean | null | readonly Written[];

/** A packet, written as the test vectors write it. */
export function meaning(packet: OscPacket): Meaning {
  if (packet instanceof OscBundle) return { timetag: writeTimeTag(packet.timeTag), elements: packet.elements.map(meaning) };
  return {
    address: packet.address,
    types: packet.hasTypeTags ? packet.types : null,
    args: eachTyped(packet.types, packet.args, writeValue),
  };
}

/** The packet that the test vectors write so. */
export function packetOf(written: Meaning): OscPacket {
  if ("timetag" in written) return new OscBundle(written.elements.map(packetOf), readTimeTag(written.timetag));
  if (written.types === null) return OscMessage.withoutTypeTags(written.address);
  return new OscMessage(written.address, eachTyped(written.types, written.args, readValue), written.types);
}

/** Applies `change` to each value with its type tag, inside arrays too. */
function eachTyped<From, To>(types: string, values: readonly From[], change: (tag: string, value: From) => To): To[] {
  let position = 0;
  const walk = (list: readonly From[]): To[] =>
    list.map((value) => {
      const tag = types[position]!;
      position += 1;
      if (tag !== "[") return change(tag, value);
      const inner = walk(value as readonly From[]) as To;
      position += 1;
      return inner;
    });
  return walk(values);
}

function writeValue(tag: string, value: OscValue): Written {
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof TimeTag) return writeTimeTag(value);
  if (tag === "I") return "Infinitum";
  if (tag === "c") return typeof value === "string" ? value.codePointAt(0)! : (value as number);
  if (tag === "r") return hex(Uint8Array.from(Object.values(value as object)));
  if (tag === "m") return hex(Uint8Array.from(value as number[]));
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) return Object.is(value, -0) ? "-0" : String(value);
  return value as Written;
}

function readValue(tag: string, value: Written): OscArgument {
  switch (tag) {
    case "b":
      return bytes(value as string);
    case "t":
      return readTimeTag(value as string);
    case "I":
      return Infinity;
    case "r": {
      const [r, g, b, a] = bytes(value as string) as unknown as [number, number, number, number];
      return { r, g, b, a };
    }
    case "m":
      return [...bytes(value as string)];
    case "h":
      return BigInt(value as string);
    case "f":
    case "d":
      return Number(value);
    default:
      return value;
  }
}

function writeTimeTag(timeTag: TimeTag): string {
  return timeTag.toBigInt().toString(16).padStart(16, "0");
}

function readTimeTag(digits: string): TimeTag {
  return TimeTag.fromBigInt(BigInt(`0x${digits}`));
}

/** All errors in a packet, in the order in which its parts stand. */
export function errorsIn(packet: OscPacket): readonly { readonly code: string; readonly offset: number }[] {
  const own = packet.errors.map(({ code, offset }) => ({ code, offset }));
  return packet instanceof OscBundle ? [...own, ...packet.elements.flatMap(errorsIn)] : own;
}

/** The error that a piece of work throws; fails where it throws none. */
export function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown.");
}
