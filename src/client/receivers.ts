import { describe, optionError } from "../options.ts";

/** What a program or device takes of OSC, where that is less than the whole. */
export interface ReceiverProfile {
  /** As people call it, for error messages. */
  readonly name: string;
  /** What a number whose type was not said is sent as; see the option `numbers`. */
  readonly numbers: "auto" | "float";
  /** The type tags that it does not take, each with the one that is sent instead; `refused` where none could hold the value. */
  readonly types: Readonly<Record<string, "i" | "f" | "s" | "refused">>;
  /** `flat`: it takes no arrays, so that their values are sent without them. */
  readonly arrays: "kept" | "flat";
  /** `plain`: it takes no bundle within a bundle. `none`: it takes no bundles. */
  readonly bundles: "nested" | "plain" | "none";
  /** `omitted`: a message without arguments is sent without a type tag string. */
  readonly emptyTypes: "written" | "omitted";
  /** `ascii`: it cannot read other characters. */
  readonly text: "utf-8" | "ascii";
  /** The largest UDP datagram that it takes, in bytes. */
  readonly maxDatagram: number;
}

/** The receivers whose habits are known: values of the option `for` of clients, and of `oscine send --for`. */
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

/** One that takes everything; each profile says where it departs from this. */
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
 * The profiles. “Measured” is what test/interop shows with the program itself, and docs/interoperability.md says; the others are habits that
 * users of the device or program report.
 *
 * @example
 * RECEIVERS.touchosc.numbers; // "float"
 */
export const RECEIVERS: Readonly<Record<ReceiverName, ReceiverProfile>> = /* @__PURE__ */ (() => ({
  // Measured: other types keep their place without a value, arrays are not read, and nothing after a bundle within a bundle.
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
  // Reported: no bundles in or out; truth values as 1 and 0.
  grandma3: { ...ALL, name: "grandMA3", types: { T: "i", F: "i" }, bundles: "none" },
  // Reported: older versions fill up strings with too few zeros where characters are not ASCII.
  juce: { ...ALL, name: "JUCE", text: "ascii" },
  // Measured: refuses messages with a colour or an array.
  liblo: { ...ALL, name: "liblo", types: { r: "refused" }, arrays: "flat" },
  // Reported, of the CNMAT objects: a double is read as 0.
  max: { ...ALL, name: "Max", types: { d: "f" } },
  // Measured: larger datagrams are cut off, and the program ends by an exception.
  oscpack: { ...ALL, name: "oscpack", maxDatagram: 4096 },
  // Measured, with oscparse: other types are passed over.
  puredata: {
    ...ALL,
    name: "Pure Data",
    types: { d: "f", h: "i", T: "i", F: "i", N: "i", S: "s", c: "s", t: "refused", r: "refused", m: "refused", I: "refused" },
  },
  // Measured: other types are left out, with their bytes still there.
  "python-osc": { ...ALL, name: "python-osc", types: { S: "s", c: "s", I: "refused" } },
  // Measured: T, F, N, I and c have no value, h and t stop it, and what stands beside a bundle within a bundle is misread. Reported: nil is int 0.
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
  // Reported: an int that is sent to a float parameter is misread. `int(1)` is for its int parameters.
  vrchat: { ...ALL, name: "VRChat", numbers: "float" },
  // Reported: messages without arguments have no type tag string, either way.
  x32: { ...ALL, name: "Behringer X32", emptyTypes: "omitted" },
}))();

/** @throws OscServerError `OSC_OPTION` for an unknown name */
export function profileOf(receiver: ReceiverName): ReceiverProfile {
  if (typeof receiver === "string" && Object.hasOwn(RECEIVERS, receiver)) return RECEIVERS[receiver];
  throw optionError(`There is no receiver profile ${describe(receiver)}. There are ${Object.keys(RECEIVERS).join(", ")}.`);
}
