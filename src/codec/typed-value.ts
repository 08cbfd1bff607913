import { checkValue, fitsFloat } from "./check.ts";
import { TimeTag } from "./time-tag.ts";
import type { OscColor, OscMidi, OscValue } from "./types.ts";

/**
 * One argument with its type tag, created by {@link int}, {@link float} and similar functions.
 *
 * @example
 * new OscMessage("/synth/new", ["default", int(1), float(440)]).types; // "sif"
 */
export class TypedValue {
  /** The type tag: one character. */
  declare readonly tag: string;
  /** The value, as a decoder would return it: a bigint for `h`, an array of four numbers for `m`, and so on. */
  declare readonly value: OscValue;

  /**
   * Use {@link int}, {@link float} and similar functions instead, which check the value.
   *
   * @param tag one type tag, of one character
   */
  constructor(tag: string, value: OscValue) {
    this.tag = tag;
    this.value = value;
  }
}

/**
 * A 32-bit integer (type tag `i`), from -2^31 to 2^31 - 1. OSC 1.0, "OSC Type Tag String", like all functions here.
 *
 * @throws OscEncodeError if it isn't an integer in that range
 *
 * @example
 * new OscMessage("/cue", int(3)); // /cue ,i 3
 * int(0.5); // throws OscEncodeError, OSC_VALUE_OUT_OF_RANGE
 */
export function int(value: number): TypedValue {
  return typed("i", value);
}

/**
 * A 32-bit float (type tag `f`), with about 7 significant digits.
 *
 * @throws OscEncodeError if it isn't a number, or a finite one beyond the range of a float, about ±3.4e38
 *
 * @example
 * new OscMessage("/gain", float(1)); // ,f, while plain 1 is sent as ,i
 */
export function float(value: number): TypedValue {
  return typeof value === "number" && fitsFloat(value) ? new TypedValue("f", value) : typed("f", value);
}

/**
 * A 64-bit float (type tag `d`), with full precision. OSC programs aren't required to support it.
 *
 * @throws OscEncodeError if it isn't a number
 *
 * @example
 * new OscMessage("/latitude", double(52.520008)); // ,d
 */
export function double(value: number): TypedValue {
  return typed("d", value);
}

/**
 * A 64-bit integer (type tag `h`): a bigint from -2^63 to 2^63 - 1, or an integer within ±2^53.
 *
 * @throws OscEncodeError if it isn't an integer in that range
 *
 * @example
 * new OscMessage("/samples", [long(48_000), long(2n ** 40n)]); // ,hh
 */
export function long(value: bigint | number): TypedValue {
  return typed("h", value);
}

/**
 * Text (type tag `s`). It must not contain a NUL character, which ends a string in OSC.
 *
 * @throws OscEncodeError if it isn't text, or contains a NUL character or half of a surrogate pair
 *
 * @example
 * new OscMessage("/name", string("Act 1")); // ,s, as "Act 1" alone
 */
export function string(value: string): TypedValue {
  return typed("s", value);
}

/**
 * A symbol (type tag `S`), for systems that distinguish symbols from strings. It must not contain a NUL character.
 *
 * @throws OscEncodeError if it isn't text, or contains a NUL character or half of a surrogate pair
 *
 * @example
 * new OscMessage("/mode", symbol("loop")); // ,S
 */
export function symbol(value: string): TypedValue {
  return typed("S", value);
}

/**
 * One character (type tag `c`), or its code as a 32-bit integer. OSC defines only ASCII here; other code points are sent unchanged.
 *
 * @throws OscEncodeError if it is neither one character nor a 32-bit integer
 *
 * @example
 * new OscMessage("/key", [char("a"), char(98)]); // ,cc
 */
export function char(value: string | number): TypedValue {
  return typed("c", value);
}

/**
 * An RGBA colour (type tag `r`), each part from 0 to 255.
 *
 * @throws OscEncodeError if a part isn't an integer from 0 to 255
 *
 * @example
 * new OscMessage("/light/3", color({ r: 255, g: 128, b: 0, a: 255 })); // ,r
 */
export function color(value: OscColor): TypedValue {
  return typed("r", value);
}

/**
 * A MIDI message (type tag `m`): port id, status byte and two data bytes, each from 0 to 255.
 *
 * @throws OscEncodeError if there aren't four, or one isn't an integer from 0 to 255
 *
 * @example
 * new OscMessage("/midi", midi(0, 0x90, 60, 100)); // ,m: note on, middle C
 */
export function midi(...message: OscMidi): TypedValue {
  return typed("m", message);
}

/**
 * A time as an argument (type tag `t`): a time tag, a `Date`, or milliseconds since 1970-01-01 UTC.
 *
 * @throws RangeError for an invalid date, or a number that isn't finite; OscEncodeError `OSC_VALUE_TYPE` for anything else
 *
 * @example
 * new OscMessage("/start", timeTag(Date.now() + 500)); // ,t
 */
export function timeTag(moment: TimeTag | Date | number): TypedValue {
  return new TypedValue("t", moment instanceof TimeTag ? moment : TimeTag.from(moment));
}

/**
 * A blob (type tag `b`). The bytes aren't copied until they are encoded.
 *
 * @throws OscEncodeError if it isn't a Uint8Array
 *
 * @example
 * new OscMessage("/image", blob(new Uint8Array([0, 255, 0]))); // ,b
 */
export function blob(value: Uint8Array): TypedValue {
  return typed("b", value);
}

/**
 * "Infinitum" of OSC 1.0, "impulse" or "bang" of OSC 1.1 (type tag `I`); decoded as `Infinity`.
 *
 * @example
 * new OscMessage("/bang", infinitum()); // ,I
 */
export function infinitum(): TypedValue {
  return new TypedValue("I", Infinity);
}

function typed(tag: string, value: unknown): TypedValue {
  return new TypedValue(tag, checkValue(tag, value));
}
