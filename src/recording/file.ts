import { type WriteStream, createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { extname } from "node:path";

import { bad, integer, oneOf, orNull, readOptions, checkString } from "../options.ts";
import type { OptionChecks } from "../options.ts";
import { WRITABLE_FORMATS, createRecordingWriter, formatOfName, readRecording } from "./formats.ts";
import type { ReadRecordingOptions, RecordedPacket, Recording, RecordingWriter, WritableFormat } from "./recording.ts";

/**
 * Opens a recorded file. Detects the format from its first bytes. Every iteration reads the file again.
 *
 * @throws (rejects) the system's error if the file can't be opened; OscRecordingError `OSC_RECORDING_FORMAT` if its format is unknown
 *
 * @example
 * const recording = await openRecording("show.jsonl");
 * await new Player(recording, new UDPClient("127.0.0.1", 9000)).play();
 */
export async function openRecording(path: string | URL, options: ReadRecordingOptions = {}): Promise<Recording> {
  if (!(path instanceof URL)) checkString("path", path);
  return readRecording(() => createReadStream(path), options);
}

/** Options of {@link createRecording}. */
export interface CreateRecordingOptions {
  /** Default: chosen by file extension: `.jsonl`, `.osc` (a score), `.txt` (oscdump), `.pcapng`; otherwise `jsonl`. */
  readonly format?: WritableFormat | undefined;
  /**
   * Maximum bytes per file; the recording continues in the next one: `show.jsonl`, `show.1.jsonl`, `show.2.jsonl`. Default null: unlimited.
   */
  readonly maxSize?: number | null | undefined;
  /** The time at which the recording begins; used by scores. Default: the time of its first packet. */
  readonly start?: number | null | undefined;
  /** Maximum bytes buffered for a slow disk; packets beyond that are dropped and counted. Default 64 MiB. */
  readonly maxBuffered?: number | undefined;
}

const CHECKS = {
  format: oneOf(WRITABLE_FORMATS, undefined),
  maxSize: orNull(integer(1, undefined)),
  start: orNull((value, name) => {
    if (value === undefined || Number.isFinite(value)) return value as number | undefined;
    throw bad(name, "a number of milliseconds", value);
  }),
  maxBuffered: integer(1, 64 * 1024 * 1024),
} satisfies OptionChecks<CreateRecordingOptions>;

/**
 * Creates a file and records packets into it. Each packet is written immediately: a killed process loses only the bytes still buffered.
 *
 * @throws (rejects) the system's error if the file can't be created; OscServerError `OSC_OPTION` for a bad option
 *
 * @example
 * await using recording = await createRecording("show.jsonl");
 * recording.write({ time: Date.now(), source: null, destination: null, transport: "udp", data: encode(new OscMessage("/a")) });
 */
export async function createRecording(path: string, options: CreateRecordingOptions = {}): Promise<RecordingFile> {
  const { format, maxSize, start, maxBuffered } = readOptions("createRecording", options, CHECKS);
  checkString("path", path);
  const byName = formatOfName(path);
  const chosen = format ?? (byName === "pcap" ? "pcapng" : (byName ?? "jsonl"));
  const file = new RecordingFile(path, chosen, { maxSize: maxSize ?? Infinity, start: start ?? null, maxBuffered });
  await file.opened;
  return file;
}

/** Counters of a recording. */
export interface RecordingStats {
  /** Packets written. */
  readonly packets: number;
  /** Bytes written to all files. */
  readonly bytes: number;
  /** Packets dropped because the disk was too slow (`maxBuffered`). */
  readonly dropped: number;
  /** Number of files. */
  readonly files: number;
}

interface FileSettings {
  readonly maxSize: number;
  readonly start: number | null;
  readonly maxBuffered: number;
}

/**
 * A recording being written; see {@link createRecording}.
 *
 * @example
 * const file: RecordingFile = await createRecording("show.pcapng", { maxSize: 100_000_000 });
 * file.stats().packets;
 */
export class RecordingFile implements AsyncDisposable {
  /** Its file format. */
  readonly format: WritableFormat;
  /** Resolves once the first file is open. @internal */
  readonly opened: Promise<unknown>;
  readonly #path: string;
  readonly #settings: FileSettings;
  #writer: RecordingWriter;
  #stream: WriteStream;
  /** Bytes in the current file. */
  #size = 0;
  #files = 1;
  #failure: Error | null = null;
  readonly #closing: Promise<void>[] = [];
  readonly #counts = { packets: 0, bytes: 0, dropped: 0 };

  /** @internal */
  constructor(path: string, format: WritableFormat, settings: FileSettings) {
    this.format = format;
    this.#path = path;
    this.#settings = settings;
    this.#writer = createRecordingWriter(format, settings.start);
    this.#stream = this.#open(path);
    this.opened = once(this.#stream, "open");
  }

  /** The counters so far. */
  stats(): RecordingStats {
    return { ...this.#counts, files: this.#files };
  }

  /**
   * Records a packet.
   *
   * @throws OscRecordingError `OSC_RECORDING_UNSUPPORTED` if the format can't hold the packet; the system's error if the disk failed
   */
  write(packet: RecordedPacket): void {
    if (this.#failure !== null) throw this.#failure;
    let bytes = this.#writer.packet(packet);
    if (this.#size > 0 && this.#size + bytes.length > this.#settings.maxSize) {
      this.#next();
      // A score counts from the first packet of its file.
      bytes = this.#writer.packet(packet);
    }
    if (this.#stream.writableLength > this.#settings.maxBuffered) {
      this.#counts.dropped += 1;
      return;
    }
    this.#put(bytes);
    this.#counts.packets += 1;
  }

  /** Resolves when the buffer has room: await it between packets that may arrive faster than the disk can write. */
  async drain(): Promise<void> {
    if (this.#stream.writableNeedDrain) await Promise.race([once(this.#stream, "drain"), once(this.#stream, "close")]);
  }

  /** Writes the buffered bytes and closes the file. */
  async close(): Promise<void> {
    if (!this.#stream.writableEnded) this.#closing.push(ended(this.#stream));
    await Promise.all(this.#closing);
    if (this.#failure !== null) throw this.#failure;
  }

  /** `await using recording = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(path: string): WriteStream {
    const stream = createWriteStream(path);
    stream.on("error", (error) => (this.#failure ??= error));
    this.#stream = stream;
    this.#size = 0;
    this.#put(this.#writer.header());
    return stream;
  }

  #next(): void {
    this.#closing.push(ended(this.#stream));
    const ending = extname(this.#path);
    const base = this.#path.slice(0, this.#path.length - ending.length);
    this.#writer = createRecordingWriter(this.format, this.#settings.start);
    this.#open(`${base}.${this.#files}${ending}`);
    this.#files += 1;
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#stream.write(bytes);
    this.#size += bytes.length;
    this.#counts.bytes += bytes.length;
  }
}

/** Ends the stream and resolves once it is closed, even after an error. */
async function ended(stream: WriteStream): Promise<void> {
  stream.end();
  if (!stream.closed) await new Promise((resolve) => stream.once("close", () => resolve(undefined)));
}
