export type FreshArgument = readonly [type: string, value: number | string];
/** A message as programs create it: a concatenated address, and new values with their types. */
export type FreshMessage = readonly [address: string, args: readonly FreshArgument[]];
export interface FreshBundle {
  readonly bundle: readonly FreshMessage[];
}
export type FreshPacket = FreshMessage | FreshBundle;

export function isBundle(packet: FreshPacket): packet is FreshBundle {
  return "bundle" in packet;
}

interface FreshWorkload {
  readonly name: string;
  /** Packets per round. */
  readonly count: number;
  readonly make: () => FreshPacket;
}

let seed = 42;

/** The same numbers for every contestant. */
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

const below = (end: number): number => Math.floor(random() * end);
const NAMES = Array.from({ length: 4000 }, (_, i) => `name-${i.toString(36)}-${"x".repeat(i % 17)}`);

const fader = (): FreshMessage => [`/mixer/channel/${below(64) + 1}/fader`, [["f", Math.fround(random())]]];

export const freshWorkloads: readonly FreshWorkload[] = [
  { name: "fader", count: 20_000, make: fader },
  {
    name: "clip",
    count: 20_000,
    make: () => [
      `/track/${below(32)}/clip/${below(64)}/name`,
      [
        ["i", below(1000)],
        ["s", NAMES[below(4000)]!],
        ["f", Math.fround(random())],
      ],
    ],
  },
  {
    name: "sensor",
    count: 20_000,
    make: () => [`/imu/${below(8)}/raw`, Array.from({ length: 12 }, () => ["f", Math.fround(random() * 20 - 10)] as const)],
  },
  {
    name: "chat",
    count: 20_000,
    make: () => [
      "/chatbox/input",
      [
        ["s", `message ${below(1e9)} héllo ${random()} and some more text to make it long`],
        ["i", 1],
      ],
    ],
  },
  { name: "bundle", count: 4000, make: () => ({ bundle: Array.from({ length: 10 }, fader) }) },
  {
    name: "floats1000",
    count: 400,
    make: () => ["/spectrum", Array.from({ length: 1000 }, () => ["f", Math.fround(random())] as const)],
  },
];
