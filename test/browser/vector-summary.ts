/** What the package makes of the test vectors, as plain JSON, so that it can be compared between Node and a browser. */
import { OscBundle, type OscDecodeError, OscMessage, type OscPacket, TimeTag, decode, encode, matchAddress } from "oscine/browser";

/** For each packet, in hexadecimal: what it holds and the bytes it is written back to, or how it was refused; tolerant and strict. */
export function summarizePackets(packets: readonly string[]): string[] {
  return packets.map((digits) => JSON.stringify([summary(digits, false), summary(digits, true)]));
}

/** For each pattern and address whether they match. */
export function summarizePatterns(pairs: readonly (readonly [pattern: string, address: string])[]): boolean[] {
  return pairs.map(([pattern, address]) => matchAddress(pattern, address));
}

function summary(digits: string, strict: boolean): unknown {
  const bytes = Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16));
  try {
    const packet = decode(bytes, { strict });
    return { packet: plain(packet), again: hex(encode(packet)) };
  } catch (error) {
    const { code, offset } = error as OscDecodeError;
    return { code, offset: offset ?? null };
  }
}

function plain(packet: OscPacket): unknown {
  const errors = packet.errors.map(({ code, offset }) => [code, offset]);
  if (packet instanceof OscBundle) return [String(packet.timeTag.toBigInt()), packet.elements.map(plain), errors];
  const { address, types, args, hasTypeTags } = packet;
  return [address, types, args.map(shown), hasTypeTags, errors, packet instanceof OscMessage];
}

function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (value instanceof TimeTag) return String(value.toBigInt());
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === "object" && value !== null) return Object.entries(value);
  return typeof value === "string" || value === null ? value : `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
