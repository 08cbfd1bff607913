import { OscBundle, type OscPacket } from "../codec/index.ts";
import { trustedBundle } from "../codec/packet.ts";
import { AddressSpace } from "../address/index.ts";
import { OscDispatchError } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

/** Selects the messages that a handler mapped to one of the patterns would receive; all messages if there are no patterns. */
export class MessageFilter {
  readonly #patterns: AddressSpace<true> | null;

  /** @throws UsageError for a pattern that nothing can match */
  constructor(patterns: readonly string[]) {
    const space = new AddressSpace<true>();
    for (const pattern of patterns) {
      try {
        space.add(pattern, true);
      } catch (error) {
        throw error instanceof OscDispatchError ? new UsageError(error.message) : error;
      }
    }
    this.#patterns = patterns.length === 0 ? null : space;
  }

  /** Whether messages with this address are selected. */
  matches(address: string): boolean {
    return this.#patterns === null || this.#patterns.find(address).length > 0;
  }

  /** The packet with only the selected messages; null if there are none. */
  select(packet: OscPacket): OscPacket | null {
    if (this.#patterns === null) return packet;
    if (!(packet instanceof OscBundle)) return this.matches(packet.address) ? packet : null;
    const elements = packet.elements.map((element) => this.select(element)).filter((element) => element !== null);
    if (elements.length === packet.elements.length && elements.every((element, i) => element === packet.elements[i])) return packet;
    return elements.length === 0 ? null : trustedBundle(elements, packet.timeTag);
  }
}
