import { OscBundle, type OscColor, type OscMessage, type OscMidi, type OscPacket, type OscValue, type TimeTag } from "../codec/index.ts";
import { formatTime } from "./values.ts";
import { escapeForTerminal, quote } from "./escape.ts";

/** The parts of a message as words, before alignment in columns. */
export interface FormattedMessage {
  readonly address: string;
  /** `,types`, or empty for a message without a type tag string. */
  readonly types: string;
  /** The values, one word for each type tag that has one. */
  readonly args: string;
  /** `@` and the time tag of the enclosing bundle, or empty. */
  readonly timeTag: string;
}

/** A message and the time tag of its innermost bundle. */
export interface DatedMessage {
  readonly message: OscMessage;
  readonly timeTag: TimeTag | null;
}

/** The messages of a packet in order, with bundles flattened. */
export function flatten(packet: OscPacket, timeTag: TimeTag | null = null): DatedMessage[] {
  if (!(packet instanceof OscBundle)) return [{ message: packet, timeTag }];
  return packet.elements.flatMap((element) => flatten(element, packet.timeTag));
}

/**
 * Formats a message as one line that `readLine` parses back: `/mixer/gain ,f 0.5`, followed by `@` and the time tag if it was in a bundle.
 */
export function formatMessage({ message, timeTag }: DatedMessage): string {
  return Object.values(formatParts(message, timeTag))
    .filter((part) => part !== "")
    .join(" ");
}

/** The words of a message. */
export function formatParts(message: OscMessage, timeTag: TimeTag | null): FormattedMessage {
  return {
    address: formatOscAddress(message.address),
    types: message.hasTypeTags ? `,${message.types}` : "",
    args: formatArguments(message).join(" "),
    timeTag: timeTag === null ? "" : `@${formatTime(timeTag)}`,
  };
}

/** The values of a message as words, one for each type tag that has one. */
export function formatArguments(message: OscMessage, format: (tag: string, value: OscValue) => string = formatValue): string[] {
  const words: string[] = [];
  for (const [tag, value] of taggedValues(message)) {
    const word = value === undefined ? "" : format(tag, value);
    if (word !== "") words.push(word);
  }
  return words;
}

/** Each type tag of a message with its value, arrays flattened between their brackets, which have none. */
export function* taggedValues({
  types,
  args,
}: OscMessage): Generator<readonly [tag: string, value: OscValue | undefined], void, undefined> {
  const enclosing: Iterator<OscValue>[] = [];
  let values: Iterator<OscValue> = args[Symbol.iterator]();
  for (const tag of types) {
    if (tag === "]") {
      values = enclosing.pop() ?? values;
      yield [tag, undefined];
      continue;
    }
    const value = values.next().value as OscValue;
    if (tag !== "[") {
      yield [tag, value];
      continue;
    }
    enclosing.push(values);
    values = (value as readonly OscValue[])[Symbol.iterator]();
    yield [tag, undefined];
  }
}

/** Formats a value as a word; empty if the type tag implies the value. */
export function formatValue(tag: string, value: OscValue): string {
  switch (tag) {
    case "f":
      return formatFloat(value as number);
    case "d":
      return formatNumber(value as number, String(value));
    case "s":
    case "S":
      return quote(value as string);
    case "c":
      return typeof value === "number" ? String(value).padStart(2, "0") : quote(value as string);
    case "b":
      return `0x${formatHex(value as Uint8Array)}`;
    case "m":
      return formatHex(value as OscMidi);
    case "r": {
      const { r, g, b, a } = value as OscColor;
      return `#${formatHex([r, g, b, a])}`;
    }
    case "t":
      return formatTime(value as TimeTag);
    case "i":
    case "h":
      return String(value);
    default:
      return "";
  }
}

/** Bytes as hexadecimal digits. */
export function formatHex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The shortest decimal number that parses to the same 32-bit float, always with a point or an exponent. */
function formatFloat(value: number): string {
  const single = Math.fround(value);
  let digits = 1;
  // Nine digits are always enough.
  while (digits < 9 && Math.fround(Number(single.toPrecision(digits))) !== single) digits++;
  return formatNumber(single, String(Number(single.toPrecision(digits))));
}

function formatNumber(value: number, digits: string): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0.0";
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

/** An OSC address as one word, quoted if it contains spaces or invisible characters. */
export function formatOscAddress(address: string): string {
  return /^\/\S*$/.test(address) && escapeForTerminal(address, Infinity) === address ? address : quote(address);
}
