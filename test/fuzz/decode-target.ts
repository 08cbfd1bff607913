import { strictEqual } from "node:assert";
import { formatJson } from "../../src/text/json.ts";
import { formatMessage, flatten } from "../../src/text/format.ts";
import { formatCommentedHex } from "../../src/text/hex.ts";
import { OscBundle, type OscPacket, decode, encode } from "../../src/codec/index.ts";
import { bundleTime, handlePacket, laterElements } from "../../src/dispatch/index.ts";
import { OscDecodeError } from "../../src/errors.ts";
import { bytes as fromHex, errorsIn, hex } from "../codec/support.ts";
import type { Target } from "./fuzzer.ts";
import { makePacket } from "./make-bytes.ts";
import type { Random } from "./random.ts";

const CLIENT = { address: "127.0.0.1", port: 9, family: "IPv4" } as const;
/** In the range of the time tags that are made, so that some bundles are later and some are not. */
const AS_OF = Date.UTC(2023, 0, 1);

/** Packets, decoded, encoded again, shown and handled. Inputs are hex digits. */
export const decodeTarget: Target<string> = {
  name: "decode",
  generate: (random: Random, kept) => hex(makePacket(random, keptBytes(random, kept))),
  check: checkPacket,
};

/** A few of them: to turn all into bytes each time would take longer than all the rest. */
function keptBytes(random: Random, kept: readonly string[]): Uint8Array[] {
  return kept.length === 0 ? [] : [fromHex(random.pick(kept)), fromHex(random.pick(kept))];
}

function checkPacket(digits: string): string {
  const bytes = fromHex(digits);
  const tolerant = decodeOrCode(bytes, false);
  const strict = decodeOrCode(bytes, true);
  strictEqual(hex(bytes), digits, "decoding changed the bytes");
  checkView(bytes, tolerant);
  checkLaterElements(bytes);
  formatCommentedHex(bytes);
  if (typeof tolerant === "string") {
    strictEqual(typeof strict, "string", "strict decoding took what tolerant decoding refused");
    return tolerant;
  }
  const codes = errorsIn(tolerant).map(({ code }) => code);
  strictEqual(
    typeof strict !== "string",
    codes.length === 0 && bytes.length % 4 === 0,
    `strict said ${typeof strict === "string" ? strict : "yes"}, tolerant ${codes.join()}`,
  );
  checkEncoding(tolerant, typeof strict === "string" ? null : digits);
  for (const message of flatten(tolerant)) formatMessage(message);
  formatJson(tolerant, { time: 0, from: "", transport: "udp" });
  if (codes.length === 0) checkHandling(bytes);
  return `${[...new Set(codes)].toSorted().join()} ${sightOf(tolerant)}`;
}

function decodeOrCode(bytes: Uint8Array, strict: boolean): OscPacket | string {
  try {
    return decode(bytes, { strict });
  } catch (error) {
    if (!(error instanceof OscDecodeError)) throw error;
    if (!(error.offset >= 0 && error.offset <= bytes.length))
      throw new Error(`offset ${error.offset} of ${bytes.length} bytes`, { cause: error });
    return error.code;
  }
}

/** A view into a larger buffer is read as its bytes are. */
function checkView(bytes: Uint8Array, expected: OscPacket | string): void {
  const buffer = new Uint8Array(bytes.length + 8).fill(0x2f);
  buffer.set(bytes, 3);
  const view = decodeOrCode(buffer.subarray(3, 3 + bytes.length), false);
  strictEqual(
    typeof view === "string" ? view : wording(view),
    typeof expected === "string" ? expected : wording(expected),
    "a view was read differently",
  );
}

/** What was decoded can be encoded, and then stays as it is; a packet by the book stays so from the beginning. */
function checkEncoding(packet: OscPacket, digits: string | null): void {
  const encoded = encode(packet);
  // What was not read because it nests too deep is in the bytes again, so the same limit holds.
  const again = decode(encoded);
  strictEqual(wording(again), wording(packet), "encoding changed the meaning");
  const shown = wording(packet);
  if (digits !== null && !shown.includes("NaN")) strictEqual(hex(encoded), digits, "encoding changed the bytes");
}

function wording(packet: OscPacket): string {
  return JSON.stringify(packet, (_key, value: unknown) => {
    if (value instanceof OscBundle) return [value.timeTag.toBigInt().toString(), value.elements];
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
    if (value instanceof Uint8Array) return hex(value);
    return isMessage(value) ? [value.address, value.types, value.hasTypeTags, value.args] : value;
  });
}

function isMessage(value: unknown): value is { address: string; types: string; hasTypeTags: boolean; args: unknown } {
  return typeof value === "object" && value !== null && "hasTypeTags" in value;
}

function checkLaterElements(bytes: Uint8Array): void {
  bundleTime(bytes);
  for (const { data, at } of laterElements(bytes, AS_OF)) {
    if (!(at > AS_OF)) throw new Error(`an element at ${at} is not later than ${AS_OF}`);
    if (data.buffer !== bytes.buffer) throw new Error("an element is no view");
  }
}

/** What is handled now, and what is handled later, is all there is. */
function checkHandling(bytes: Uint8Array): void {
  strictEqual(countHandled(bytes, AS_OF), countHandled(bytes, Infinity), "messages were lost, or handled twice");
}

function countHandled(bytes: Uint8Array, asOf: number): number {
  let handled = 0;
  const handlers = { match: () => (handled++, []) };
  const pending = [{ data: bytes, asOf }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    void handlePacket(handlers, next.data, {
      handling: { mode: "sync", shutdown: () => undefined },
      clientAddress: CLIENT,
      asOf: next.asOf,
      reply: () => undefined,
      error: () => undefined,
    });
    for (const { data, at } of laterElements(next.data, next.asOf)) pending.push({ data, asOf: at });
  }
  return handled;
}

/** Which kinds of arguments there are, and how deep bundles nest. */
function sightOf(packet: OscPacket): string {
  if (packet instanceof OscBundle) return `#${Math.min(packet.elements.length, 3)}(${packet.elements.slice(0, 3).map(sightOf).join(" ")})`;
  return [...new Set(packet.types)].toSorted().join("").slice(0, 4);
}
