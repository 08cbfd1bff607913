import { OscBundle, TimeTag, decode, encode } from "../codec/index.ts";
import { type OscFrameError, OscRecordingError } from "../errors.ts";
import { LengthPrefixDecoder, lengthPrefixEncode } from "../framing/index.ts";
import type { RecordedPacket, RecordingEvents, RecordingReader, RecordingWriter } from "./recording.ts";
import { isBundle, isRelative, readTimeTag, relativeMillis, withTimeTag } from "./time-tags.ts";

/**
 * Reads a SuperCollider score (`scsynth -N`): bundles, each with its size before it, whose time tags count from the beginning.
 */
export class ScoreReader implements RecordingReader {
  readonly #decoder: LengthPrefixDecoder;

  constructor(events: RecordingEvents, maxPacketSize: number) {
    this.#decoder = new LengthPrefixDecoder({
      maxPacketSize,
      onPacket: (data) => events.packet({ time: timeOf(data), source: null, destination: null, transport: null, data: data.slice() }),
      onError: (error) => events.fault(damaged(error), true),
    });
  }

  push(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
  }

  end(): void {
    this.#decoder.end();
  }
}

/** A message in a score has no time of its own: it belongs to the beginning. */
function timeOf(data: Uint8Array): number {
  return isBundle(data) ? relativeMillis(readTimeTag(data)) : 0;
}

function damaged(error: OscFrameError): OscRecordingError {
  return new OscRecordingError("OSC_RECORDING_DAMAGED", `The score is damaged at byte ${error.offset}: ${error.message}`, error.offset, {
    cause: error,
  });
}

/**
 * Writes a SuperCollider score. A message becomes a bundle. Time tags count from the first packet: a bundle keeps its own time if that is one from the beginning,
 * and is moved along with the recording otherwise; one that means "at once" gets the time at which it was recorded.
 */
export class ScoreWriter implements RecordingWriter {
  #start: number | null;

  /** @param start the time at which the recording begins; null: with its first packet */
  constructor(start: number | null) {
    this.#start = start;
  }

  header(): Uint8Array {
    return new Uint8Array(0);
  }

  packet({ time, data }: RecordedPacket): Uint8Array {
    this.#start ??= time;
    if (!isBundle(data)) return lengthPrefixEncode(encode(new OscBundle([decode(data)], fromBeginning(time - this.#start))));
    const tag = readTimeTag(data);
    if (isRelative(tag)) return lengthPrefixEncode(data);
    const at = tag.isImmediate ? time : tag.toMillis();
    return lengthPrefixEncode(withTimeTag(data, fromBeginning(at - this.#start)));
  }
}

/** Milliseconds from the beginning as a time tag. A time before it is the beginning itself. */
function fromBeginning(milliseconds: number): TimeTag {
  const seconds = Math.max(0, milliseconds) / 1000;
  const whole = Math.floor(seconds);
  const fraction = Math.round((seconds - whole) * 2 ** 32);
  return fraction < 2 ** 32 ? new TimeTag(whole, fraction) : new TimeTag(whole + 1, 0);
}
