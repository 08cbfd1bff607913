import { OscBundle, TimeTag, decode, encode } from "../codec/index.ts";
import { type OscFrameError, OscRecordingError } from "../errors.ts";
import { LengthPrefixDecoder, lengthPrefixEncode } from "../framing/index.ts";
import type { RecordedPacket, RecordingEvents, RecordingReader, RecordingWriter } from "./recording.ts";
import { isBundle, isRelative, readTimeTag, relativeMillis, withTimeTag } from "./time-tags.ts";

/**
 * Reads a SuperCollider score (`scsynth -N`): size-prefixed bundles with time tags relative to the beginning.
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

/** A message in a score has no time of its own: it is played at the beginning. */
function timeOf(data: Uint8Array): number {
  return isBundle(data) ? relativeMillis(readTimeTag(data)) : 0;
}

function damaged(error: OscFrameError): OscRecordingError {
  return new OscRecordingError("OSC_RECORDING_DAMAGED", `The score is damaged at byte ${error.offset}: ${error.message}`, error.offset, {
    cause: error,
  });
}

/**
 * Writes a SuperCollider score. A message becomes a bundle. Time tags are relative to the first packet: a bundle with a relative time tag keeps it, one with an
 * absolute time tag is moved along with the recording, and one marked "immediately" gets the time at which it was recorded.
 */
export class ScoreWriter implements RecordingWriter {
  #start: number | null;

  /** @param start the time at which the recording begins; null for the time of its first packet */
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

/** Converts milliseconds from the beginning to a time tag. Earlier times become the beginning. */
function fromBeginning(milliseconds: number): TimeTag {
  const seconds = Math.max(0, milliseconds) / 1000;
  const whole = Math.floor(seconds);
  const fraction = Math.round((seconds - whole) * 2 ** 32);
  return fraction < 2 ** 32 ? new TimeTag(whole, fraction) : new TimeTag(whole + 1, 0);
}
