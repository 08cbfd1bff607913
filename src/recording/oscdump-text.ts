import { type OscArgument, OscBundle, OscMessage, type OscPacket, type OscValue, TimeTag, decode, encode } from "../codec/index.ts";
import { OscRecordingError } from "../errors.ts";
import { formatArguments, formatValue } from "../text/format.ts";
import { LineReader } from "./line-reader.ts";
import type { RecordedPacket, RecordingEvents, RecordingWriter } from "./recording.ts";
import { isRelative, relativeMillis } from "./time-tags.ts";

/** Fields that this format doesn't record. */
const UNKNOWN = { source: null, destination: null, transport: null } as const;

/**
 * Reads the text that liblo's `oscdump` prints and its `oscsendfile` reads: one line per message, `TIME /address types values…`, with an NTP timestamp in
 * hexadecimal. Consecutive messages with the same time form one bundle.
 */
export class OscdumpReader extends LineReader {
  #tag = TimeTag.IMMEDIATELY;
  #messages: OscMessage[] = [];

  constructor(events: RecordingEvents, maxPacketSize: number) {
    // Each byte of a blob takes five characters.
    super(events, maxPacketSize * 5);
  }

  protected line(text: string): void {
    const [, seconds, fraction, rest = text] = /^([\da-f]{1,8})\.([\da-f]{1,8})\s+(.*)$/is.exec(text) ?? [];
    const tag = seconds === undefined ? this.#tag : new TimeTag(Number.parseInt(seconds, 16), Number.parseInt(fraction ?? "0", 16));
    const message = readMessage(rest);
    if (tag.toBigInt() !== this.#tag.toBigInt() || seconds === undefined) this.finish();
    this.#tag = tag;
    this.#messages.push(message);
  }

  protected override finish(): void {
    const messages = this.#messages;
    const [first] = messages;
    if (first === undefined) return;
    this.#messages = [];
    const tag = this.#tag;
    const packet = messages.length === 1 ? first : new OscBundle(messages, tag);
    const time = isRelative(tag) || tag.isImmediate ? relativeMillis(tag) : tag.toMillis();
    this.events.packet({ ...UNKNOWN, time, data: encode(packet).slice() });
  }
}

function readMessage(text: string): OscMessage {
  const [, address, types = "", values = ""] = /^(\/\S*)(?: (\S*))?(?: (.*))?$/s.exec(text) ?? [];
  if (address === undefined) throw new Error("expected TIME /address types values…");
  const enclosing: OscArgument[][] = [];
  let list: OscArgument[] = [];
  let rest = values;
  for (const [index, tag] of [...types].entries()) {
    if (tag === "[") {
      enclosing.push(list);
      list = [];
    } else if (tag === "]") {
      const outer = enclosing.pop();
      if (outer === undefined) throw new Error(`the brackets in "${types}" don't pair up`);
      outer.push(list);
      list = outer;
    } else {
      const { value, length } = readValue(tag, rest, index === types.length - 1);
      list.push(value);
      rest = rest.slice(length).replace(/^ /, "");
    }
  }
  if (enclosing.length > 0) throw new Error(`the brackets in "${types}" don't pair up`);
  return new OscMessage(address, list, types);
}

/** Patterns of the values that may contain spaces. Strings have no escapes: a string ends at a quote before a space, the last one at the last quote. */
const TEXT = /^"(.*?)"(?= |$)/s;
const LAST_TEXT = /^"(.*)"$/s;
const BLOB = /^\[(?:(\d+) byte blob|\d+b ?([\da-fx ]*))\]/i;
const MIDI = /^(?:MIDI \[((?:0x[\da-f]{1,2} ?){4})\]|([\da-f]{8}))(?= |$)/i;

function readValue(tag: string, text: string, isLast: boolean): { value: OscArgument; length: number } {
  const word = /^\S*/.exec(text)?.[0] ?? "";
  const found = (value: OscArgument, length = word.length): { value: OscArgument; length: number } => ({ value, length });
  switch (tag) {
    case "T":
    case "F":
    case "N":
    case "I":
      return found({ T: true, F: false, N: null, I: Infinity }[tag]);
    case "i":
      return found(readNumber(word, tag));
    case "f":
    case "d":
      return found(/^[+-]?(?:inf|nan)/i.test(word) ? nonFinite(word) : readNumber(word, tag));
    case "h":
      if (!/^-?\d+$/.test(word)) return fail(tag, word);
      return found(BigInt(word));
    case "t": {
      const [, seconds, fraction] = /^([\da-f]{8})\.([\da-f]{8})$/i.exec(word) ?? [];
      if (seconds === undefined || fraction === undefined) return fail(tag, word);
      return found(new TimeTag(Number.parseInt(seconds, 16), Number.parseInt(fraction, 16)));
    }
    case "c":
      return /^'.'(?= |$)/su.test(text) ? found([...text][1] ?? "", 3) : found(word);
    case "s":
    case "S":
      return readText(text, word, isLast);
    case "b": {
      const [matched, lost, bytes = ""] = BLOB.exec(text) ?? [];
      if (matched === undefined) return fail(tag, word);
      if (lost !== undefined) throw new Error(`the ${lost} bytes of a blob are missing: oscdump omits blobs longer than 12 bytes`);
      return found(
        Uint8Array.from(
          bytes.split(" ").filter((byte) => byte !== ""),
          (byte) => Number.parseInt(byte, 16),
        ),
        matched.length,
      );
    }
    case "m": {
      const [matched, list, digits] = MIDI.exec(text) ?? [];
      if (matched === undefined) return fail(tag, word);
      const bytes = list?.trim().split(" ") ?? digits?.match(/../g) ?? [];
      return found(
        bytes.map((byte) => Number.parseInt(byte, 16)),
        matched.length,
      );
    }
    case "r": {
      const [r, g, b, a] = word.match(/[\da-f]{2}/gi)?.map((byte) => Number.parseInt(byte, 16)) ?? [];
      if (r === undefined || g === undefined || b === undefined || a === undefined) return fail(tag, word);
      return found({ r, g, b, a });
    }
    default:
      throw new Error(`unknown type "${tag}"`);
  }
}

function readText(text: string, word: string, isLast: boolean): { value: string; length: number } {
  const [matched, quoted] = (isLast ? LAST_TEXT : TEXT).exec(text) ?? [];
  if (matched !== undefined && quoted !== undefined) return { value: quoted, length: matched.length };
  // oscdump writes a symbol with an opening quote only.
  const bare = isLast ? text : word;
  return { value: bare.replace(/^'/, ""), length: bare.length };
}

function readNumber(word: string, tag: string): number {
  return word === "" || Number.isNaN(Number(word)) ? fail(tag, word) : Number(word);
}

function nonFinite(word: string): number {
  if (/nan/i.test(word)) return Number.NaN;
  return word.startsWith("-") ? -Infinity : Infinity;
}

function fail(tag: string, word: string): never {
  throw new Error(`"${word}" is not a value of type ${tag}`);
}

/** Writes text that liblo's `oscsendfile` sends and {@link OscdumpReader} reads. */
export class OscdumpWriter implements RecordingWriter {
  readonly #isRelative: boolean;

  /** @param isRelative whether times count from the beginning of the recording, not from 1970 */
  constructor(isRelative: boolean) {
    this.#isRelative = isRelative;
  }

  header(): Uint8Array {
    return new Uint8Array(0);
  }

  packet({ time, data }: RecordedPacket): Uint8Array {
    const tag = this.#isRelative ? relativeTag(time) : TimeTag.from(time);
    return new TextEncoder().encode(linesOf(decode(data), tag).join(""));
  }
}

function relativeTag(milliseconds: number): TimeTag {
  const whole = Math.floor(milliseconds / 1000);
  return new TimeTag(whole, Math.min(2 ** 32 - 1, Math.round((milliseconds / 1000 - whole) * 2 ** 32)));
}

function linesOf(packet: OscPacket, recorded: TimeTag): string[] {
  if (packet instanceof OscBundle) {
    const tag = packet.timeTag.isImmediate ? recorded : packet.timeTag;
    return packet.elements.flatMap((element) => linesOf(element, tag));
  }
  const { address, types } = packet;
  const words = [hexTime(recorded), address, types, ...formatArguments(packet, oscdumpValue)];
  const line = words.join(" ");
  if (/[\r\n]/.test(line) || /\s/.test(address)) {
    throw new OscRecordingError(
      "OSC_RECORDING_UNSUPPORTED",
      `oscdump text can't represent a line break in a value or a space in an address: ${JSON.stringify(address)}`,
      0,
    );
  }
  return [`${line}\n`];
}

function oscdumpValue(tag: string, value: OscValue): string {
  switch (tag) {
    case "T":
      return "#T";
    case "F":
      return "#F";
    case "N":
      return "Nil";
    case "I":
      return "Infinitum";
    case "s":
    case "S":
      return `"${String(value)}"`;
    case "t":
      return hexTime(value as TimeTag);
    case "b":
      return `[${(value as Uint8Array).length}b${Array.from(value as Uint8Array, (byte) => ` 0x${hex(byte)}`).join("")}]`;
    case "m":
      return Array.from(value as readonly number[], hex).join("");
    case "r": {
      const { r, g, b, a } = value as { r: number; g: number; b: number; a: number };
      return [r, g, b, a].map(hex).join("");
    }
    case "f":
    case "d":
      return formatValue(tag, value);
    default:
      return String(value);
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function hexTime({ seconds, fraction }: TimeTag): string {
  return `${seconds.toString(16).padStart(8, "0")}.${fraction.toString(16).padStart(8, "0")}`;
}
