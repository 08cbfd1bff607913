import { type OscDecodeError, OscEncodeError } from "../errors.ts";
import { fitTypes, inferTypes, type OscArgument, type TypedArguments } from "./arguments.ts";
import { describe } from "./check-value.ts";
import { SLASH } from "./first-bytes.ts";
import { NO_ERRORS, TRUSTED } from "./trusted.ts";
import type { OscValue } from "./types.ts";
import { isText } from "./value-kinds.ts";

/**
 * A message: an address pattern and arguments. OSC 1.0, "OSC Messages".
 *
 * The type tag of an argument is inferred where it is not given: whole numbers of 32 bits `i`, larger ones up to 2^53 `h`,
 * other numbers `f`, bigint `h`, text `s`, booleans `T` and `F`, null `N`, Uint8Array `b`, TimeTag `t`, colours `r`, arrays `[…]`.
 *
 * @example new OscMessage("/mixer/gain", [float(1), "left"])
 */
export class OscMessage {
  // Only declared, as in all that packets are made of: a field is not set twice then.

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
  readonly #floatTypes: string;

  /**
   * @param address begins with `/` and holds no NUL character
   * @param args one value, or an array of values, each plain or with its type (`int(1)`, `float(1)`); default none
   * @param types the type tag string without its comma, one tag for each argument; default as inferred
   * @throws OscEncodeError where the address is none, or a value does not fit its type tag
   */
  constructor(address: string, args?: OscArgument, types?: string);
  constructor(
    address: string,
    args?: OscArgument,
    types?: string,
    trusted?: typeof TRUSTED,
    hasTypeTags?: boolean,
    errors?: readonly OscDecodeError[],
  ) {
    let floatTypes = types;
    if (trusted !== TRUSTED) {
      const typed = typedArguments(address, args, types);
      args = typed.args;
      types = typed.types;
      floatTypes = typed.floatTypes;
      hasTypeTags = true;
      errors = NO_ERRORS;
    }
    this.address = address;
    this.types = types!;
    this.args = args as readonly OscValue[];
    this.hasTypeTags = hasTypeTags!;
    this.errors = errors!;
    this.#floatTypes = floatTypes!;
  }

  /**
   * A message without arguments and without the type tag string, as old programs expect it.
   *
   * @throws OscEncodeError where the address is none
   */
  static withoutTypeTags(address: string): OscMessage {
    checkAddress(address);
    return trustedMessage(address, [], "", false, NO_ERRORS);
  }

  // A static block would be fewer words, but no bundler of pages could leave this class out then.
  private static floatTypes(message: OscMessage): string {
    return message.#floatTypes;
  }
}

/** The type tags of a message with `f` for every number whose type tag was inferred. */
export function floatTypesOf(message: OscMessage): string {
  return OscMessage["floatTypes"](message);
}

type TrustedConstructor = new (
  address: string,
  args: readonly OscValue[],
  types: string,
  trusted: typeof TRUSTED,
  hasTypeTags: boolean,
  errors: readonly OscDecodeError[],
) => OscMessage;

/** A message of parts that are known to fit, as the decoder has them: nothing is checked. */
export function trustedMessage(
  address: string,
  args: readonly OscValue[],
  types: string,
  hasTypeTags: boolean,
  errors: readonly OscDecodeError[],
): OscMessage {
  return new (OscMessage as unknown as TrustedConstructor)(address, args, types, TRUSTED, hasTypeTags, errors);
}

function typedArguments(address: string, args: OscArgument = [], types?: string): TypedArguments {
  checkAddress(address);
  const list = Array.isArray(args) ? args : [args];
  return types === undefined ? inferTypes(list) : fitTypes(list, types);
}

function checkAddress(address: unknown): void {
  if (!isText(address) || address.charCodeAt(0) !== SLASH) {
    throw new OscEncodeError(
      "OSC_BAD_ADDRESS",
      `An address is text that begins with "/", without NUL characters and unpaired surrogates; got ${describe(address)}.`,
      address,
    );
  }
}
