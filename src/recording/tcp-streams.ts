import { type OscFrameError, OscRecordingError } from "../errors.ts";
import { type FrameDecoder, type Framing, createFrameDecoder } from "../framing/index.ts";
import type { NetAddress } from "../net-address.ts";
import type { IpPayload, RecordingEvents } from "./recording.ts";

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;

/** Maximum number of tracked streams; beyond that, the one idle longest is discarded. */
const MAX_STREAMS = 1024;
/** Maximum out-of-order bytes buffered per stream. */
const MAX_EARLY = 1024 * 1024;
const INVALID_ESCAPE = Uint8Array.of(0xdb, 0);

/** One direction of a connection. */
interface Stream {
  readonly source: NetAddress;
  readonly destination: NetAddress;
  decoder: FrameDecoder;
  /** The sequence number of the next byte. */
  next: number;
  /** Out-of-order segments by sequence number. */
  readonly early: Map<number, Uint8Array>;
  earlyBytes: number;
  /** True once a packet was found: until then it may not be OSC at all. */
  isOsc: boolean;
  /** When the current segment was captured. */
  time: number;
}

/** Reassembles captured TCP streams and splits them into packets. */
export class TcpStreams {
  readonly #events: RecordingEvents;
  readonly #maxPacketSize: number;
  /** Ordered by last activity, the longest idle first. */
  readonly #streams = new Map<string, Stream>();

  constructor(events: RecordingEvents, maxPacketSize: number) {
    this.#events = events;
    this.#maxPacketSize = maxPacketSize;
  }

  segment({ time, family, source, destination, data }: IpPayload): void {
    if (data.length < 20) return;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const headerLength = (view.getUint8(12) >> 4) * 4;
    if (headerLength < 20) return;
    const flags = view.getUint8(13);
    const sequence = view.getUint32(4);
    const bytes = data.subarray(headerLength);
    const from: NetAddress = { address: source, port: view.getUint16(0), family };
    const to: NetAddress = { address: destination, port: view.getUint16(2), family };
    const key = `${source} ${from.port} ${destination} ${to.port}`;
    let stream = this.#streams.get(key);
    if ((flags & SYN) !== 0) {
      this.#streams.delete(key);
      stream = undefined;
    }
    // A capture may begin in the middle of a connection.
    stream ??= this.#open(from, to, (flags & SYN) === 0 ? sequence : (sequence + 1) >>> 0);
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    stream.time = time;
    if (bytes.length > 0) this.#read(stream, sequence, bytes);
    if ((flags & (FIN | RST)) !== 0) {
      this.#end(stream, (flags & RST) === 0 ? "orderly" : "broken");
      this.#streams.delete(key);
    }
    if (this.#streams.size > MAX_STREAMS) {
      const [oldest] = this.#streams.keys();
      if (oldest !== undefined) this.#streams.delete(oldest);
    }
  }

  end(): void {
    for (const stream of this.#streams.values()) this.#end(stream, "broken");
    this.#streams.clear();
  }

  #open(source: NetAddress, destination: NetAddress, next: number): Stream {
    const stream: Omit<Stream, "decoder"> & { decoder: FrameDecoder | null } = {
      source,
      destination,
      decoder: null,
      next,
      early: new Map(),
      earlyBytes: 0,
      isOsc: false,
      time: 0,
    };
    stream.decoder = this.#decoder(stream as Stream, "auto");
    return stream as Stream;
  }

  #decoder(stream: Stream, framing: Framing | "auto"): FrameDecoder {
    return createFrameDecoder(framing, {
      maxPacketSize: this.#maxPacketSize,
      onPacket: (packet) => {
        stream.isOsc = true;
        const { time, source, destination } = stream;
        this.#events.packet({ time, source, destination, transport: "tcp", data: packet.slice() });
      },
      onError: (error) => {
        if (stream.isOsc) this.#events.fault(broken(stream, error), false);
      },
    });
  }

  #read(stream: Stream, sequence: number, bytes: Uint8Array): void {
    const ahead = (sequence - stream.next) | 0;
    if (ahead > 0) {
      if (!stream.early.has(sequence)) {
        stream.early.set(sequence, bytes.slice());
        stream.earlyBytes += bytes.length;
      }
      if (stream.earlyBytes > MAX_EARLY) this.#skipGap(stream);
      return;
    }
    // A retransmission may begin with bytes that were already read.
    if (-ahead < bytes.length) this.#push(stream, bytes.subarray(-ahead));
    this.#readEarly(stream);
  }

  #push(stream: Stream, bytes: Uint8Array): void {
    stream.next = (stream.next + bytes.length) >>> 0;
    stream.decoder.push(bytes);
  }

  #readEarly(stream: Stream): void {
    for (let isDone = false; !isDone;) {
      isDone = true;
      for (const [sequence, bytes] of stream.early) {
        const ahead = (sequence - stream.next) | 0;
        if (ahead > 0) continue;
        stream.early.delete(sequence);
        stream.earlyBytes -= bytes.length;
        if (-ahead < bytes.length) this.#push(stream, bytes.subarray(-ahead));
        isDone = false;
      }
    }
  }

  /** Skips bytes missing from the capture. SLIP resumes at its next frame; size prefixes can't be resynchronised. */
  #skipGap(stream: Stream): void {
    const distances = [...stream.early.keys()].map((sequence) => (sequence - stream.next) | 0);
    const gap = Math.min(...distances);
    if (stream.isOsc) {
      const message = `${gap} bytes of a TCP stream are missing in the capture.`;
      this.#events.fault(new OscRecordingError("OSC_RECORDING_DAMAGED", message, 0), false);
    }
    const { framing } = stream.decoder;
    stream.decoder.close();
    if (framing === "1.1") {
      stream.decoder = this.#decoder(stream, "1.1");
      // An invalid escape makes the decoder skip the rest of the truncated frame. The gap is already reported.
      const { isOsc } = stream;
      stream.isOsc = false;
      stream.decoder.push(INVALID_ESCAPE);
      stream.isOsc = isOsc;
    }
    stream.next = (stream.next + gap) >>> 0;
    this.#readEarly(stream);
  }

  #end(stream: Stream, how: "orderly" | "broken"): void {
    while (stream.early.size > 0) this.#skipGap(stream);
    stream.decoder.end(how);
  }
}

function broken({ source }: Stream, error: OscFrameError): OscRecordingError {
  const message = `The TCP stream from port ${source.port} can't be read: ${error.message}`;
  return new OscRecordingError("OSC_RECORDING_DAMAGED", message, error.offset, { cause: error });
}
