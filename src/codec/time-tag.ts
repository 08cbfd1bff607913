import { OscEncodeError } from "../errors.ts";
import { describe } from "./options.ts";

/** Milliseconds between the NTP epoch, 1900-01-01, and JavaScript's, 1970-01-01. */
const EPOCH_OFFSET_MS = 2_208_988_800_000;
/** The length of an NTP era, after which its 32-bit seconds wrap to 0. The first ends on 2036-02-07. */
const ERA_MS = 0x1_0000_0000 * 1000;
const FRACTIONS_PER_MS = 0x1_0000_0000 / 1000;

/**
 * An OSC time tag: a 64-bit NTP timestamp, stored exactly. OSC 1.0, "Temporal Semantics and OSC Time Tags".
 *
 * The 32-bit seconds wrap in 2036; a time tag is interpreted in the era nearest to the present.
 *
 * @example
 * TimeTag.in(250); // a quarter of a second from now
 * TimeTag.from(new Date("2030-01-01T00:00:00Z")).toMillis(); // 1893456000000
 */
export class TimeTag {
  /** Seconds since 1900-01-01 00:00 UTC, modulo 2^32: an integer from 0 to 4,294,967,295. */
  declare readonly seconds: number;
  /** Fraction of a second, in units of 1/2^32 s: an integer from 0 to 4,294,967,295. */
  declare readonly fraction: number;

  /** "Immediately": the bits 0x0000000000000001. */
  static readonly IMMEDIATELY: TimeTag = /* @__PURE__ */ new TimeTag(0, 1);

  /**
   * @param seconds the upper half of the 64 bits
   * @param fraction the lower half
   * @throws RangeError if a half isn't an unsigned 32-bit integer
   */
  constructor(seconds: number, fraction: number) {
    if (!isUint32(seconds) || !isUint32(fraction)) throw badHalves(seconds, fraction);
    this.seconds = seconds;
    this.fraction = fraction;
  }

  /** The current time of the system clock. */
  static now(): TimeTag {
    return TimeTag.from(Date.now());
  }

  /**
   * The time this many milliseconds from now, or before now if the number is negative.
   *
   * @throws RangeError if it isn't finite; OscEncodeError `OSC_VALUE_TYPE` if it isn't a number
   */
  static in(milliseconds: number): TimeTag {
    if (typeof milliseconds !== "number") throw badMoment("TimeTag.in needs milliseconds as a number", milliseconds);
    return TimeTag.from(Date.now() + milliseconds);
  }

  /**
   * @param moment a `Date`, or milliseconds since 1970-01-01 UTC, possibly fractional
   * @throws RangeError for an invalid date, or a number that isn't finite; OscEncodeError `OSC_VALUE_TYPE` for anything else
   */
  static from(moment: Date | number): TimeTag {
    const ms = typeof moment === "number" ? moment : millisOf(moment);
    if (!Number.isFinite(ms)) throw new RangeError(`A time tag needs a valid date or finite milliseconds; got ${describe(moment)}.`);
    const since1900 = ms + EPOCH_OFFSET_MS;
    const whole = Math.floor(since1900 / 1000);
    const fraction = Math.round((since1900 - whole * 1000) * FRACTIONS_PER_MS);
    // Rounding may reach the next second. Seconds are counted modulo 2^32, which is what >>> does.
    return new TimeTag((whole + Math.floor(fraction / 2 ** 32)) >>> 0, fraction >>> 0);
  }

  /**
   * The time tag of these 64 bits: seconds in the upper half, fraction in the lower.
   *
   * @throws RangeError if it isn't from 0 to 2^64 - 1; OscEncodeError `OSC_VALUE_TYPE` if it isn't a bigint
   */
  static fromBigInt(bits: bigint): TimeTag {
    if (typeof bits !== "bigint") throw badMoment("TimeTag.fromBigInt needs a bigint of 64 bits", bits);
    return new TimeTag(Number(bits >> 32n), Number(bits & 0xffff_ffffn));
  }

  /** True for "immediately": the bits 1, and 0, which real programs also send. */
  get isImmediate(): boolean {
    return this.seconds === 0 && this.fraction <= 1;
  }

  /** Milliseconds since 1970-01-01 UTC, with fractions, in the era nearest to the present. */
  toMillis(): number {
    return ntpToMillis(this.seconds, this.fraction);
  }

  /** As a `Date`, rounded to the millisecond. */
  toDate(): Date {
    return new Date(Math.round(this.toMillis()));
  }

  /** The 64 bits as one number, as accepted by {@link fromBigInt}. */
  toBigInt(): bigint {
    return (BigInt(this.seconds) << 32n) | BigInt(this.fraction);
  }

  /** ISO 8601 with microseconds, or `immediately`. */
  toString(): string {
    if (this.isImmediate) return "immediately";
    const ms = this.toMillis();
    const micros = Math.floor((ms - Math.floor(ms)) * 1000);
    return new Date(Math.floor(ms)).toISOString().replace("Z", `${String(micros).padStart(3, "0")}Z`);
  }
}

/**
 * Converts the two halves of an NTP time to milliseconds since 1970, in the era nearest to the present, without allocating an object.
 *
 * @example
 * ntpToMillis(3_900_000_000, 0); // 1691011200000: in August 2023
 */
export function ntpToMillis(seconds: number, fraction: number): number {
  if (!isUint32(seconds) || !isUint32(fraction)) throw badHalves(seconds, fraction);
  const inFirstEra = seconds * 1000 - EPOCH_OFFSET_MS + fraction / FRACTIONS_PER_MS;
  return inFirstEra + ERA_MS * Math.round((Date.now() - inFirstEra) / ERA_MS);
}

/**
 * Whether a bundle's time tag is earlier than that of the enclosing bundle, which OSC 1.0 forbids. "Immediately" is earlier than every
 * date. Dates are compared by their distance, so the NTP era change in 2036 makes no difference.
 */
export function isEarlier(inner: TimeTag, outer: TimeTag): boolean {
  if (outer.isImmediate) return false;
  if (inner.isImmediate) return true;
  const seconds = (inner.seconds - outer.seconds) | 0;
  return seconds < 0 || (seconds === 0 && inner.fraction < outer.fraction);
}

/** The milliseconds of a date, even one from another realm. */
function millisOf(moment: unknown): number {
  if (Object.prototype.toString.call(moment) === "[object Date]") return Number(moment);
  throw badMoment("A time tag needs a Date, or milliseconds since 1970 as a number", moment);
}

function isUint32(value: unknown): boolean {
  return typeof value === "number" && value >>> 0 === value;
}

function badHalves(seconds: unknown, fraction: unknown): RangeError {
  return new RangeError(`The halves of a time tag must be whole numbers of 32 bits; got ${describe(seconds)} and ${describe(fraction)}.`);
}

function badMoment(message: string, value: unknown): OscEncodeError {
  return new OscEncodeError("OSC_VALUE_TYPE", `${message}; got ${describe(value)}.`, value);
}
