/**
 * Converts between OSC addresses and NATS subjects. Depends on neither Node nor NATS.
 *
 * Each part between two slashes is a token. Bytes not allowed in tokens, and `%` itself, are percent-encoded. Other tokens that begin with `%`
 * have a special meaning: see the constants. A message whose address is a pattern has the subject of that pattern: a subscription to
 * `osc.mixer.>` receives `/mixer/{1,2}/gain`, one to `osc.mixer.1.gain` doesn't. Replies and dead letters have their own prefixes, not below the
 * packet prefix.
 */
import { bad, checkString } from "../options.ts";

/**
 * The default prefix of packet subjects.
 *
 * @example
 * console.log(`${DEFAULT_PREFIX}.>`); // osc.>, what all packets are below
 */
export const DEFAULT_PREFIX = "osc";

const SLASH = 0x2f;
const HASH = 0x23;
/** An empty part, as in `/a//b`. */
const EMPTY = "%";
/** The first token of an address that doesn't begin with a slash. */
const NO_SLASH = "%-";
/** The shared subject of all bundles. */
const BUNDLE = "%bundle";
/** The shared subject of messages whose own subject would be too long for NATS. */
const LONG = "%long";
const PARTITION = /^%p(\d+)$/;
/** NATS limits the subject, the reply subject and two numbers to 4,096 bytes together. */
const MAX_LENGTH = 1024;

/** The encoded form of each byte. */
const WRITTEN: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const isPlain = byte > 0x20 && byte < 0x7f && !".*>%".includes(String.fromCharCode(byte));
  return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});
const PREFIX = /^[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*$/;
/** Reserved by NATS or Oscine. */
const RESERVED = /%|^(?:\$|_INBOX\b)|_(?:reply|dead)$/;
const encoder = new TextEncoder();

/**
 * Converts an address to its subject: `/mixer/ch/1/gain` becomes `osc.mixer.ch.1.gain`. Every address has a unique subject, whatever its bytes.
 *
 * @param address a string, or the bytes from a packet
 * @param prefix see {@link checkPrefix}
 *
 * @example
 * addressToSubject("/mixer/ch/1/gain"); // osc.mixer.ch.1.gain
 */
export function addressToSubject(address: string | Uint8Array, prefix: string = DEFAULT_PREFIX): string {
  checkString("A prefix", prefix);
  if (!(typeof address === "string" || address instanceof Uint8Array)) throw bad("An address", "a string or its bytes", address);
  const bytes = typeof address === "string" ? encoder.encode(address) : address;
  return `${prefix}.${tokensOf(bytes, bytes.length)}`;
}

/**
 * Converts a subject to its address. Returns null if there is none: for the subject of bundles, one with wildcards, or one with another prefix.
 * Ignores a partition token.
 *
 * @param prefix see {@link checkPrefix}
 *
 * @example
 * subjectToAddress("osc.mixer.ch.1.gain"); // /mixer/ch/1/gain
 */
export function subjectToAddress(subject: string, prefix: string = DEFAULT_PREFIX): string | null {
  const bytes = subjectToAddressBytes(subject, prefix);
  return bytes === null ? null : textOf(bytes);
}

/**
 * Like {@link subjectToAddress}, but returns the bytes: addresses that aren't UTF-8 have subjects too.
 *
 * @example
 * subjectToAddressBytes("osc.gr%F6%DFe")?.length; // 6
 */
export function subjectToAddressBytes(subject: string, prefix: string = DEFAULT_PREFIX): Uint8Array | null {
  checkString("A subject", subject);
  checkString("A prefix", prefix);
  if (!subject.startsWith(`${prefix}.`)) return null;
  const all = subject.slice(prefix.length + 1).split(".");
  const tokens = PARTITION.test(all[0] ?? "") ? all.slice(1) : all;
  const hasSlash = tokens[0] !== NO_SLASH;
  const bytes: number[] = [];
  for (const [index, token] of (hasSlash ? tokens : tokens.slice(1)).entries()) {
    if (hasSlash || index > 0) bytes.push(SLASH);
    if (token !== EMPTY) for (const [written] of token.matchAll(/%[0-9A-F]{2}|[^]/g)) bytes.push(byteOf(written));
  }
  const address = Uint8Array.from(bytes);
  // Accept only the canonical encoding.
  return tokensOf(address, address.length) === tokens.join(".") ? address : null;
}

/**
 * The partition in a subject, or null.
 *
 * @example
 * partitionOf("osc.%p3.mixer.gain"); // 3
 */
export function partitionOf(subject: string, prefix: string = DEFAULT_PREFIX): number | null {
  checkString("A subject", subject);
  checkString("A prefix", prefix);
  const token = subject.startsWith(`${prefix}.`) ? subject.slice(prefix.length + 1).split(".", 1)[0] : "";
  const number = PARTITION.exec(token ?? "")?.[1];
  return number === undefined ? null : Number(number);
}

/**
 * The subject of a packet. All bundles share `osc.%bundle`. Messages whose subject would exceed 1,024 characters share `osc.%long`; their address is in
 * the packet.
 *
 * @param packet the bytes, which may be malformed
 * @param partition adds a partition token after the prefix
 *
 * @example
 * packetSubject(encode(new OscMessage("/mixer/gain", 0.5))); // osc.mixer.gain
 */
export function packetSubject(packet: Uint8Array, prefix: string = DEFAULT_PREFIX, partition: number | null = null): string {
  checkString("A prefix", prefix);
  if (!(packet instanceof Uint8Array)) throw bad("A packet", "a Uint8Array", packet);
  if (partition !== null && typeof partition !== "number") throw bad("A partition", "a number or null", partition);
  const start = partition === null ? `${prefix}.` : partitionPrefix(partition, prefix);
  if (packet[0] === HASH) return start + BUNDLE;
  const nul = packet.indexOf(0);
  const end = nul === -1 ? packet.length : nul;
  if (end > MAX_LENGTH) return start + LONG;
  const subject = start + tokensOf(packet, end);
  return subject.length > MAX_LENGTH ? start + LONG : subject;
}

/** The prefix of a partition's subjects: `osc.%p3.` */
export function partitionPrefix(partition: number, prefix: string = DEFAULT_PREFIX): string {
  return `${prefix}.%p${partition}.`;
}

/**
 * Converts an OSC address pattern to a subject to subscribe to: each part with a wildcard becomes `*`, and everything from `//` onwards becomes `>`.
 * NATS then delivers all matching messages and possibly more, so match each received address against the pattern. A text that doesn't begin with `/`
 * is treated as a NATS subject and returned unchanged.
 *
 * @param pattern such as `/mixer/{1,2}/gain`, or `osc.mixer.>`
 * @throws OscServerError `OSC_OPTION` if it is neither
 *
 * @example
 * patternToSubject("/mixer/{1,2}/gain"); // osc.mixer.*.gain
 */
export function patternToSubject(pattern: string, prefix: string = DEFAULT_PREFIX): string {
  checkString("A prefix", prefix);
  if (typeof pattern !== "string" || !pattern.startsWith("/")) return checkSubscription(pattern);
  const tokens: string[] = [];
  for (const part of pattern.slice(1).split("/")) {
    if (part === "") {
      tokens.push(">");
      break;
    }
    tokens.push(/[*?[\]{}]/.test(part) ? "*" : tokensOf(encoder.encode(`/${part}`), encoder.encode(part).length + 1));
  }
  return `${prefix}.${tokens.join(".")}`;
}

/**
 * @returns the prefix: dot-separated tokens of printable characters, such as `osc` or `berlin.stage-2`
 * @throws OscServerError `OSC_OPTION` if it isn't one
 *
 * @example
 * checkPrefix("berlin.stage-2"); // berlin.stage-2
 * // checkPrefix("osc.*") throws
 */
export function checkPrefix(prefix: string): string {
  if (typeof prefix === "string" && prefix.length <= 128 && PREFIX.test(prefix) && !RESERVED.test(prefix)) return prefix;
  throw bad(
    "A prefix",
    'at most 128 characters such as "osc" or "berlin.stage-2": printable ASCII without %, *, >, no empty part between dots, not beginning with $ and not ending in _reply or _dead',
    prefix,
  );
}

/**
 * The prefix of replies. Not below the packet prefix, so packet subscribers don't receive them.
 *
 * @example
 * replyPrefix("osc"); // osc_reply
 */
export function replyPrefix(prefix: string): string {
  checkString("A prefix", prefix);
  return `${prefix}_reply`;
}

/**
 * The prefix of dead letters: packets that couldn't be handled.
 *
 * @example
 * deadPrefix("osc"); // osc_dead
 */
export function deadPrefix(prefix: string): string {
  checkString("A prefix", prefix);
  return `${prefix}_dead`;
}

function checkSubscription(subject: unknown): string {
  const tokens = typeof subject === "string" ? subject.split(".") : [""];
  const isGood = tokens.every(
    (token, index) => token === "*" || (token === ">" && index === tokens.length - 1) || (/^[!-~]+$/.test(token) && !/[*>]/.test(token)),
  );
  if (isGood) return subject as string;
  throw bad("A subscription", 'an address pattern such as "/mixer/*", or a NATS subject such as "osc.mixer.>"', subject);
}

/** The dot-separated tokens of an address. */
function tokensOf(address: Uint8Array, end: number): string {
  let subject = "";
  let token = "";
  let index = 1;
  if (address[0] !== SLASH || end === 0) {
    subject = `${NO_SLASH}.`;
    index = 0;
  }
  for (; index < end; index++) {
    const byte = address[index] as number;
    if (byte !== SLASH) {
      token += WRITTEN[byte] as string;
    } else {
      subject += `${token === "" ? EMPTY : token}.`;
      token = "";
    }
  }
  return subject + (token === "" ? EMPTY : token);
}

/** For an invalid character, returns a byte with a different encoding, which the final comparison detects. */
function byteOf(written: string): number {
  return written.length === 3 ? Number.parseInt(written.slice(1), 16) : written.charCodeAt(0) & 0xff;
}

/** Decodes text like the decoder: as UTF-8, otherwise as Latin-1. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
