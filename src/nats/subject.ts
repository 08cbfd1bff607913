/**
 * OSC addresses as NATS subjects, and back. Pure: no Node, no NATS.
 *
 * Each part between two slashes is a token. Bytes that a token must not contain, and `%` itself, are written as `%` and two hexadecimal
 * digits. Other tokens that begin with `%` have a special meaning: see the constants. A message whose address is a pattern has the subject of
 * that pattern: a subscription to `osc.mixer.>` gets `/mixer/{1,2}/gain`, one to `osc.mixer.1.gain` doesn't. Replies and dead letters have
 * prefixes of their own, beside that of packets and not below it.
 */
import { bad, checkString } from "../options.ts";

/**
 * The default prefix of the subjects of packets.
 *
 * @example
 * console.log(`${DEFAULT_PREFIX}.>`); // osc.>, what all packets are below
 */
export const DEFAULT_PREFIX = "osc";

const SLASH = 0x2f;
const HASH = 0x23;
/** An empty part, as in `/a//b`. */
const EMPTY = "%";
/** Comes first if an address doesn't begin with a slash. */
const NO_SLASH = "%-";
/** The one subject of all bundles. */
const BUNDLE = "%bundle";
/** The one subject of all messages whose own would be too long for NATS. */
const LONG = "%long";
const PARTITION = /^%p(\d+)$/;
/** NATS takes 4,096 bytes for the subject, the reply subject and two numbers. */
const MAX_LENGTH = 1024;

/** How each byte is written. */
const WRITTEN: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const isPlain = byte > 0x20 && byte < 0x7f && !".*>%".includes(String.fromCharCode(byte));
  return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});
const PREFIX = /^[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*$/;
/** What NATS or Oscine use themselves. */
const RESERVED = /%|^(?:\$|_INBOX\b)|_(?:reply|dead)$/;
const encoder = new TextEncoder();

/**
 * The subject of an address: `/mixer/ch/1/gain` is `osc.mixer.ch.1.gain`. Every address has its own subject, whatever its bytes are.
 *
 * @param address a text, or the bytes as they stand in a packet
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
 * The address that has that subject, or null if there is none: the subject of bundles, one with wildcards, one under another prefix. Ignores
 * the token of a partition.
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
 * As {@link subjectToAddress}, with the bytes as they are in a packet: an address that isn't UTF-8 has a subject, too.
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
  // Only the canonical spelling of an address is its subject.
  return tokensOf(address, address.length) === tokens.join(".") ? address : null;
}

/**
 * The partition that a subject names, or null.
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
 * The subject of a packet. All bundles share one, `osc.%bundle`. So do messages whose address is too long for a NATS subject, beyond 1,024
 * characters: `osc.%long`. Their address is in the packet.
 *
 * @param packet its bytes; they need not be well formed
 * @param partition puts the token of that partition after the prefix
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

/** What the subjects of a partition begin with: `osc.%p3.` */
export function partitionPrefix(partition: number, prefix: string = DEFAULT_PREFIX): string {
  return `${prefix}.%p${partition}.`;
}

/**
 * What to subscribe to for an OSC address pattern: each part with a wildcard becomes `*`, and everything from `//` on becomes `>`. NATS then
 * delivers all that matches and perhaps more, so match what comes against the pattern. A text that doesn't begin with `/` is taken as a NATS
 * subject with its own wildcards, and returned unchanged.
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
 * @returns the prefix: tokens of printable characters with dots between them, such as `osc` or `berlin.stage-2`
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
 * The prefix of replies to packets: beside theirs and not below it, so that those who listen to packets don't hear them.
 *
 * @example
 * replyPrefix("osc"); // osc_reply
 */
export function replyPrefix(prefix: string): string {
  checkString("A prefix", prefix);
  return `${prefix}_reply`;
}

/**
 * The prefix of dead letters: packets that nobody could handle.
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

/** The tokens of an address, separated by dots. */
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

/** A character that isn't a byte gives one that is written differently, so that the final comparison finds it. */
function byteOf(written: string): number {
  return written.length === 3 ? Number.parseInt(written.slice(1), 16) : written.charCodeAt(0) & 0xff;
}

/** As the decoder reads text: UTF-8, else Latin-1. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}
