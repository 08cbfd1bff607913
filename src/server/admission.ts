import { type BlockList, isIP } from "node:net";
import { OscRejectedError, type RejectReason } from "../errors.ts";
import { type NetAddress, plainAddress } from "../net-address.ts";
import { type Limits, subnetList } from "./options.ts";

const SLASH = 0x2f;
const SPACE = 0x20;
const DELETE = 0x7f;
/** Maximum length of an address in a report. */
const LONGEST_SHOWN = 80;
const NO_BYTES = new Uint8Array(0);
const BUNDLE = Array.from("#bundle\0", (character) => character.charCodeAt(0));

/** Rejects packets before decoding them, by their sender, rate, size and first bytes. */
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

  /** Why the sender is refused, or null if it may send. */
  senderRefusal(sender: NetAddress): OscRejectedError | null {
    return this.#allowed !== null && !isAllowed(this.#allowed, sender) ? refusalError("sender", NO_BYTES, this.#limits) : null;
  }

  /** Why the packet is rejected, or null if it is admitted. */
  refusal(data: Uint8Array, sender: NetAddress): AdmissionReason | null {
    if (this.#allowed !== null && !isAllowed(this.#allowed, sender)) return "sender";
    if (this.#rates !== null && !this.#rates.allows(sender.address)) return "rate";
    if (data.length === 0) return "empty";
    if (data.length > this.#limits.maxPacketSize) return "too-large";
    return looksLikeOsc(data) || (this.#limits.allowOddAddresses && oddAddress(data) !== null) ? null : "not-osc";
  }

  /** The error for a rejected packet. Built lazily: under flood most rejections are only counted. */
  explain(reason: AdmissionReason, data: Uint8Array): OscRejectedError {
    return refusalError(reason, data, this.#limits);
  }
}

/** Reasons for rejecting a packet before decoding it. */
export type AdmissionReason = Extract<RejectReason, "empty" | "not-osc" | "rate" | "sender" | "too-large">;

function refusalError(reason: AdmissionReason, data: Uint8Array, { maxPacketSize, maxRate }: Limits): OscRejectedError {
  switch (reason) {
    case "sender":
      return new OscRejectedError(reason, "The sender isn't allowed. Add it to the option allow.");
    case "rate":
      return new OscRejectedError(reason, `The sender sends more than ${maxRate} packets per second. Raise maxRate or maxBurst.`);
    case "empty":
      return emptyError();
    case "too-large":
      return new OscRejectedError(reason, `The packet has ${data.length} bytes, and maxPacketSize is ${maxPacketSize}.`);
    case "not-osc":
      return notOscError(data, " To handle such messages, set allowOddAddresses.");
  }
}

/** Why these bytes aren't OSC, or null if they begin like a message or a bundle. */
export function notOsc(data: Uint8Array): OscRejectedError | null {
  if (data.length === 0) return emptyError();
  return looksLikeOsc(data) ? null : notOscError(data);
}

function emptyError(): OscRejectedError {
  return new OscRejectedError("empty", "The packet is empty.");
}

/** @param advice what to do if only the address makes it not OSC */
function notOscError(data: Uint8Array, advice = ""): OscRejectedError {
  const address = oddAddress(data);
  if (address !== null) {
    return new OscRejectedError(
      "not-osc",
      `The packet is not OSC: its address, ${JSON.stringify(address)}, doesn't begin with "/".${advice}`,
    );
  }
  return new OscRejectedError("not-osc", `The packet is not OSC: it begins with ${firstBytes(data)}, not with "/" or "#bundle".`);
}

/** A message begins with "/", a bundle with "#bundle" and a NUL. */
function looksLikeOsc(data: Uint8Array): boolean {
  return data[0] === SLASH || BUNDLE.every((byte, index) => data[index] === byte);
}

/** The address of a message that only lacks the slash: visible ASCII characters and a NUL. Null for anything else. */
function oddAddress(data: Uint8Array): string | null {
  const end = data.indexOf(0);
  if (end < 1 || data[0] === SLASH || BUNDLE.slice(0, 4).every((byte, index) => data[index] === byte)) return null;
  for (let index = 0; index < end; index += 1) if (data[index]! <= SPACE || data[index]! >= DELETE) return null;
  return String.fromCharCode(...data.subarray(0, Math.min(end, LONGEST_SHOWN)));
}

/** An injected packet may come from an IPv4 address written as `::ffff:10.0.0.5`. */
function isAllowed(list: BlockList, { address, family }: NetAddress): boolean {
  if (family === "unix") return true;
  const plain = plainAddress(address);
  const kind = isIP(plain);
  return kind !== 0 && list.check(plain, kind === 4 ? "ipv4" : "ipv6");
}

function firstBytes(data: Uint8Array): string {
  return Array.from(data.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** The limits of a {@link RateLimiter}. */
export interface Rates {
  /** Average number of packets that one source may send per second. */
  readonly maxRate: number;
  /** Number of packets that it may send at once after a pause. */
  readonly maxBurst: number;
  /** Number of sources that are tracked separately. */
  readonly maxSources: number;
}

/** Key of all sources beyond `maxSources`. */
const OTHERS = Symbol("others");
/** Minimum time between two searches for silent sources, in milliseconds. */
const SWEEP_MS = 100;

/**
 * Limits the packet rate of each source. For each it stores the time up to which its rate is used up. Once that time has passed, the
 * source has its whole burst again and may be forgotten. If the table is full of active sources, new ones share a single rate. So spoofed
 * source addresses limit each other and not the known sources.
 */
export class RateLimiter {
  readonly #intervalMs: number;
  readonly #aheadMs: number;
  readonly #maxSources: number;
  readonly #now: () => number;
  readonly #usedUpTo = new Map<string | symbol, number>();
  #nextSweep = 0;

  /** @param now a monotonic clock, in milliseconds */
  constructor({ maxRate, maxBurst, maxSources }: Rates, now: () => number = () => performance.now()) {
    this.#intervalMs = 1000 / maxRate;
    this.#aheadMs = (maxBurst - 1) * this.#intervalMs;
    this.#maxSources = maxSources;
    this.#now = now;
  }

  /** Number of tracked sources. */
  get size(): number {
    return this.#usedUpTo.size;
  }

  /** Whether another packet from this source is within its rate. If so, counts it. */
  allows(source: string): boolean {
    const now = this.#now();
    const key = this.#usedUpTo.has(source) || this.#hasRoom(now) ? source : OTHERS;
    const from = Math.max(now, this.#usedUpTo.get(key) ?? 0);
    if (from - now > this.#aheadMs) return false;
    this.#usedUpTo.set(key, from + this.#intervalMs);
    return true;
  }

  #hasRoom(now: number): boolean {
    if (this.#usedUpTo.size < this.#maxSources) return true;
    if (now < this.#nextSweep) return false;
    this.#nextSweep = now + SWEEP_MS;
    for (const [source, usedUpTo] of this.#usedUpTo) if (usedUpTo <= now) this.#usedUpTo.delete(source);
    return this.#usedUpTo.size < this.#maxSources;
  }
}
