import { OscBundle, type OscColor, OscMessage, type OscPacket, type OscValue, type TimeTag } from "../../src/index.ts";

/**
 * Packets as lines of text, in which the small programs under programs/ print what they heard and are told what to send:
 *
 *     /address ,ifsb 1 0.5 "h%C3%A9llo" <01ff>
 *     #bundle e93c8e8080000000
 *     …
 *     #end
 *
 * A token for each argument that has a value: `i h` decimal; `f d` decimal, with digits enough to give the number back; `s S` percent-encoded in
 * quotes; `b` hex in angle brackets; `c` its code; `t m r` hex. None for `T F N I [ ]`.
 */
export function linesOf(packet: OscPacket): string[] {
  if (packet instanceof OscMessage) return [lineOf(packet)];
  return [`#bundle ${hexOfTimeTag(packet.timeTag)}`, ...packet.elements.flatMap((element) => linesOf(element)), "#end"];
}

/** The messages of a packet, in the order in which they take effect. */
export function messagesOf(packet: OscPacket): OscMessage[] {
  return packet instanceof OscBundle ? packet.elements.flatMap((element) => messagesOf(element)) : [packet];
}

export function lineOf(message: OscMessage): string {
  return [message.address, `,${message.types}`, ...tokensOf(message)].join(" ");
}

/** The tokens of a message's arguments. */
function tokensOf(message: OscMessage): string[] {
  return typedValues(message)
    .map(([tag, value]) => tokenOf(tag, value))
    .filter((token) => token !== "");
}

/** A message's values beside their type tags, with what is in arrays among them. */
export function typedValues({ types, args }: OscMessage): (readonly [tag: string, value: OscValue])[] {
  const tags = [...types].values();
  const flatten = (values: readonly OscValue[]): (readonly [string, OscValue])[] =>
    values.flatMap((value) => {
      const tag = tags.next().value ?? "";
      if (tag !== "[") return [[tag, value] as const];
      const inside = flatten(value as readonly OscValue[]);
      tags.next();
      return inside;
    });
  return flatten(args);
}

export function tokenOf(tag: string, value: OscValue): string {
  switch (tag) {
    case "f":
    case "d":
      return Object.is(value, -0) ? "-0" : String(value);
    case "i":
    case "h":
      return String(value);
    case "s":
    case "S":
      return `"${encodeURIComponent(value as string)}"`;
    case "b":
      return `<${hex(value as Uint8Array)}>`;
    case "c":
      return String(typeof value === "string" ? value.codePointAt(0) : value);
    case "m":
      return hex(value as readonly number[]);
    case "r": {
      const { r, g, b, a } = value as OscColor;
      return hex([r, g, b, a]);
    }
    case "t":
      return hexOfTimeTag(value as TimeTag);
    default:
      return "";
  }
}

/** A line of a program, with its numbers and its percent-encoding written as we write them. */
export function sameLine(line: string): string {
  const [address = "", types = "", ...tokens] = line.split(" ");
  if (!types.startsWith(",")) return line;
  const tags = types.slice(1).replace(/[TFNI[\]]/g, "");
  return [address, types, ...tokens.map((token, index) => sameToken(tags[index] ?? "", token))].join(" ");
}

function sameToken(tag: string, token: string): string {
  if (tag === "f") return tokenOf("f", Math.fround(Number(token)));
  if (tag === "d") return tokenOf("d", Number(token));
  try {
    if (token.startsWith('"')) return `"${encodeURIComponent(decodeURIComponent(token.slice(1, -1)))}"`;
  } catch {
    // Bytes that are no UTF-8 stay as the program printed them.
  }
  return token;
}

function hexOfTimeTag(timeTag: TimeTag): string {
  return timeTag.toBigInt().toString(16).padStart(16, "0");
}

function hex(bytes: Iterable<number>): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A number as C's `%.Nf` writes it. */
export function fixed(value: number, digits: number): string {
  return Math.abs(value) < 1e21 ? value.toFixed(digits) : `${BigInt(value)}.${"0".repeat(digits)}`;
}

/** A number as C's `%g` writes it. */
export function general(value: number): string {
  const [digits = "", exponent] = value.toPrecision(6).split("e");
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  return exponent === undefined ? short : `${short}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
}
