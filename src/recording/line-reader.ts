import { OscRecordingError } from "../errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { RecordingEvents, RecordingReader } from "./recording.ts";

const LINE_FEED = 0x0a;

/** Base class for line-based text formats. A line that can't be read is reported and skipped. */
export abstract class LineReader implements RecordingReader {
  protected readonly events: RecordingEvents;
  readonly #queue = new ByteQueue();
  readonly #maxLine: number;
  readonly #decoder = new TextDecoder();
  /** Number of buffered bytes already searched for a line end. */
  #searched = 0;
  #line = 0;
  #isSkipping = false;

  protected constructor(events: RecordingEvents, maxLine: number) {
    this.events = events;
    this.#maxLine = maxLine;
  }

  push(bytes: Uint8Array): void {
    const queue = this.#queue;
    queue.push(bytes);
    for (let end = queue.peek().indexOf(LINE_FEED, this.#searched); end >= 0; end = queue.peek().indexOf(LINE_FEED)) {
      this.#endLine(end + 1);
      this.#searched = 0;
    }
    this.#searched = queue.length;
    if (queue.length > this.#maxLine) this.#skip();
  }

  end(): void {
    this.#endLine(this.#queue.length);
    this.finish();
  }

  /** Reads one trimmed line. Throws an Error that describes what is wrong with it. */
  protected abstract line(text: string): void;

  /** Called after the last line. */
  protected finish(): void {}

  #endLine(length: number): void {
    const { offset } = this.#queue;
    const text = this.#decoder.decode(this.#queue.take(length)).trim();
    this.#line += 1;
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    if (text === "") return;
    try {
      this.line(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.events.fault(
        new OscRecordingError("OSC_RECORDING_DAMAGED", `Line ${this.#line} (at byte ${offset}) can't be read: ${reason}`, offset, {
          cause: error,
        }),
        false,
      );
    }
  }

  #skip(): void {
    const { offset } = this.#queue;
    this.#queue.take(this.#queue.length);
    this.#searched = 0;
    if (this.#isSkipping) return;
    this.#isSkipping = true;
    const message = `Line ${this.#line + 1} (at byte ${offset}) is longer than ${this.#maxLine} bytes and was skipped. Raise maxPacketSize to read it.`;
    this.events.fault(new OscRecordingError("OSC_RECORDING_DAMAGED", message, offset), false);
  }
}
