import { OscBundle, OscMessage, type OscArgument, type OscPacket, TimeTag } from "../../src/index.ts";

/** What is sent to a program, or by it: one of several packets that show whether a kind of value, or a form of bundle, gets across. */
export interface Item {
  readonly kind: Kind;
  readonly packet: OscPacket;
}

/** `none` is a message without arguments, `[]` an array. */
export const TYPE_TAGS = ["none", "i", "f", "s", "b", "h", "d", "t", "S", "c", "r", "m", "T", "F", "N", "I", "[]"] as const;
export const BUNDLE_FORMS = ["bundle", "nested bundle", "dated bundle"] as const;
export type Kind = (typeof TYPE_TAGS)[number] | (typeof BUNDLE_FORMS)[number];
export const KINDS: readonly Kind[] = [...TYPE_TAGS, ...BUNDLE_FORMS];

/** Values with the ends of their ranges, for each type tag. */
const VALUES: readonly (readonly [kind: Kind, types: string, ...values: OscArgument[]])[] = [
  ["none", ""],
  ["i", "i", 0, 1, -1, 2147483647, -2147483648],
  ["f", "f", 0.5, Math.fround(0.1), Math.fround(-123.456), 440, Math.fround(3.4e38)],
  ["s", "s", "", "a", "abc", "abcd", "with spaces", "Grüße, 世界 🎛"],
  ["b", "b", Uint8Array.of(1, 255, 3, 0, 219), Uint8Array.of(192, 219, 220, 221)],
  ["h", "h", 1n, 2n ** 40n, -(2n ** 63n), 2n ** 63n - 1n],
  ["d", "d", 0.5, 0.1, Math.PI, -1e300],
  ["t", "t", TimeTag.IMMEDIATELY, TimeTag.fromBigInt(0xdeadbeef12345678n)],
  ["S", "S", "symbol"],
  ["c", "c", "A", "~"],
  ["r", "r", { r: 1, g: 2, b: 253, a: 255 }],
  ["m", "m", [1, 0x90, 60, 127]],
  ["T", "T", true],
  ["F", "F", false],
  ["N", "N", null],
  ["I", "I", Number.POSITIVE_INFINITY],
];

const SEVERAL: readonly (readonly [kind: Kind, types: string, args: readonly OscArgument[]])[] = [
  ["i", "iiii", [1, 2, 3, 4]],
  ["f", "ifi", [1, 2.5, 3]],
  ["s", "sif", ["note", 64, 0.5]],
  ["b", "bi", [Uint8Array.of(1, 2, 3), 4]],
  ["T", "iTi", [1, true, 2]],
  ["F", "iFi", [1, false, 2]],
  ["N", "iNi", [1, null, 2]],
  ["I", "iIi", [1, Number.POSITIVE_INFINITY, 2]],
  ["[]", "i[if]s", [1, [2, 0.5], "after"]],
  ["[]", "[i[i]]", [[1, [2]]]],
];

/** A moment of 2024 with a fraction. */
const PAST = TimeTag.fromBigInt(0xe93c8e8080000000n);

/** Every item has an address of its own, `/v/N`, so that what a program says about it can be told apart; those in bundles `/v/N/a` and so on. */
export const ITEMS: readonly Item[] = makeItems();

function makeItems(): Item[] {
  const items: Item[] = [];
  const add = (kind: Kind, make: (address: string) => OscPacket): void => void items.push({ kind, packet: make(`/v/${items.length}`) });
  for (const [kind, types, ...values] of VALUES) {
    if (values.length === 0) add(kind, (address) => new OscMessage(address));
    for (const value of values) add(kind, (address) => new OscMessage(address, [value], types));
  }
  for (const [kind, types, args] of SEVERAL) add(kind, (address) => new OscMessage(address, args, types));
  const int = (address: string, value: number): OscMessage => new OscMessage(address, value);
  add("bundle", (address) => new OscBundle([int(`${address}/a`, 1), new OscMessage(`${address}/b`, [0.5, "text"])]));
  add("bundle", (address) => new OscBundle([int(`${address}/a`, 1), new OscMessage(`${address}/b`, [2, 0.5])]));
  add("nested bundle", (address) => {
    const inner = new OscBundle([int(`${address}/b`, 2), int(`${address}/c`, 3)]);
    return new OscBundle([int(`${address}/a`, 1), inner, int(`${address}/d`, 4)]);
  });
  add("dated bundle", (address) => new OscBundle([int(`${address}/a`, 1), int(`${address}/b`, 2)], PAST));
  return items;
}

/** The number of the item that a line of a program speaks about; undefined where it speaks about none. */
export function itemIn(line: string): number | undefined {
  const number = /\/v\/(\d+)(?!\d)/.exec(line)?.[1];
  return number === undefined ? undefined : Number(number);
}
