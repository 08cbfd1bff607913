import { checkValue } from "./check-value.ts";
import { TimeTag } from "./time-tag.ts";
import type { OscColor, OscValue } from "./types.ts";

/** One argument together with its type tag, made by {@link int}, {@link float} and the like. */
export class TypedValue {
  /** The type tag: one character. */
  readonly tag: string;
  /** The value, as a decoder would give it: a bigint for `h`, an array of four numbers for `m`, and so on. */
  readonly value: OscValue;

  /**
   * Made by {@link int}, {@link float} and the like, rather than by hand.
   *
   * @param tag one type tag, of one character
   * @throws OscEncodeError where the value does not fit the tag
   */
  constructor(tag: string, value: OscValue) {
    this.tag = tag;
    this.value = checkValue(tag, value);
  }
}

/** A whole number from -2^31 to 2^31 - 1, as a 32-bit integer (type tag `i`). Throws OscEncodeError for any other. */
export function int(value: number): TypedValue {
  return new TypedValue("i", value);
}

/** A number as a 32-bit float (type tag `f`). Throws OscEncodeError for a finite number beyond its range, about ±3.4e38. */
export function float(value: number): TypedValue {
  return new TypedValue("f", value);
}

/** A number as a 64-bit float (type tag `d`), which keeps it exactly. Not part of what every OSC program has to understand. */
export function double(value: number): TypedValue {
  return new TypedValue("d", value);
}

/** A whole number as a 64-bit integer (type tag `h`): a bigint from -2^63 to 2^63 - 1, or a whole number within ±2^53. */
export function long(value: bigint | number): TypedValue {
  return new TypedValue("h", value);
}

/** Text (type tag `s`). It must not hold a NUL character, which ends a string in OSC. */
export function string(value: string): TypedValue {
  return new TypedValue("s", value);
}

/** Text as a symbol (type tag `S`), for systems that tell the two apart. It must not hold a NUL character. */
export function symbol(value: string): TypedValue {
  return new TypedValue("S", value);
}

/** One character (type tag `c`), or its code as a whole number of 32 bits. OSC knows ASCII here; other code points are sent as they are. */
export function char(value: string | number): TypedValue {
  return new TypedValue("c", value);
}

/** A colour of four parts from 0 to 255 (type tag `r`). */
export function color(value: OscColor): TypedValue {
  return new TypedValue("r", value);
}

/** A MIDI message (type tag `m`): port id, status byte and two data bytes, each from 0 to 255. */
export function midi(port: number, status: number, data1: number, data2: number): TypedValue {
  return new TypedValue("m", [port, status, data1, data2]);
}

/** A moment as an argument (type tag `t`): a time tag, a `Date`, or milliseconds since 1970-01-01 UTC. */
export function timeTag(moment: TimeTag | Date | number): TypedValue {
  return new TypedValue("t", moment instanceof TimeTag ? moment : TimeTag.from(moment));
}

/** Bytes (type tag `b`). They are not copied before they are encoded. */
export function blob(value: Uint8Array): TypedValue {
  return new TypedValue("b", value);
}

/** "Infinitum" of OSC 1.0, "impulse" or "bang" of OSC 1.1 (type tag `I`); it is decoded as `Infinity`. */
export function infinitum(): TypedValue {
  return new TypedValue("I", Infinity);
}
