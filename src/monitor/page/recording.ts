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
 * The packets of records as JSON lines: their exact bytes, also of bad packets. With a filter, a bundle keeps only the wanted messages, and bad packets are
 * left out because they have no address.
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

/** What a page keeps of a recording. */
interface RecordingContent {
  readonly name: string;
  /** In the order of their times. At least one. */
  readonly records: readonly ReadEntry[];
  /** When it begins, in milliseconds since 1970, or 0 if its times count from there; null: with its first packet. */
  readonly start: number | null;
  /** Whether there is more in the file than the page keeps. */
  readonly isCut: boolean;
  /** What could not be read. */
  readonly faults: number;
  readonly firstFault: OscError | null;
}

/**
 * Reads a recording as far as the page can keep it.
 *
 * @throws (rejects) OscRecordingError if the file is in none of the formats; Error if there is nothing in it, or it can't be read
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
  if (records.length === 0) throw firstFault ?? new Error("The file has no packets.");
  records.sort((a, b) => a.entry.time - b.entry.time);
  return new OpenRecording({ name, records, start: recording.start, isCut, faults, firstFault });
}

/** A sender is text in JSON lines; no address is longer. */
const MAX_SENDER = 255;
/** The last time that a `Date` can hold; damaged files have later ones. */
const MAX_TIME = 8.64e15;
/** So many bytes of a file are in memory at a time. */
const PIECE_BYTES = 256 * 1024;

/** Not `Blob.stream()`: Safari can't iterate over it. */
async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) yield new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
}

/** A recording in the page, shown from its beginning up to a time in it; at first the whole of it. */
export class OpenRecording extends Store {
  readonly name: string;
  readonly isRelative: boolean;
  /** When it begins, in milliseconds since 1970; if times are relative, mostly 0. */
  readonly start: number;
  /** How long it is, in milliseconds. */
  readonly length: number;
  readonly #end: number;
  readonly #content: RecordingContent;
  /** How many records are shown. */
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

  /** What the page doesn't show of it, for people; empty if it shows everything. */
  get note(): string {
    const { records, isCut, faults, firstFault } = this.#content;
    const notes: string[] = [];
    if (isCut) notes.push(`Only the first ${records.length.toLocaleString("en")} packets are shown, as many as a page keeps.`);
    if (firstFault !== null)
      notes.push(`${faults === 1 ? "1 error" : `${faults.toLocaleString("en")} errors`} in the file. ${firstFault.message}`);
    return notes.join(" ");
  }

  /** The time up to which it is shown, in milliseconds from the start. */
  get position(): number {
    return this.#time - this.start;
  }

  now(): number {
    return this.#time;
  }

  plotsEnd(): number {
    return this.start + this.plots.windowSeconds * 1000;
  }

  /** @param position up to which time it is shown, in milliseconds from the start */
  seek(position: number): void {
    // Times have fractions, so that the sum may fall short of the end.
    const time = position >= this.length ? this.#end : this.start + position;
    if (time < this.#time) this.#rewind();
    this.#time = time;
    const { records } = this.#content;
    for (; this.#shown < records.length && records[this.#shown]!.entry.time <= time; this.#shown += 1) this.count(records[this.#shown]!);
    this.window.showUntil(time);
  }

  /** A plot that is added shows the whole time at once. */
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

/** A time before 1980 counts from the beginning of the recording: nobody captured OSC then. */
const RELATIVE_UNTIL = 10 * 365.25 * 86_400_000;
/** A recording of one packet has no length. */
const MIN_PLOT_SECONDS = 1;

/** `1:02:03.004` or `2:03.004`. */
export function durationText(milliseconds: number): string {
  const whole = Math.round(milliseconds);
  const [hours, minutes, seconds] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60, Math.floor(whole / 1000) % 60];
  const rest = `${String(seconds).padStart(2, "0")}.${String(whole % 1000).padStart(3, "0")}`;
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}
