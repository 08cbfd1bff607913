import { type OscColor, type OscMidi, type OscValue, TimeTag } from "../codec/index.ts";
import { UsageError } from "./usage-error.ts";

/** How a value is parsed. */
export interface ReadValueOptions {
  /**
   * Returns the bytes of a file for a blob written as `@name`. Without it such a word is an error, because piped text must not read files.
   */
  readonly readFile?: ((name: string) => Uint8Array) | undefined;
}

type Reader = (text: string, options: ReadValueOptions) => OscValue;

/** Parsers for the type tags that need a word. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["i", readInt],
  ["h", readLong],
  ["f", readFloat],
  ["d", (text) => readNumber(text, "d")],
  ["s", (text) => text],
  ["S", (text) => text],
  ["c", readCharacter],
  ["t", readTime],
  ["r", readColor],
  ["m", readMidi],
  ["b", readBlob],
]);

/** The type tags whose value is the tag itself. */
const CONSTANTS: ReadonlyMap<string, OscValue> = new Map<string, OscValue>([
  ["T", true],
  ["F", false],
  ["N", null],
  ["I", Number.POSITIVE_INFINITY],
]);

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const WHOLE_NUMBER = /^[+-]?(?:\d{1,40}|0x[\da-f]{1,40})$/i;
const NON_FINITE: ReadonlyMap<string, number> = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["+inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["infinity", Number.POSITIVE_INFINITY],
  ["-infinity", Number.NEGATIVE_INFINITY],
  ["nan", Number.NaN],
]);

/** The value of a type tag that needs no word, such as `T`; undefined for other tags. */
export function constantOf(tag: string): OscValue | undefined {
  return CONSTANTS.get(tag);
}

/** True for a type tag whose value is written as a word. */
export function takesWord(tag: string): boolean {
  return READERS.has(tag);
}

/** True if the text is a finite decimal number. */
export function isNumber(text: string): boolean {
  return NUMBER.test(text);
}

/**
 * Parses a word as the value of a type tag.
 *
 * @throws UsageError if the tag is unknown or the word doesn't fit it
 */
export function readValue(tag: string, text: string, options: ReadValueOptions = {}): OscValue {
  const read = READERS.get(tag);
  if (read === undefined) {
    throw new UsageError(`Type tag "${tag}" is not known. The type tags are ${[...READERS.keys(), ...CONSTANTS.keys()].join(" ")} [ ]`);
  }
  return read(text, options);
}

function readInt(text: string): number {
  const value = WHOLE_NUMBER.test(text) ? Number(toBigInt(text)) : Number.NaN;
  if (value !== (value | 0))
    throw new UsageError(`${shown(text)} does not fit type i: a whole number from -2147483648 to 2147483647. Use ,h for larger ones`);
  return value;
}

function readLong(text: string): bigint {
  const value = WHOLE_NUMBER.test(text) ? toBigInt(text) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) {
    throw new UsageError(
      `${shown(text)} does not fit type h: a whole number of 64 bits, from -9223372036854775808 to 9223372036854775807.`,
    );
  }
  return value;
}

function readFloat(text: string): number {
  const value = readNumber(text, "f");
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
    throw new UsageError(`${shown(text)} is too large for type f (at most 3.4e38). Use ,d for larger numbers`);
  }
  return value;
}

function readNumber(text: string, tag: string): number {
  const value = NUMBER.test(text) ? Number(text) : NON_FINITE.get(text.toLowerCase());
  if (value === undefined) throw new UsageError(`${shown(text)} does not fit type ${tag}: a number such as 0.5, -2, 1e-3, inf or nan.`);
  return value;
}

/** One character, or a code that isn't a character, as a number with at least two digits. */
function readCharacter(text: string): OscValue {
  if ([...text].length === 1) return text;
  if (WHOLE_NUMBER.test(text)) return readInt(text);
  throw new UsageError(`${shown(text)} does not fit type c: one character.`);
}

function readColor(text: string): OscColor {
  const [, red = "", green = "", blue = "", alpha = "ff"] = /^#?([\da-f]{2})([\da-f]{2})([\da-f]{2})([\da-f]{2})?$/i.exec(text) ?? [];
  if (red === "") throw new UsageError(`${shown(text)} does not fit type r: a colour as #rrggbbaa, as in #ff8000ff`);
  return { r: Number.parseInt(red, 16), g: Number.parseInt(green, 16), b: Number.parseInt(blue, 16), a: Number.parseInt(alpha, 16) };
}

function readMidi(text: string): OscMidi {
  const bytes = hexBytes(text);
  const [port, status, data1, data2] = bytes ?? [];
  if (bytes?.length !== 4 || port === undefined || status === undefined || data1 === undefined || data2 === undefined) {
    throw new UsageError(`${shown(text)} does not fit type m: port, status and two data bytes as 8 hexadecimal digits, as in 00903c7f`);
  }
  return [port, status, data1, data2];
}

function readBlob(text: string, { readFile }: ReadValueOptions): Uint8Array {
  if (text.startsWith("@") && readFile !== undefined) return readFile(text.slice(1));
  const bytes = hexBytes(text);
  if (bytes === undefined)
    throw new UsageError(`${shown(text)} does not fit type b: an even number of hexadecimal digits, or @ and the name of a file.`);
  return bytes;
}

/** Parses hexadecimal digits, with or without `0x`; undefined if the text isn't hexadecimal. */
export function hexBytes(text: string): Uint8Array | undefined {
  const digits = text.replace(/^0x/i, "");
  if (digits.length % 2 !== 0 || !/^[\da-f]*$/i.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16));
}

function toBigInt(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
}

function shown(text: string): string {
  const start = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return `"${start}"`;
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/**
 * Formats a time tag as one word that {@link readTime} parses back to the same 64 bits: `now`, or ISO 8601 in UTC with as many decimals as
 * needed.
 */
export function formatTime(tag: TimeTag): string {
  if (tag.seconds === 0 && tag.fraction === 1) return "now";
  if (tag.isImmediate) return `0x${formatTimeBits(tag)}`;
  const second = new Date(Math.round(new TimeTag(tag.seconds, 0).toMillis())).toISOString().slice(0, -".000Z".length);
  return `${second}${shortestFraction(tag.fraction)}Z`;
}

/** The 64 bits as 16 hexadecimal digits. */
export function formatTimeBits(tag: TimeTag): string {
  return tag.toBigInt().toString(16).padStart(16, "0");
}

/**
 * Parses `now`, a relative time such as `+2s`, `+250ms` or `-1m`, a date such as `2026-10-04T20:00:00.5Z` (local time without `Z`), or the
 * 64 bits as `0x` and 16 digits.
 *
 * @throws UsageError if it isn't any of these
 */
export function readTime(text: string): TimeTag {
  if (text === "now" || text === "immediately") return TimeTag.IMMEDIATELY;
  const [, bits] = /^(?:0x)?([\da-f]{16})$/i.exec(text) ?? [];
  if (bits !== undefined) return TimeTag.fromBigInt(BigInt(`0x${bits}`));
  return readTimeFromNow(text) ?? readDate(text) ?? failToRead(text);
}

function readTimeFromNow(text: string): TimeTag | undefined {
  const [, amount, unit] = /^([+-](?:\d+(?:\.\d*)?|\.\d+))(ms|s|m|h|)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const milliseconds = Number(amount) * (UNITS.get(unit) ?? Number.NaN);
  return Number.isFinite(milliseconds) ? TimeTag.in(milliseconds) : undefined;
}

function readDate(text: string): TimeTag | undefined {
  const [, minute, second = ":00", decimals, zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(?:\.(\d{1,15}))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  if (minute === undefined) return undefined;
  const milliseconds = Date.parse(`${minute}${second}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  const fraction = Math.round(Number(`0.${decimals ?? 0}`) * 2 ** 32);
  // Rounding may reach the next second.
  const { seconds } = TimeTag.from(fraction < 2 ** 32 ? milliseconds : milliseconds + 1000);
  return new TimeTag(seconds, fraction >>> 0);
}

function failToRead(text: string): never {
  throw new UsageError(`"${text}" is not a time. Write now, +2.5s, +250ms, or a date such as 2026-10-04T20:00:00Z`);
}

/** The fewest decimals that reproduce the fraction: "" or a point and digits. Ten are always enough. */
function shortestFraction(fraction: number): string {
  if (fraction === 0) return "";
  for (let digits = 1; digits < 10; digits++) {
    const text = (fraction / 2 ** 32).toFixed(digits);
    if (text.startsWith("0.") && Math.round(Number(text) * 2 ** 32) === fraction) return text.slice(1);
  }
  return (fraction / 2 ** 32).toFixed(10).slice(1);
}

/** Milliseconds since 1970 as the local time `20:15:00.125`. */
export function timeOfDay(milliseconds: number): string {
  const date = new Date(milliseconds);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
