import type { OscPacket, OscValue } from "../../src/codec/index.ts";
import { codec } from "./compiled-codec.ts";

const { float, int, OscBundle, OscMessage, string, TimeTag } = codec;

/** Number of packets of a kind to alternate, so that nothing is measured on a single buffer. */
export const VARIANTS = 16;

/** One kind of packet. */
export interface Workload {
  readonly name: string;
  /** The size of each packet in bytes, as a check on the workload itself. */
  readonly size: number;
  readonly packets: readonly OscPacket[];
}

const LYRICS = "Grüße aus der Küche, ça va bien — ну да, и это тоже ☃ ".repeat(3);

export const workloads: readonly Workload[] = [
  { name: "small", size: 32, packets: variants(small) },
  { name: "mixed", size: 60, packets: variants(mixed) },
  {
    name: "bundle10",
    size: 376,
    packets: variants(
      (k) =>
        new OscBundle(
          Array.from({ length: 10 }, (_, i) => small(k * 10 + i)),
          new TimeTag(3_900_000_000 + k, 7),
        ),
    ),
  },
  {
    name: "floats1000",
    size: 5024,
    packets: variants(
      (k) =>
        new OscMessage(
          "/spectrum/left/bin",
          Array.from({ length: 1000 }, (_, i) => float(fraction(k * 1000 + i))),
        ),
    ),
  },
  { name: "text", size: 236, packets: variants((k) => new OscMessage("/song/lyrics", fitted(`${k}. ${LYRICS}`, 216))) },
];

function variants(make: (k: number) => OscPacket): OscPacket[] {
  return Array.from({ length: VARIANTS }, (_, k) => make(k));
}

function small(k: number): OscPacket {
  return new OscMessage("/mixer/channel/12/gain", float(fraction(k)));
}

function mixed(k: number): OscPacket {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => (k * 16 + i) & 255);
  return new OscMessage("/synth/voice", [int(1000 + k), string("square"), float(fraction(k)), bytes]);
}

/** A non-integer that a 32-bit float represents exactly. */
function fraction(k: number): number {
  return Math.fround(Math.sin(k) * 0.9 + 0.001);
}

/** The text truncated or filled to this many bytes, including NUL and padding. */
function fitted(text: string, bytes: number): string {
  const encoder = new TextEncoder();
  let cut = text;
  while (encoder.encode(cut).length > bytes - 1) cut = cut.slice(0, -1);
  return cut + ".".repeat(bytes - 1 - encoder.encode(cut).length);
}

/** A packet as plain, comparable values: numbers, text, hex, lists. */
export function plain(packet: OscPacket): unknown {
  if (packet instanceof OscBundle) return packet.elements.map(plain);
  return [packet.address, ...packet.args.map(plainValue)];
}

export function plainValue(value: OscValue): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
