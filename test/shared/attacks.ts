/** The packets that other libraries fall to, one by one, and what is to become of each. */
import { OscBundle, OscMessage, TimeTag, encode } from "../../src/codec/index.ts";

/** What an attack is answered with. */
export interface Attack {
  readonly name: string;
  readonly packet: Uint8Array;
  /** The reason for which it is refused; null where it is handled, all of it or what is good of it. */
  readonly rejected: "malformed" | "not-osc" | null;
  /** What is reported, each once: the code, or where it is refused the reason. */
  readonly reports: readonly string[];
  /** What comes back. */
  readonly replies: readonly (readonly unknown[])[];
}

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "latin1"));
const word = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const BUNDLE = joined(text("#bundle\0"), word(0), word(1));

/** 3,000 bundles, each the only element of the one before: 60 kB. */
function nested(): Uint8Array {
  const count = 3000;
  return joined(...Array.from({ length: count }, (_, index) => joined(BUNDLE, word(20 * (count - index - 1)))).flat());
}

function withBadElement(): Uint8Array {
  const whole = encode(new OscBundle([new OscMessage("/echo", [1]), new OscMessage("/echo", [2]), new OscMessage("/echo", [3])]));
  // The type tag of the second one.
  whole[16 + 4 + 16 + 4 + 9] = 0x71;
  return whole;
}

const refused = { rejected: "malformed", reports: ["malformed"], replies: [] } as const;
const fault = (...codes: string[]): Pick<Attack, "rejected" | "reports" | "replies"> => ({ rejected: null, reports: codes, replies: [] });
const asked = (address: string): Pick<Attack, "packet" | "rejected" | "reports" | "replies"> => ({
  packet: encode(new OscMessage(address)),
  rejected: null,
  reports: [],
  replies: [["/default", address]],
});

export const ATTACKS: readonly Attack[] = [
  {
    name: "a bundle of 32 bytes with an element of -4 bytes",
    packet: joined(BUNDLE, word(-4), new Uint8Array(12)),
    ...fault("OSC_BAD_ELEMENT_SIZE"),
  },
  {
    name: "a bundle of 32 bytes with an element of 400",
    packet: joined(BUNDLE, word(400), new Uint8Array(12)),
    // The last element is read as far as it goes, and what there is of it isn't a message.
    ...fault("OSC_BAD_ELEMENT_SIZE", "OSC_BAD_ADDRESS"),
  },
  { name: "3,000 bundles in one another, 60 kB", packet: nested(), ...fault("OSC_NESTING_TOO_DEEP") },
  { name: "an address like a regular expression that backtracks", ...asked("/{a+}+b") },
  { name: "an address of twelve stars and a letter", ...asked(`/${"*".repeat(12)}X`) },
  {
    name: "an address without a slash, named as an event is",
    packet: text("error\0\0\0,\0\0\0"),
    rejected: "not-osc",
    reports: ["not-osc"],
    replies: [],
  },
  { name: "a type tag that is not known, before one that is", packet: text("/echo\0\0\0,qi\0\0\0\0\x07\0\0\0\x07"), ...refused },
  {
    name: "text that is not UTF-8",
    packet: text("/echo\0\0\0,s\0\0\xe9\xe8\0\0"),
    rejected: null,
    reports: ["OSC_BAD_TEXT"],
    replies: [["/echoed", "éè"]],
  },
  {
    name: "one bad element among good ones",
    packet: withBadElement(),
    rejected: null,
    reports: ["OSC_UNKNOWN_TYPE_TAG"],
    replies: [
      ["/echoed", 1],
      ["/echoed", 3],
    ],
  },
  { name: "a blob that says it is larger than the packet", packet: text("/echo\0\0\0,b\0\0\x7f\xff\xff\xff\0\0\0\0"), ...refused },
  { name: "50 arrays in one another", packet: text(`/echo\0\0\0,${"[".repeat(50)}${"]".repeat(50)}\0\0\0`), ...refused },
  { name: "random bytes", packet: Uint8Array.of(0x9a, 0x01, 0xff, 0x63), rejected: "not-osc", reports: ["not-osc"], replies: [] },
];

/** What values are when they are read at the right place: of a view that does not begin where its buffer does. */
export const PLACED = { packet: text("/echo\0\0\0,brm\0\0\0\0\0\0\0\x03abc\0\x01\x02\x03\x04\x05\x06\x07\x08"), types: "brm" };

/** A bundle for a time to come, which nothing has to wait for. */
export function later(milliseconds: number): OscBundle {
  return new OscBundle([new OscMessage("/echo", ["later"])], TimeTag.in(milliseconds));
}
