import { type WriteStream, createReadStream, createWriteStream } from "node:fs";
import { once } from "node:events";
import { extname } from "node:path";

import { bad, integer, oneOf, orNull, readOptions, checkString } from "../options.ts";
import type { OptionChecks } from "../options.ts";
import { WRITABLE_FORMATS, createRecordingWriter, formatOfName, readRecording } from "./formats.ts";
import type { ReadRecordingOptions, RecordedPacket, Recording, RecordingWriter, WritableFormat } from "./recording.ts";

/**
 * Opens a recording in a file. The format is found out from its first bytes. Every iteration reads the file anew.
 *
 * @throws (rejects) the system's error if the file can't be opened; OscRecordingError `OSC_RECORDING_FORMAT` if it is in none of the formats
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
  /** Default: by the ending of the file's name: `.jsonl`, `.osc` (a score), `.txt` (oscdump), `.pcapng`; `jsonl` for others. */
  readonly format?: WritableFormat | undefined;
  /**
   * After this many bytes the recording goes on in another file: `show.jsonl`, `show.1.jsonl`, `show.2.jsonl`. Default null: it never does.
   */
  readonly maxSize?: number | null | undefined;
  /** The time at which the recording begins, which matters to a score. Default: the time of its first packet. */
  readonly start?: number | null | undefined;
  /** Bytes that may wait for a slow disk; packets beyond that are dropped and counted. Default 64 MiB. */
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
 * Creates a file and records packets into it. What was written is with the system at once: a process that is killed loses only what waited for the disk.
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

/** What was recorded. */
export interface RecordingStats {
  /** Packets written. */
  readonly packets: number;
  /** Bytes written, in all files. */
  readonly bytes: number;
  /** Packets dropped because the disk was too slow (`maxBuffered`). */
  readonly dropped: number;
  /** How many files there are. */
  readonly files: number;
}

interface FileSettings {
  readonly maxSize: number;
  readonly start: number | null;
  readonly maxBuffered: number;
}

/**
 * A recording that is being written; see {@link createRecording}.
 *
 * @example
 * const file: RecordingFile = await createRecording("show.pcapng", { maxSize: 100_000_000 });
 * file.stats().packets;
 */
export class RecordingFile implements AsyncDisposable {
  /** How it is written. */
  readonly format: WritableFormat;
  /** Resolves when the first file is there. @internal */
  readonly opened: Promise<unknown>;
  readonly #path: string;
  readonly #settings: FileSettings;
  #writer: RecordingWriter;
  #stream: WriteStream;
  /** Bytes in the file that is written now. */
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

  /** How far it is. */
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

  /** Resolves when there is room for more: await it between packets that come faster than a disk may take them. */
  async drain(): Promise<void> {
    if (this.#stream.writableNeedDrain) await Promise.race([once(this.#stream, "drain"), once(this.#stream, "close")]);
  }

  /** Writes what waits and closes the file. */
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

/** Ends the stream, and resolves when it is closed, also after an error. */
async function ended(stream: WriteStream): Promise<void> {
  stream.end();
  if (!stream.closed) await new Promise((resolve) => stream.once("close", () => resolve(undefined)));
}
