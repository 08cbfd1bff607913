import { type BlockList, isIP } from "node:net";
import { OscRejectedError, type RejectReason } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { type Limits, subnetList } from "./options.ts";
import { RateLimiter } from "./rate-limiter.ts";

const SLASH = 0x2f;
const NO_BYTES = new Uint8Array(0);
const BUNDLE = Array.from("#bundle\0", (character) => character.charCodeAt(0));

/** The cheap check before anything is spent on a packet: its sender, how many came from there, its size, its first bytes. */
export class Admission {
  readonly #limits: Limits;
  readonly #allowed: BlockList | null;
  readonly #rates: RateLimiter | null;

  constructor(limits: Limits) {
    const { allow, maxRate } = limits;
    this.#limits = limits;
    this.#allowed = allow.length === 0 ? null : subnetList(allow);
    this.#rates = maxRate === null ? null : new RateLimiter({ ...limits, maxRate });
  }

  /** Why the sender is refused, or null where it may send. */
  senderRefusal(sender: NetAddress): OscRejectedError | null {
    return this.#mayNotSend(sender) ? refusalError("sender", NO_BYTES, this.#limits) : null;
  }

  /** Why the packet is refused, or null where it may pass. */
  refusal(data: Uint8Array, sender: NetAddress): AdmissionReason | null {
    if (this.#mayNotSend(sender)) return "sender";
    if (this.#rates !== null && !this.#rates.allows(sender.address)) return "rate";
    if (data.length === 0) return "empty";
    if (data.length > this.#limits.maxPacketSize) return "too-large";
    return looksLikeOsc(data) ? null : "not-osc";
  }

  /** What is to be said about a packet that was refused. Made apart from the refusal, for most of a flood is only counted. */
  explain(reason: AdmissionReason, data: Uint8Array): OscRejectedError {
    return refusalError(reason, data, this.#limits);
  }

  #mayNotSend(sender: NetAddress): boolean {
    return this.#allowed !== null && !isAllowed(this.#allowed, sender);
  }
}

/** For what a packet can be refused before anything is spent on it. */
export type AdmissionReason = Extract<RejectReason, "empty" | "not-osc" | "rate" | "sender" | "too-large">;

function refusalError(reason: AdmissionReason, data: Uint8Array, { maxPacketSize, maxRate }: Limits): OscRejectedError {
  switch (reason) {
    case "sender":
      return new OscRejectedError(reason, "The sender is not among those allowed: add it to the option allow.");
    case "rate":
      return new OscRejectedError(reason, `The sender sends more than ${maxRate} packets in a second: raise maxRate or maxBurst.`);
    case "empty":
      return new OscRejectedError(reason, "The packet has no bytes.");
    case "too-large":
      return new OscRejectedError(reason, `The packet has ${data.length} bytes, and maxPacketSize is ${maxPacketSize}.`);
    case "not-osc":
      return new OscRejectedError(reason, `The packet is not OSC: it begins with ${firstBytes(data)}, not with "/" or "#bundle".`);
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
