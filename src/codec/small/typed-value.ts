import { TimeTag } from "../time-tag.ts";
import type { OscColor, OscMidi, OscValue } from "../types.ts";
import { checkValue } from "./check-value.ts";

/**
 * One argument together with its type tag, made by {@link int}, {@link float} and the like.
 *
 * @example
 * new OscMessage("/synth/new", ["default", int(1), float(440)]).types; // "sif"
 */
export class TypedValue {
  /** The type tag: one character. */
  declare readonly tag: string;
  /** The value, as a decoder would give it: a bigint for `h`, an array of four numbers for `m`, and so on. */
  declare readonly value: OscValue;

  /**
   * Made by {@link int}, {@link float} and the like, rather than by hand.
   *
   * @param tag one type tag, of one character
   * @throws OscEncodeError where the value does not fit the tag
   */
  constructor(tag: string, value: unknown) {
    this.tag = tag;
    this.value = checkValue(tag, value);
  }
}

/**
 * A whole number from -2^31 to 2^31 - 1, as a 32-bit integer (type tag `i`). OSC 1.0, "OSC Type Tag String", as all of these. What is no
 * such number is an OscEncodeError, in all of these likewise.
 *
 * @example int(3)
 */
export const int = (value: number): TypedValue => new TypedValue("i", value);

/**
 * A number as a 32-bit float (type tag `f`). It keeps about 7 digits.
 *
 * @example float(1)
 */
export const float = (value: number): TypedValue => new TypedValue("f", value);

/**
 * A number as a 64-bit float (type tag `d`), which keeps it exactly.
 *
 * @example double(52.520008)
 */
export const double = (value: number): TypedValue => new TypedValue("d", value);

/**
 * A whole number as a 64-bit integer (type tag `h`): a bigint from -2^63 to 2^63 - 1, or a whole number within ±2^53.
 *
 * @example long(2n ** 40n)
 */
export const long = (value: bigint | number): TypedValue => new TypedValue("h", value);

/**
 * Text (type tag `s`), without NUL characters and halves of surrogate pairs.
 *
 * @example string("Act 1")
 */
export const string = (value: string): TypedValue => new TypedValue("s", value);

/**
 * Text as a symbol (type tag `S`), without NUL characters and halves of surrogate pairs.
 *
 * @example symbol("loop")
 */
export const symbol = (value: string): TypedValue => new TypedValue("S", value);

/**
 * One character (type tag `c`), or its code as a whole number of 32 bits.
 *
 * @example char("a")
 */
export const char = (value: string | number): TypedValue => new TypedValue("c", value);

/**
 * A colour of four parts from 0 to 255 (type tag `r`).
 *
 * @example color({ r: 255, g: 128, b: 0, a: 255 })
 */
export const color = (value: OscColor): TypedValue => new TypedValue("r", value);

/**
 * A MIDI message (type tag `m`): port id, status byte and two data bytes, each from 0 to 255.
 *
 * @example midi(0, 0x90, 60, 100)
 */
export const midi = (...bytes: OscMidi): TypedValue => new TypedValue("m", bytes);

/**
 * A moment as an argument (type tag `t`): a time tag, a `Date`, or milliseconds since 1970-01-01 UTC. An invalid date is a RangeError.
 *
 * @example timeTag(Date.now() + 500)
 */
export const timeTag = (moment: TimeTag | Date | number): TypedValue =>
  new TypedValue("t", moment instanceof TimeTag ? moment : TimeTag.from(moment));

/**
 * Bytes (type tag `b`). They are not copied before they are encoded.
 *
 * @example blob(new Uint8Array([0, 255, 0]))
 */
export const blob = (value: Uint8Array): TypedValue => new TypedValue("b", value);

/**
 * "Infinitum" of OSC 1.0, "impulse" or "bang" of OSC 1.1 (type tag `I`); it is decoded as `Infinity`.
 *
 * @example infinitum()
 */
export const infinitum = (): TypedValue => new TypedValue("I", Infinity);
