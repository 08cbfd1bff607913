import type { OscDecodeError } from "../../errors.ts";
import type { OscValue } from "../types.ts";
import { isText } from "../value-kinds.ts";
import { type OscArgument, typedArguments } from "./arguments.ts";
import { refuse } from "./check-value.ts";
import { trusted } from "./trusted.ts";

/** See {@link floatTypesOf}; of messages that were made, and not decoded. */
const floatTypes: WeakMap<OscMessage, string> = /* @__PURE__ */ new WeakMap();

/**
 * A message: an address pattern and arguments. OSC 1.0, "OSC Messages". Type tags that are not given are inferred as `oscine/codec` does.
 *
 * @example new OscMessage("/mixer/gain", [float(1), "left"])
 */
export class OscMessage {
  /** The address pattern. It begins with `/`, except in a message that was decoded with an error that says so. */
  declare readonly address: string;
  /** The type tag string without its comma. */
  declare readonly types: string;
  /** One value for each type tag, arrays nested; `h` as bigint, `c` as text (or a number, where its code is no character). */
  declare readonly args: readonly OscValue[];
  /** False for a message without any type tag string, as old senders write it. It has no arguments. */
  declare readonly hasTypeTags: boolean;
  /** What the tolerant decoder found wrong and read all the same. Empty for a message that follows the text. */
  declare readonly errors: readonly OscDecodeError[];

  /**
   * @param address begins with `/` and holds no NUL character
   * @param args one value, or an array of values, each plain or with its type (`int(1)`, `float(1)`); default none
   * @param types the type tag string without its comma, one tag for each argument; default as inferred
   * @throws OscEncodeError where the address is none, or a value does not fit its type tag
   */
  constructor(address: string, args: OscArgument = [], types?: string) {
    if (!isText(address) || address[0] !== "/") refuse("OSC_BAD_ADDRESS", address);
    const typed = typedArguments(Array.isArray(args) ? args : [args], types);
    this.address = address;
    this.types = typed.types;
    this.args = typed.args;
    this.hasTypeTags = true;
    this.errors = [];
    floatTypes.set(this, typed.floatTypes);
  }

  /**
   * A message without arguments and without the type tag string, as old programs expect it.
   *
   * @throws OscEncodeError where the address is none
   */
  static withoutTypeTags(address: string): OscMessage {
    return trusted(OscMessage, { ...new OscMessage(address), hasTypeTags: false });
  }
}

/** The type tags of a message with `f` for every number whose type tag was inferred. */
export function floatTypesOf(message: OscMessage): string {
  return floatTypes.get(message) ?? message.types;
}
