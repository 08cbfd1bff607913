import { type BlockList, isIP } from "node:net";
import { OscRejectedError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { type Limits, subnetList } from "./options.ts";

const SLASH = 0x2f;
const BUNDLE = Array.from("#bundle\0", (character) => character.charCodeAt(0));

/** The cheap check before anything is spent on a packet: its sender, its size, its first byte. */
export class Admission {
  readonly #maxPacketSize: number;
  readonly #allowed: BlockList | null;

  constructor({ allow, maxPacketSize }: Limits) {
    this.#maxPacketSize = maxPacketSize;
    this.#allowed = allow.length === 0 ? null : subnetList(allow);
  }

  /** Why the sender is refused, or null where it may send. */
  senderRefusal(sender: NetAddress): OscRejectedError | null {
    if (this.#allowed === null || isAllowed(this.#allowed, sender)) return null;
    return new OscRejectedError("sender", "The sender is not among those allowed: add it to the option allow.");
  }

  /** Why the packet is refused, or null where it may pass. */
  refusal(data: Uint8Array, sender: NetAddress): OscRejectedError | null {
    const refused = this.senderRefusal(sender);
    if (refused !== null) return refused;
    if (data.length === 0) return new OscRejectedError("empty", "The packet has no bytes.");
    if (data.length > this.#maxPacketSize) {
      return new OscRejectedError("too-large", `The packet has ${data.length} bytes, and maxPacketSize is ${this.#maxPacketSize}.`);
    }
    return looksLikeOsc(data)
      ? null
      : new OscRejectedError("not-osc", `The packet is not OSC: it begins with ${firstBytes(data)}, not with "/" or "#bundle".`);
  }
}

/** A message begins with "/", a bundle with "#bundle" and a NUL. */
function looksLikeOsc(data: Uint8Array): boolean {
  return data[0] === SLASH || BUNDLE.every((byte, index) => data[index] === byte);
}

/** A dual-stack socket shows an IPv4 sender as `::ffff:10.0.0.5`; it is allowed as 10.0.0.5 is. */
function isAllowed(list: BlockList, { address, family }: NetAddress): boolean {
  if (family === "unix") return true;
  const mapped = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  const kind = isIP(mapped);
  return kind !== 0 && list.check(mapped, kind === 4 ? "ipv4" : "ipv6");
}

function firstBytes(data: Uint8Array): string {
  return Array.from(data.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
