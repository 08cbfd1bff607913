import { deepStrictEqual } from "node:assert";
import { OscRecordingError } from "../../src/errors.ts";
import { lengthPrefixEncode, slipEncode } from "../../src/framing/index.ts";
import { READABLE_FORMATS, createReader, createRecordingWriter } from "../../src/recording/formats.ts";
import type { ReadableFormat, RecordedPacket } from "../../src/recording/index.ts";
import { bytes as fromHex, hex } from "../codec/support.ts";
import { cut } from "../framing/events.ts";
import type { Target } from "./fuzzer.ts";
import { changed, concat, makePacket } from "./make-bytes.ts";
import type { Random } from "./random.ts";

interface FileInput {
  readonly format: ReadableFormat;
  /** Hex digits. */
  readonly file: string;
  /** The sizes of the pieces in which it is read. */
  readonly sizes: readonly number[];
}

const MAX_PACKET_SIZE = 65_536;

/** Recordings in every format, cut and changed, read in pieces. */
export const recordingTarget: Target<FileInput> = { name: "recording", generate, check };

function generate(random: Random, kept: readonly FileInput[]): FileInput {
  const same = kept.length > 0 && random.oneIn(3) ? random.pick(kept) : null;
  const format = same?.format ?? random.pick(READABLE_FORMATS);
  let file = same === null ? made(random, format) : fromHex(same.file);
  for (let left = random.oneIn(4) ? 0 : random.below(5); left > 0; left -= 1) file = changed(random, file, []);
  if (random.oneIn(4)) file = file.subarray(0, random.below(file.length + 1));
  return { format, file: hex(file.subarray(0, 4096)), sizes: random.several(12, () => random.below(random.pick([2, 40, 400]))) };
}

function made(random: Random, format: ReadableFormat): Uint8Array {
  if (format === "pcap") return capture(random);
  const writer = createRecordingWriter(format, random.pick([null, 0]));
  const parts = [writer.header()];
  for (const data of random.several(6, () => makePacket(random, []))) {
    const packet = { time: random.below(100_000) / 7, source: null, destination: null, transport: "udp", data } as const;
    try {
      parts.push(writer.packet(packet));
    } catch {
      // What can't be written was not recorded.
    }
  }
  return concat(parts);
}

/** Frames of IPv4 with UDP, fragments and TCP. */
function capture(random: Random): Uint8Array {
  const header = fromHex("d4c3b2a1020004000000000000000000ffff000065000000");
  const frames = random.several(6, () => {
    const packet = makePacket(random, []).subarray(0, 600);
    const isTcp = random.oneIn(2);
    const stream = random.oneIn(2) && packet.length > 0 ? slipEncode(packet) : packet.length > 0 ? lengthPrefixEncode(packet) : packet;
    const transport = isTcp
      ? [
          0x13,
          0x88,
          0x23,
          0x28,
          0,
          0,
          random.below(4),
          random.below(256),
          0,
          0,
          0,
          0,
          0x50,
          random.pick([2, 16, 17, 4]),
          0,
          0,
          0,
          0,
          0,
          0,
          ...stream,
        ]
      : [0x13, 0x88, 0x23, 0x28, (packet.length + 8) >> 8, (packet.length + 8) & 255, 0, 0, ...packet];
    const fragment = random.oneIn(3) ? [random.pick([0x20, 0]), random.below(20)] : [0, 0];
    const length = 20 + transport.length;
    const ip = [
      0x45,
      0,
      length >> 8,
      length & 255,
      0,
      random.below(3),
      ...fragment,
      64,
      isTcp ? 6 : 17,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      2,
      ...transport,
    ];
    const size = [ip.length & 255, ip.length >> 8, 0, 0];
    return Uint8Array.from([0, 0, 0, random.below(256), 0, 0, 0, 0, ...size, ...size, ...ip]);
  });
  return concat([header, ...frames]);
}

function check({ format, file, sizes }: FileInput): string {
  const bytes = fromHex(file);
  const whole = eventsOf(format, bytes, []);
  deepStrictEqual(eventsOf(format, bytes, sizes), whole, "the pieces change what is read");
  return `${format} ${whole
    .map((event) => event.split(" ")[0])
    .slice(0, 5)
    .join(" ")}`;
}

function eventsOf(format: ReadableFormat, file: Uint8Array, sizes: readonly number[]): string[] {
  const events: string[] = [];
  let held = 0;
  const reader = createReader(
    format,
    {
      packet: ({ time, data }: RecordedPacket) => {
        if (!Number.isFinite(time)) throw new Error(`a packet at ${time}`);
        held += data.length;
        events.push(`packet ${time} ${hex(data)}`);
      },
      fault: (error, isFatal) => {
        if (!(error instanceof OscRecordingError)) throw new Error(`told ${String(error)}`);
        events.push(`${error.code}${isFatal ? "!" : ""} ${error.message}`);
      },
    },
    MAX_PACKET_SIZE,
  );
  for (const piece of cut(file, sizes)) reader.push(piece);
  reader.end();
  // A blob as hexadecimal digits is the densest that text can be; fragments may be sent twice.
  if (held > file.length * 4 + 64) throw new Error(`${file.length} bytes became ${held}`);
  return events;
}
