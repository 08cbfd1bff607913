import { OscBundle, OscMessage, type OscPacket, type OscValue } from "../codec/index.ts";
import { floatTypesOf } from "../codec/packet.ts";
import { OscEncodeError } from "../errors.ts";
import { bad, oneOf, type OptionChecks, readOptions } from "../options.ts";
import { type ReceiverName, type ReceiverProfile, profileOf } from "./receivers.ts";

/** The largest float32. */
const MAX_FLOAT = 3.4028234663852886e38;

/** How {@link fitPacket} fits. */
export interface FitOptions {
  /** How numbers without an explicit type are sent. Default: as the receiver likes it. */
  readonly numbers?: "auto" | "float";
}

const FIT_CHECKS = { numbers: oneOf(["auto", "float"], undefined) } satisfies OptionChecks<FitOptions>;

/**
 * Converts the types and forms of a packet that a receiver doesn't take. Returns the same packet if there are none. {@link RECEIVERS} says
 * what each receiver takes.
 *
 * @throws OscServerError `OSC_OPTION` for an unknown receiver
 * @throws OscEncodeError `OSC_RECEIVER_LIMIT` if the receiver takes nothing equivalent
 *
 * @example fitPacket(new OscMessage("/cue/go", true), "grandma3"); // /cue/go ,i 1
 */
export function fitPacket(packet: OscPacket, receiver: ReceiverName, options?: FitOptions): OscPacket {
  if (!(packet instanceof OscMessage || packet instanceof OscBundle)) throw bad("A packet", "an OscMessage or an OscBundle", packet);
  const profile = profileOf(receiver);
  const { numbers = profile.numbers } = readOptions("fitPacket", options, FIT_CHECKS);
  return fitTo(packet, { ...profile, numbers });
}

/** @see fitPacket */
export function fitTo(packet: OscPacket, profile: ReceiverProfile): OscPacket {
  if (packet instanceof OscMessage) return fitMessage(packet, profile);
  const elements = packet.elements.flatMap((element) =>
    element instanceof OscBundle && profile.bundles !== "nested" ? elementsWithin(element, packet, profile) : [element],
  );
  const fitted = elements.map((element) => fitTo(element, profile));
  if (profile.bundles === "none") return onlyMessage(packet, fitted, profile);
  const isSame = fitted.length === packet.elements.length && fitted.every((element, index) => element === packet.elements[index]);
  return isSame ? packet : new OscBundle(fitted, packet.timeTag);
}

/** The elements of a nested bundle, which may as well be elements of the outer one because both have the same time tag. */
function elementsWithin(inner: OscBundle, outer: OscBundle, profile: ReceiverProfile): readonly OscPacket[] {
  if (inner.timeTag.toBigInt() !== outer.timeTag.toBigInt()) {
    throw unfit(profile, "takes no nested bundles, and this one has its own time tag: send it separately", inner);
  }
  return inner.elements.flatMap((element) => (element instanceof OscBundle ? elementsWithin(element, inner, profile) : [element]));
}

function onlyMessage(bundle: OscBundle, [first, ...others]: readonly OscPacket[], profile: ReceiverProfile): OscPacket {
  const isAtOnce = bundle.timeTag.toBigInt() <= 1n;
  if (first !== undefined && others.length === 0 && isAtOnce) return first;
  throw unfit(profile, `takes no bundles: send their messages one by one${isAtOnce ? "" : ", when they are due"}`, bundle);
}

function fitMessage(message: OscMessage, profile: ReceiverProfile): OscMessage {
  const { address, args, hasTypeTags } = message;
  if (profile.text === "ascii") checkAscii(address, profile);
  if (args.length === 0) return hasTypeTags && profile.emptyTypes === "omitted" ? OscMessage.withoutTypeTags(address) : message;
  const types = profile.numbers === "float" ? floatTypesOf(message) : message.types;
  const fitting = new Fitting(types, profile);
  const values = fitting.fit(args);
  return fitting.types === message.types ? message : new OscMessage(address, values, fitting.types);
}

/** One pass over the arguments of a message and their type tags. */
class Fitting {
  /** The converted type tags of the arguments so far. */
  types = "";
  readonly #tags: string;
  readonly #profile: ReceiverProfile;
  #position = 0;

  constructor(tags: string, profile: ReceiverProfile) {
    this.#tags = tags;
    this.#profile = profile;
  }

  fit(values: readonly OscValue[]): OscValue[] {
    return values.flatMap((value) => {
      const tag = this.#tags[this.#position++] ?? "";
      return tag === "[" ? this.#fitArray(value as readonly OscValue[]) : [this.#fitValue(tag, value)];
    });
  }

  #fitArray(values: readonly OscValue[]): OscValue[] {
    const isKept = this.#profile.arrays === "kept";
    if (isKept) this.types += "[";
    const fitted = this.fit(values);
    this.#position += 1;
    if (isKept) this.types += "]";
    // A kept array is one value, and flatMap would flatten it.
    return isKept ? [fitted] : fitted;
  }

  #fitValue(tag: string, value: OscValue): OscValue {
    const profile = this.#profile;
    const into = profile.types[tag] ?? tag;
    if (into === "refused") throw unfit(profile, `takes no value of type tag ${tag}`, value);
    this.types += into;
    if (profile.text === "ascii" && (into === "s" || into === "S")) checkAscii(value as string, profile);
    return into === tag ? value : converted(tag, value, profile);
  }
}

/** A value of one type as the type that the profile sends instead. */
function converted(tag: string, value: OscValue, profile: ReceiverProfile): OscValue {
  switch (tag) {
    case "T":
      return 1;
    case "F":
    case "N":
      return 0;
    case "c":
      if (typeof value === "string") return value;
      throw unfit(profile, "takes a character as text, and this code isn't one", value);
    case "h": {
      const number = Number(value);
      if ((number | 0) === number) return number;
      throw unfit(profile, "takes no integer of more than 32 bits: send text, or a float", value);
    }
    case "d":
      if (Math.abs(value as number) <= MAX_FLOAT || !Number.isFinite(value)) return Math.fround(value as number);
      throw unfit(profile, "takes no double, and this number is too large for a float", value);
    default:
      return value;
  }
}

function checkAscii(text: string, profile: ReceiverProfile): void {
  // oxlint-disable-next-line no-control-regex -- ASCII begins with them
  if (!/^[\u0000-\u007f]*$/.test(text)) throw unfit(profile, `reads ASCII only; got ${JSON.stringify(text)}`, text);
}

function unfit({ name }: ReceiverProfile, what: string, value: unknown): OscEncodeError {
  return new OscEncodeError("OSC_RECEIVER_LIMIT", `${name} ${what}.`, value);
}
