import { OscRecordingError } from "../errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { RecordingEvents, RecordingReader } from "./recording.ts";

const LINE_FEED = 0x0a;

/** The base of the formats that are lines of text. A line that can't be read costs that line. */
export abstract class LineReader implements RecordingReader {
  protected readonly events: RecordingEvents;
  readonly #queue = new ByteQueue();
  readonly #maxLine: number;
  readonly #decoder = new TextDecoder();
  /** How many of the waiting bytes hold no line end. */
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

  /** A line without its end, and without spaces around it. Throws an Error that says what is wrong with it. */
  protected abstract line(text: string): void;

  /** The last line was read. */
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
    const message = `Line ${this.#line + 1} (at byte ${offset}) is longer than ${this.#maxLine} bytes and is skipped. Raise maxPacketSize if it is meant.`;
    this.events.fault(new OscRecordingError("OSC_RECORDING_DAMAGED", message, offset), false);
  }
}
