import { deepStrictEqual } from "node:assert";
import { OscFrameError } from "../../src/errors.ts";
import { createFrameDecoder, encodeFrame } from "../../src/framing/index.ts";
import { bytes as fromHex, hex } from "../codec/support.ts";
import { type FramingChoice, cut } from "../framing/events.ts";
import type { Target } from "./fuzzer.ts";
import { changed, concat, makePacket } from "./make-bytes.ts";
import type { Random } from "./random.ts";

interface StreamInput {
  readonly framing: FramingChoice;
  readonly maxPacketSize: number;
  /** Hex digits. */
  readonly stream: string;
  /** The sizes of the pieces in which it comes. */
  readonly sizes: readonly number[];
}

const END = Uint8Array.of(0xc0);

/** Byte streams in pieces, through every decoder of frames. */
export const framingTarget: Target<StreamInput> = { name: "framing", generate, check };

function generate(random: Random, kept: readonly StreamInput[]): StreamInput {
  const framing = random.pick(["1.0", "1.1", "auto"] as const);
  let stream = kept.length > 0 && random.oneIn(4) ? fromHex(random.pick(kept).stream) : made(random, framing);
  for (let left = random.oneIn(3) ? 0 : random.below(4); left > 0; left -= 1) stream = changed(random, stream, [END, Uint8Array.of(0xdb)]);
  return {
    framing,
    maxPacketSize: random.pick([4, 8, 100, 65_536, 0x7fff_ffff]),
    stream: hex(stream.subarray(0, 4096)),
    sizes: random.several(12, () => random.below(random.pick([2, 8, 100]))),
  };
}

function made(random: Random, framing: FramingChoice): Uint8Array {
  const written = framing === "auto" ? random.pick(["1.0", "1.1"] as const) : framing;
  const packets = random.several(5, () => makePacket(random, [])).filter((packet) => packet.length > 0);
  return concat(packets.flatMap((packet) => [encodeFrame(packet, written), random.oneIn(4) ? END : new Uint8Array(0)]));
}

function check({ framing, maxPacketSize, stream, sizes }: StreamInput): string {
  const bytes = fromHex(stream);
  const whole = eventsOf(framing, maxPacketSize, bytes, []);
  deepStrictEqual(eventsOf(framing, maxPacketSize, bytes, sizes), whole, "the cuts change what is said");
  if (bytes.length <= 300) {
    const singly = Array.from(bytes, () => 1);
    deepStrictEqual(eventsOf(framing, maxPacketSize, bytes, singly), whole, "byte by byte something else is said");
  }
  const kinds = whole.map((event) => event.replace(/@\d+/, "").replace(/^[\da-f]+$/, "packet"));
  return `${framing} ${kinds.slice(0, 4).join(" ")}`;
}

function eventsOf(framing: FramingChoice, maxPacketSize: number, stream: Uint8Array, sizes: readonly number[]): string[] {
  const events: string[] = [];
  let over = false;
  const decoder = createFrameDecoder(framing, {
    maxPacketSize,
    onPacket: (packet) => {
      if (packet.length === 0 || packet.length > maxPacketSize) throw new Error(`a packet of ${packet.length} bytes`);
      if (over) throw new Error("a packet came after a fatal error");
      events.push(hex(packet));
    },
    onError: (error) => {
      if (!(error instanceof OscFrameError)) throw new Error(`told ${String(error)}`);
      if (over) throw new Error("an error came after a fatal one");
      over = error.fatal;
      events.push(`${error.code}@${error.offset}`);
    },
  });
  for (const piece of cut(stream, sizes)) {
    decoder.push(piece);
    if (decoder.buffered > maxPacketSize) throw new Error(`${decoder.buffered} bytes are held`);
  }
  decoder.end();
  if (!decoder.closed || decoder.buffered > 0) throw new Error("the decoder goes on after its end");
  return events;
}
