import { type OscError, OscRecordingError } from "../errors.ts";
import { DEFAULT_MAX_PACKET_SIZE } from "../framing/index.ts";
import { callback, integer, oneOf, readOptions, bad, required } from "../options.ts";
import type { OptionChecks } from "../options.ts";
import { JsonLinesReader, JsonLinesWriter } from "./json-lines.ts";
import { OscdumpReader, OscdumpWriter } from "./oscdump-text.ts";
import { PcapReader, PcapngReader, isPcap, isPcapng } from "./pcap.ts";
import { PcapngWriter } from "./pcapng-writer.ts";
import type {
  ReadRecordingOptions,
  ReadableFormat,
  RecordedPacket,
  Recording,
  RecordingEvents,
  RecordingReader,
  RecordingWriter,
  WritableFormat,
} from "./recording.ts";
import { ScoreReader, ScoreWriter } from "./score.ts";
import { isBundle } from "./time-tags.ts";

export const READABLE_FORMATS: readonly ReadableFormat[] = ["jsonl", "score", "oscdump", "pcap", "pcapng"];
export const WRITABLE_FORMATS: readonly WritableFormat[] = ["jsonl", "score", "oscdump", "pcapng"];

/** Number of bytes read to detect the format. */
const DETECTION_SIZE = 64;

const CHECKS = {
  format: oneOf(READABLE_FORMATS, undefined),
  maxPacketSize: integer(4, DEFAULT_MAX_PACKET_SIZE, 0x7fffffff),
  onError: callback<(error: OscError) => void>(),
} satisfies OptionChecks<ReadRecordingOptions>;

/**
 * Reads a recording from bytes. Reads only as fast as it is iterated, so recordings of any size take constant memory.
 *
 * @param open returns the bytes from the beginning; called for each iteration, and once before to detect the format unless it is specified
 * @throws (rejects) OscServerError `OSC_OPTION` for a bad option; OscRecordingError `OSC_RECORDING_FORMAT` if the format is unknown
 *
 * @example
 * import { createReadStream } from "node:fs";
 *
 * const recording = await readRecording(() => createReadStream("show.jsonl"));
 * for await (const { time, data } of recording) console.log(time, decode(data));
 */
export async function readRecording(open: () => AsyncIterable<Uint8Array>, options: ReadRecordingOptions = {}): Promise<Recording> {
  if (typeof open !== "function") throw bad("The first argument of readRecording", "a function that returns an iterable of bytes", open);
  const { format: given, maxPacketSize, onError } = readOptions("readRecording", options, CHECKS);
  const format = given ?? detectFormat(await firstBytes(open()));
  return {
    format,
    start: format === "score" ? 0 : null,
    [Symbol.asyncIterator]: () => readPackets(open(), format, maxPacketSize, onError),
  };
}

async function* readPackets(
  bytes: AsyncIterable<Uint8Array>,
  format: ReadableFormat,
  maxPacketSize: number,
  onError: ((error: OscError) => void) | undefined,
): AsyncGenerator<RecordedPacket, void, undefined> {
  let packets: RecordedPacket[] = [];
  let damage: OscError | null = null;
  const reader = createReader(
    format,
    {
      packet: (packet) => packets.push(packet),
      fault: (error, isFatal) => {
        onError?.(error);
        if (isFatal) damage ??= error;
      },
    },
    maxPacketSize,
  );
  const take = (): RecordedPacket[] => {
    const taken = packets;
    packets = [];
    return taken;
  };
  for await (const piece of bytes) {
    reader.push(piece);
    yield* take();
    if (damage !== null) break;
  }
  if (damage === null) {
    reader.end();
    yield* take();
  }
  if (damage !== null && onError === undefined) throw damage as OscError;
}

/** Creates a reader that turns the bytes of a recording into packets. */
export function createReader(format: ReadableFormat, events: RecordingEvents, maxPacketSize: number): RecordingReader {
  switch (format) {
    case "jsonl":
      return new JsonLinesReader(events, maxPacketSize);
    case "score":
      return new ScoreReader(events, maxPacketSize);
    case "oscdump":
      return new OscdumpReader(events, maxPacketSize);
    case "pcap":
      return new PcapReader(events, maxPacketSize);
    case "pcapng":
      return new PcapngReader(events, maxPacketSize);
  }
}

/**
 * Creates a writer that turns packets into the bytes of a recording: call `header()` once, then `packet()` for each packet.
 *
 * @param start the time at which the recording begins; used by scores. Default: the time of its first packet
 * @throws OscServerError `OSC_OPTION` for a format that can't be written
 *
 * @example
 * const writer = createRecordingWriter("jsonl");
 * const bytes = writer.packet({ time: Date.now(), source: null, destination: null, transport: "udp", data: encode(new OscMessage("/a")) });
 */
export function createRecordingWriter(format: WritableFormat, start: number | null = null): RecordingWriter {
  required(oneOf(WRITABLE_FORMATS, undefined))(format, "format");
  if (start !== null && !Number.isFinite(start)) throw bad("start", "a number of milliseconds, or null", start);
  switch (format) {
    case "jsonl":
      return new JsonLinesWriter();
    case "score":
      return new ScoreWriter(start);
    case "oscdump":
      return new OscdumpWriter(start === 0);
    case "pcapng":
      return new PcapngWriter();
  }
}

async function firstBytes(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let first = new Uint8Array(0);
  for await (const piece of bytes) {
    first = Uint8Array.of(...first, ...piece.subarray(0, DETECTION_SIZE));
    if (first.length >= DETECTION_SIZE) break;
  }
  return first;
}

function detectFormat(first: Uint8Array): ReadableFormat {
  if (isPcap(first)) return "pcap";
  if (isPcapng(first)) return "pcapng";
  if (first.length >= 8 && first[0] === 0 && (first[4] === 0x2f || isBundle(first.subarray(4)))) return "score";
  const text = new TextDecoder().decode(first).trimStart();
  if (text === "" || text.startsWith("{")) return "jsonl";
  if (/^(?:[\da-f]{1,8}\.[\da-f]{1,8}\s+)?\//i.test(text)) return "oscdump";
  throw new OscRecordingError(
    "OSC_RECORDING_FORMAT",
    `Unknown recording format: expected ${READABLE_FORMATS.join(", ")}. Specify the format if you know it.`,
    0,
  );
}

/** The format for the file's extension; undefined if it is unknown. */
export function formatOfName(name: string): ReadableFormat | undefined {
  const [, ending = ""] = /\.([^.]+)$/.exec(name.toLowerCase()) ?? [];
  return ENDINGS.get(ending);
}
const ENDINGS: ReadonlyMap<string, ReadableFormat> = new Map([
  ["jsonl", "jsonl"],
  ["ndjson", "jsonl"],
  ["json", "jsonl"],
  ["osc", "score"],
  ["txt", "oscdump"],
  ["oscdump", "oscdump"],
  ["pcap", "pcap"],
  ["cap", "pcap"],
  ["pcapng", "pcapng"],
]);
