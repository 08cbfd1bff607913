import { encode, OscBundle, OscMessage, type OscPacket, TimeTag } from "../../src/codec/index.ts";
import type { OscError } from "../../src/errors.ts";
import type { NetAddress } from "../../src/net-address.ts";

/** Where the packets of these tests come from. */
export const CLIENT: NetAddress = { address: "192.0.2.7", port: 9000, family: "IPv4" };

/** The bytes of one message. */
export function message(address: string, ...args: ConstructorParameters<typeof OscMessage>[1] & readonly unknown[]): Uint8Array {
  return encode(new OscMessage(address, args));
}

/** The bytes of a bundle; without a time it is immediate. */
export function bundle(elements: readonly OscPacket[], at?: number): Uint8Array {
  return encode(new OscBundle(elements, at === undefined ? TimeTag.IMMEDIATELY : TimeTag.from(at)));
}

/** The bytes of a bundle of any parts, in any order of time. */
export function rawBundle(timeTag: TimeTag, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = [...encode(new OscBundle([], timeTag))];
  for (const part of parts)
    bytes.push(part.length >>> 24, (part.length >>> 16) & 255, (part.length >>> 8) & 255, part.length & 255, ...part);
  return Uint8Array.from(bytes);
}

/** A listener that keeps the errors. */
export function errorList(): { readonly errors: OscError[]; readonly onError: (error: OscError) => void; readonly codes: () => string[] } {
  const errors: OscError[] = [];
  return { errors, onError: (error) => errors.push(error), codes: () => errors.map(({ code }) => code) };
}
