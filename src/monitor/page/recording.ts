import { encode } from "../../codec/index.ts";
import type { OscError } from "../../errors.ts";
import { formatAddress } from "../../net-address.ts";
import { type RecordedPacket, createRecordingWriter, readRecording } from "../../recording/index.ts";
import { TRANSPORTS, parseAddress } from "../../recording/json-lines.ts";
import type { MessageFilter } from "../../text/message-filter.ts";
import { RateMeter } from "./address-tree.ts";
import { type MemoryBounds, type ReadEntry, readEntry } from "./rows.ts";
import { MEMORY, Store } from "./store.ts";

/**
 * Writes the packets of records as JSON lines with their exact bytes, even of bad packets. With a filter, a bundle keeps only the matching messages, and bad
 * packets are omitted because they have no address.
 */
export function saveRecording(records: readonly ReadEntry[], filter: MessageFilter | null): Uint8Array[] {
  const writer = createRecordingWriter("jsonl");
  const lines: Uint8Array[] = [];
  for (const { entry, packet } of records) {
    if (entry.kind !== "packet") continue;
    let data = entry.bytes;
    if (filter !== null) {
      const wanted = packet === null ? null : filter.select(packet);
      if (wanted === null) continue;
      if (wanted !== packet) data = encode(wanted, { maxPacketSize: Infinity, maxNesting: Infinity });
    }
    const transport = TRANSPORTS.has(entry.transport) ? (entry.transport as RecordedPacket["transport"]) : null;
    const source = entry.from === "" ? null : parseAddress(entry.from);
    lines.push(writer.packet({ time: entry.time, source, destination: null, transport, data }));
  }
  return lines;
}

/** The part of a recording that a page keeps. */
interface RecordingContent {
  readonly name: string;
  /** Sorted by time. At least one. */
  readonly records: readonly ReadEntry[];
  /** When it begins, in milliseconds since 1970; 0 if its times are relative; null for the time of its first packet. */
  readonly start: number | null;
  /** Whether the file has more than the page keeps. */
  readonly isCut: boolean;
  /** Number of parts that couldn't be read. */
  readonly faults: number;
  readonly firstFault: OscError | null;
}

/**
 * Reads as much of a recording as the page can keep.
 *
 * @throws (rejects) OscRecordingError if the format is unknown; Error if the file is empty or can't be read
 */
export async function loadRecording(file: Blob, name: string, bounds: MemoryBounds = MEMORY): Promise<OpenRecording> {
  const records: ReadEntry[] = [];
  let weight = 0;
  let isCut = false;
  let faults = 0;
  let firstFault: OscError | null = null;
  const onError = (error: OscError): void => {
    faults += 1;
    firstFault ??= error;
  };
  const recording = await readRecording(() => piecesOf(file), { onError });
  for await (const { time, source, transport, data } of recording) {
    const from = source === null ? "" : formatAddress(source);
    const entry = {
      number: records.length + 1,
      time: Math.max(-MAX_TIME, Math.min(MAX_TIME, time)),
      from: from.slice(0, MAX_SENDER),
      transport: transport ?? "",
    };
    const record = readEntry({ kind: "packet", ...entry, bytes: data });
    weight += record.weight + 2 * from.length;
    isCut = records.length > 0 && (records.length === bounds.maxRecords || weight > bounds.maxBytes);
    if (isCut) break;
    records.push(record);
  }
  if (records.length === 0) throw firstFault ?? new Error("The file contains no packets.");
  records.sort((a, b) => a.entry.time - b.entry.time);
  return new OpenRecording({ name, records, start: recording.start, isCut, faults, firstFault });
}

/** Longer than any address; senders in JSON lines are free text. */
const MAX_SENDER = 255;
/** The latest time of a `Date`; damaged files may have later ones. */
const MAX_TIME = 8.64e15;
/** Number of bytes of a file in memory at a time. */
const PIECE_BYTES = 256 * 1024;

/** Not `Blob.stream()`: Safari can't iterate over it. */
async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) yield new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
}

/** An open recording, shown from its beginning up to the scrubber's position; initially all of it. */
export class OpenRecording extends Store {
  readonly name: string;
  readonly isRelative: boolean;
  /** When it begins, in milliseconds since 1970; usually 0 if times are relative. */
  readonly start: number;
  /** Its duration in milliseconds. */
  readonly length: number;
  readonly #end: number;
  readonly #content: RecordingContent;
  /** Number of records shown. */
  #shown = 0;
  #time: number;

  constructor(content: RecordingContent) {
    const { name, records } = content;
    const start = content.start ?? records[0]!.entry.time;
    const end = records.at(-1)!.entry.time;
    const length = end - start;
    super(Math.max(length / 1000, MIN_PLOT_SECONDS));
    this.name = name;
    this.isRelative = end < RELATIVE_UNTIL;
    this.start = start;
    this.length = length;
    this.#content = content;
    for (const record of records) this.window.add(record);
    this.#end = end;
    this.#time = end;
    this.seek(length);
  }

  /** A note about what the page doesn't show; empty if it shows everything. */
  get note(): string {
    const { records, isCut, faults, firstFault } = this.#content;
    const notes: string[] = [];
    if (isCut) notes.push(`Only the first ${records.length.toLocaleString("en")} packets are shown: the page can't keep more.`);
    if (firstFault !== null)
      notes.push(`${faults === 1 ? "1 error" : `${faults.toLocaleString("en")} errors`} in the file. ${firstFault.message}`);
    return notes.join(" ");
  }

  /** The current position, in milliseconds from the start. */
  get position(): number {
    return this.#time - this.start;
  }

  now(): number {
    return this.#time;
  }

  plotsEnd(): number {
    return this.start + this.plots.windowSeconds * 1000;
  }

  /** @param position in milliseconds from the start */
  seek(position: number): void {
    // Rounding may make the sum fall short of the end.
    const time = position >= this.length ? this.#end : this.start + position;
    if (time < this.#time) this.#rewind();
    this.#time = time;
    const { records } = this.#content;
    for (; this.#shown < records.length && records[this.#shown]!.entry.time <= time; this.#shown += 1) this.count(records[this.#shown]!);
    this.window.showUntil(time);
  }

  /** A new plot shows the whole recording immediately. */
  override togglePlot(address: string): void {
    super.togglePlot(address);
    this.#rewind();
    this.seek(this.position);
  }

  #rewind(): void {
    this.tree.forgetMessages();
    this.plots.clear();
    this.meter = new RateMeter();
    this.messages = 0;
    this.badPackets = 0;
    this.#shown = 0;
  }
}

/** Times before 1980 are relative to the beginning of the recording: OSC didn't exist then. */
const RELATIVE_UNTIL = 10 * 365.25 * 86_400_000;
/** A recording of one packet has no duration. */
const MIN_PLOT_SECONDS = 1;

/** `1:02:03.004` or `2:03.004`. */
export function durationText(milliseconds: number): string {
  const whole = Math.round(milliseconds);
  const [hours, minutes, seconds] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60, Math.floor(whole / 1000) % 60];
  const rest = `${String(seconds).padStart(2, "0")}.${String(whole % 1000).padStart(3, "0")}`;
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}
