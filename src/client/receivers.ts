import { describe, optionError } from "../options.ts";

/** What a program or device takes, if it is less than all of OSC. */
export interface ReceiverProfile {
  /** Its name, for error messages. */
  readonly name: string;
  /** How numbers without an explicit type are sent; see the option `numbers`. */
  readonly numbers: "auto" | "float";
  /** The type tags that it doesn't take, each with the one that is sent instead, or `refused` if none could hold the value. */
  readonly types: Readonly<Record<string, "i" | "f" | "s" | "refused">>;
  /** `flat`: it takes no arrays, so their values are sent one after another. */
  readonly arrays: "kept" | "flat";
  /** `plain`: it takes no nested bundles. `none`: it takes no bundles. */
  readonly bundles: "nested" | "plain" | "none";
  /** `omitted`: a message without arguments is sent without a type tag string. */
  readonly emptyTypes: "written" | "omitted";
  /** `ascii`: it can't read other characters. */
  readonly text: "utf-8" | "ascii";
  /** The largest UDP datagram that it takes, in bytes. */
  readonly maxDatagram: number;
}

/** The receivers with a profile: values of the option `for` of clients, and of `oscine send --for`. */
export type ReceiverName =
  | "chuck"
  | "csound"
  | "grandma3"
  | "juce"
  | "liblo"
  | "max"
  | "oscpack"
  | "puredata"
  | "python-osc"
  | "supercollider"
  | "touchdesigner"
  | "touchosc"
  | "vrchat"
  | "x32";

/** Takes everything; each profile lists its differences. */
const ALL: ReceiverProfile = {
  name: "",
  numbers: "auto",
  types: {},
  arrays: "kept",
  bundles: "nested",
  emptyTypes: "written",
  text: "utf-8",
  maxDatagram: 65_507,
};

/**
 * The profiles. “Measured” means that test/interop shows it with the program itself, as docs/interoperability.md says. “Reported” means that
 * users of the device or program report it.
 *
 * @example
 * RECEIVERS.touchosc.numbers; // "float"
 */
export const RECEIVERS: Readonly<Record<ReceiverName, ReceiverProfile>> = /* @__PURE__ */ (() => ({
  // Measured: other types keep their position without a value; it reads no arrays, and nothing after a nested bundle.
  chuck: {
    ...ALL,
    name: "ChucK",
    types: { d: "f", h: "i", T: "i", F: "i", N: "i", S: "s", c: "s", b: "refused", t: "refused", r: "refused", m: "refused", I: "refused" },
    arrays: "flat",
    bundles: "plain",
    maxDatagram: 32_768,
  },
  // Measured: OSClisten has no letter for these types.
  csound: {
    ...ALL,
    name: "Csound",
    types: { T: "i", F: "i", N: "i", S: "s", b: "refused", t: "refused", r: "refused", m: "refused", I: "refused" },
    arrays: "flat",
  },
  // Reported: no bundles in or out; booleans as 1 and 0.
  grandma3: { ...ALL, name: "grandMA3", types: { T: "i", F: "i" }, bundles: "none" },
  // Reported: older versions pad strings with too few zeros if characters aren't ASCII.
  juce: { ...ALL, name: "JUCE", text: "ascii" },
  // Measured: rejects messages with a colour or an array.
  liblo: { ...ALL, name: "liblo", types: { r: "refused" }, arrays: "flat" },
  // Reported, of the CNMAT objects: a double is read as 0.
  max: { ...ALL, name: "Max", types: { d: "f" } },
  // Measured: cuts larger datagrams off, and ends with an exception.
  oscpack: { ...ALL, name: "oscpack", maxDatagram: 4096 },
  // Measured, with oscparse: skips other types.
  puredata: {
    ...ALL,
    name: "Pure Data",
    types: { d: "f", h: "i", T: "i", F: "i", N: "i", S: "s", c: "s", t: "refused", r: "refused", m: "refused", I: "refused" },
  },
  // Measured: skips other types but not their bytes.
  "python-osc": { ...ALL, name: "python-osc", types: { S: "s", c: "s", I: "refused" } },
  // Measured: T, F, N, I and c have no value, h and t stop it, and elements beside a nested bundle are misread. Reported: nil is int 0.
  supercollider: {
    ...ALL,
    name: "SuperCollider",
    types: { h: "i", T: "i", F: "i", N: "i", S: "s", c: "s", t: "refused", r: "refused", m: "refused", I: "refused" },
    bundles: "plain",
  },
  // Reported: the OSC In CHOP takes floats, ints and time tags.
  touchdesigner: {
    ...ALL,
    name: "TouchDesigner's OSC In CHOP",
    types: {
      d: "f",
      h: "i",
      T: "i",
      F: "i",
      s: "refused",
      S: "refused",
      c: "refused",
      b: "refused",
      r: "refused",
      m: "refused",
      N: "refused",
      I: "refused",
    },
    arrays: "flat",
  },
  // Reported: all its numbers are floats.
  touchosc: { ...ALL, name: "TouchOSC", numbers: "float" },
  // Reported: misreads an int sent to a float parameter. Use `int(1)` for its int parameters.
  vrchat: { ...ALL, name: "VRChat", numbers: "float" },
  // Reported: messages without arguments have no type tag string, either way.
  x32: { ...ALL, name: "Behringer X32", emptyTypes: "omitted" },
}))();

/** The names of all profiles. */
export const RECEIVER_NAMES: readonly ReceiverName[] = /* @__PURE__ */ Object.keys(RECEIVERS) as ReceiverName[];

/** @throws OscServerError `OSC_OPTION` for an unknown name */
export function profileOf(receiver: ReceiverName): ReceiverProfile {
  if (typeof receiver === "string" && Object.hasOwn(RECEIVERS, receiver)) return RECEIVERS[receiver];
  throw optionError(`There is no receiver profile ${describe(receiver)}. There are ${Object.keys(RECEIVERS).join(", ")}.`);
}
