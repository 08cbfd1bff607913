import { type OscDecodeError, OscEncodeError } from "../errors.ts";
import { describe } from "./options.ts";
import { fitTypes, inferTypes, listOf, type OscArgument } from "./infer.ts";
import { isEarlier, TimeTag } from "./time-tag.ts";
import { isText, type OscValue, SLASH } from "./types.ts";

/** The content of one datagram, or of one frame of a stream. OSC 1.0, "OSC Packets". */
export type OscPacket = OscMessage | OscBundle;

/** Tells a constructor that its arguments were already checked by the decoder. */
const TRUSTED: unique symbol = /* @__PURE__ */ Symbol("trusted");

/** Shared by all packets without errors. */
const NO_ERRORS: readonly OscDecodeError[] = /* @__PURE__ */ Object.freeze([]);

/**
 * A message: an address pattern and arguments. OSC 1.0, "OSC Messages".
 *
 * If you don't specify the type tag of an argument, it is inferred: `i` for 32-bit integers, `h` for larger ones, `f` for other numbers,
 * `h` for bigints, `s` for text, `T` and `F` for booleans, `N` for null, `b` for Uint8Array, `t` for TimeTag, `r` for colours, `[…]` for
 * arrays. Pass a `Float32Array` instead of the argument list to send a list of floats.
 *
 * @example new OscMessage("/mixer/gain", [float(1), "left"])
 */
export class OscMessage {
  // Only declared, because a field initializer would set each field twice.

  /** The address pattern. It begins with `/`, except in a decoded message with `OSC_BAD_ADDRESS` in its `errors`. */
  declare readonly address: string;
  /** The type tag string without its comma. */
  declare readonly types: string;
  /** One value for each type tag, arrays nested; `h` as bigint, `c` as text (or a number, if its code isn't a character). */
  declare readonly args: readonly OscValue[];
  /** False for a message without a type tag string, as old senders write it. Such a message has no arguments. */
  declare readonly hasTypeTags: boolean;
  /** The faults that the tolerant decoder accepted. Empty for a message that follows the specification. */
  declare readonly errors: readonly OscDecodeError[];
  /**
   * The original bytes of a decoded message, if `types` and `args` don't reproduce them. For a constructed message, its type tags with
   * `numbers: "float"`.
   */
  readonly #source: Uint8Array | string | undefined;

  /**
   * @param address begins with `/` and contains no NUL character
   * @param args one value, or an array of values, each plain or with its type (`int(1)`, `float(1)`); default none
   * @param types the type tag string without its comma, one tag for each argument; default: inferred
   * @throws OscEncodeError if the address is invalid, or a value doesn't fit its type tag
   */
  constructor(address: string, args?: OscArgument, types?: string);
  constructor(
    address: string,
    args: OscArgument = [],
    types?: string,
    trusted?: typeof TRUSTED,
    errors: readonly OscDecodeError[] = NO_ERRORS,
    source?: Uint8Array | string,
  ) {
    this.address = address;
    if (trusted === TRUSTED) {
      this.types = types ?? "";
      this.args = args as readonly OscValue[];
      this.hasTypeTags = types !== undefined;
    } else {
      if (trusted !== undefined) throw oneTooMany("OscMessage(address, args, types)", trusted);
      checkAddress(address);
      const list = listOf(args);
      if (types === undefined && args instanceof Float32Array) types = "f".repeat(list.length);
      if (types === undefined) {
        const inferred = inferTypes(list);
        types = inferred.types;
        source = inferred.floatTypes;
      } else {
        fitTypes(list, types);
      }
      this.types = types;
      this.args = list as readonly OscValue[];
      this.hasTypeTags = true;
    }
    this.errors = errors;
    this.#source = source;
  }

  /**
   * A message without arguments and type tag string, as old programs expect it.
   *
   * @throws OscEncodeError if the address is invalid
   */
  static withoutTypeTags(address: string): OscMessage {
    checkAddress(address);
    return trustedMessage(address, [], undefined);
  }

  // A static block would be shorter, but would keep bundlers from dropping an unused class.
  private static source(message: OscMessage): Uint8Array | string | undefined {
    return message.#source;
  }
}

/**
 * Messages, and bundles of messages, that take effect together at the time of the time tag. OSC 1.0, "OSC Bundles".
 *
 * @example new OscBundle([new OscMessage("/note/on", 60), new OscMessage("/gain", 0.5)], TimeTag.in(100))
 */
export class OscBundle {
  /** When the elements take effect; {@link TimeTag.IMMEDIATELY} for immediately. */
  declare readonly timeTag: TimeTag;
  /** Messages and bundles, in the order in which they take effect. May be empty. */
  declare readonly elements: readonly OscPacket[];
  /** The elements that the decoder couldn't read, and the faults that it accepted. The errors of a message are in the message. */
  declare readonly errors: readonly OscDecodeError[];
  /** The original bytes of a decoded bundle, if its elements don't reproduce them; "dated" if the caller passed a time tag. */
  readonly #source: Uint8Array | "dated" | undefined;

  /**
   * @param elements one packet or several, in the order in which they take effect
   * @param timeTag when they take effect; default immediately, or inside another bundle, at that bundle's time
   * @throws OscEncodeError if an element isn't a packet, or is a bundle whose time tag is earlier than this one's
   */
  constructor(elements: readonly OscPacket[] | OscPacket, timeTag?: TimeTag);
  constructor(
    elements: readonly OscPacket[] | OscPacket,
    timeTag?: TimeTag,
    trusted?: typeof TRUSTED,
    errors: readonly OscDecodeError[] = NO_ERRORS,
    source?: Uint8Array,
  ) {
    this.timeTag = timeTag ?? TimeTag.IMMEDIATELY;
    this.errors = errors;
    if (trusted === TRUSTED) {
      this.elements = elements as readonly OscPacket[];
      this.#source = source ?? "dated";
      return;
    }
    if (trusted !== undefined) throw oneTooMany("OscBundle(elements, timeTag)", trusted);
    if (timeTag !== undefined && !(timeTag instanceof TimeTag)) {
      throw new OscEncodeError(
        "OSC_VALUE_TYPE",
        `A bundle needs a TimeTag (TimeTag.from makes one of a date); got ${describe(timeTag)}.`,
        timeTag,
      );
    }
    const list = Array.isArray(elements) ? elements.slice() : [elements as OscPacket];
    for (let i = 0; i < list.length; i++) list[i] = OscBundle.#fitted(list[i], this.timeTag);
    this.elements = list;
    this.#source = timeTag === undefined ? undefined : "dated";
  }

  /** The element as stored in a bundle with this time tag: a bundle without an explicit time tag inherits that of the outer bundle. */
  static #fitted(element: unknown, timeTag: TimeTag): OscPacket {
    if (element instanceof OscMessage) return element;
    if (!(element instanceof OscBundle)) {
      throw new OscEncodeError("OSC_VALUE_TYPE", `A bundle holds messages and bundles; got ${describe(element)}.`, element);
    }
    if (!isEarlier(element.timeTag, timeTag)) return element;
    if (element.#source === undefined) return new OscBundle(element.elements, timeTag);
    throw new OscEncodeError(
      "OSC_VALUE_OUT_OF_RANGE",
      `A bundle for ${element.timeTag} can't be inside one for ${timeTag}: give it the same or a later time tag (OSC 1.0, "OSC Bundles").`,
      element.timeTag,
    );
  }

  private static source(bundle: OscBundle): Uint8Array | "dated" | undefined {
    return bundle.#source;
  }
}

type TrustedMessage = new (
  address: string,
  args: readonly OscValue[],
  types: string | undefined,
  trusted: typeof TRUSTED,
  errors: readonly OscDecodeError[] | undefined,
  raw: Uint8Array | undefined,
) => OscMessage;

type TrustedBundle = new (
  elements: readonly OscPacket[],
  timeTag: TimeTag,
  trusted: typeof TRUSTED,
  errors: readonly OscDecodeError[] | undefined,
  raw: Uint8Array | undefined,
) => OscBundle;

/** Creates a message from parts that the decoder has already checked. Without `types` it has no type tag string. */
export function trustedMessage(
  address: string,
  args: readonly OscValue[],
  types: string | undefined,
  errors?: readonly OscDecodeError[],
  raw?: Uint8Array,
): OscMessage {
  return new (OscMessage as unknown as TrustedMessage)(address, args, types, TRUSTED, errors, raw);
}

/** Creates a bundle from parts that the decoder has already checked. */
export function trustedBundle(
  elements: readonly OscPacket[],
  timeTag: TimeTag,
  errors?: readonly OscDecodeError[],
  raw?: Uint8Array,
): OscBundle {
  return new (OscBundle as unknown as TrustedBundle)(elements, timeTag, TRUSTED, errors, raw);
}

/** The bytes that a packet was decoded from, if its fields don't reproduce them. */
export function rawBytesOf(packet: OscPacket): Uint8Array | undefined {
  const source = packet instanceof OscMessage ? OscMessage["source"](packet) : OscBundle["source"](packet);
  return typeof source === "object" ? source : undefined;
}

/** The type tags of a message with `f` for every number whose type tag was inferred. */
export function floatTypesOf(message: OscMessage): string {
  const source = OscMessage["source"](message);
  return typeof source === "string" ? source : message.types;
}

/**
 * Checks the address of a message.
 *
 * @throws OscEncodeError if it doesn't begin with `/`, or isn't valid OSC text
 */
function checkAddress(address: unknown): void {
  if (!isText(address) || address.charCodeAt(0) !== SLASH) {
    throw new OscEncodeError(
      "OSC_BAD_ADDRESS",
      `An address is text that begins with "/", without NUL characters and unpaired surrogates; got ${describe(address)}.`,
      address,
    );
  }
}

function oneTooMany(form: string, value: unknown): OscEncodeError {
  return new OscEncodeError(
    "OSC_VALUE_TYPE",
    `It is new ${form}, several of one kind in an array; got ${describe(value)} after these.`,
    value,
  );
}
