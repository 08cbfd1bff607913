import { TimeTag } from "../codec/index.ts";
import { UsageError } from "./usage-error.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/**
 * A time tag as one word that {@link readTime} reads back to the same 64 bits: `now`, or ISO 8601 in UTC with as many decimals as are needed.
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
 * Reads `now`, a time from now such as `+2s`, `+250ms` or `-1m`, a date such as `2026-10-04T20:00:00.5Z` (local time without `Z`),
 * or the 64 bits as `0x` and 16 digits.
 *
 * @throws UsageError where it is none of these
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

/** The fewest decimals that give the fraction back: "" or a point and digits. Ten are always enough. */
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
