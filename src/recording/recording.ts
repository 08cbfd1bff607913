import type { NetAddress } from "../net-address.ts";
import type { OscError } from "../errors.ts";

/** A packet and when it was sent or received. */
export interface RecordedPacket {
  /**
   * Fractional milliseconds: since 1970-01-01 UTC for captured packets, since the beginning for a score. A {@link Player} uses only the intervals between
   * packets.
   */
  readonly time: number;
  /** The sender, or null if the recording doesn't contain it. */
  readonly source: NetAddress | null;
  /** The receiver, or null if the recording doesn't contain it. */
  readonly destination: NetAddress | null;
  /** The transport, or null if the recording doesn't contain it. */
  readonly transport: "udp" | "tcp" | "unix" | "websocket" | "serial" | null;
  /** The exact bytes of the packet. */
  readonly data: Uint8Array;
}

/**
 * A recorded show: an iterable of its packets in order. It can be iterated repeatedly if its source can.
 *
 * @example
 * for await (const { time, data } of await openRecording("show.jsonl")) console.log(time, decode(data));
 */
export interface Recording extends AsyncIterable<RecordedPacket> {
  /** Its file format. */
  readonly format: ReadableFormat;
  /** The time at which it begins: 0 for a score; null for the time of its first packet. */
  readonly start: number | null;
}

/**
 * A readable format. `"jsonl"`: the output of `oscine dump --json`. `"score"`: a SuperCollider score for `scsynth -N`. `"oscdump"`: the text of liblo's
 * `oscdump` and `oscsendfile`. `"pcap"` and `"pcapng"`: network captures from tcpdump, dumpcap and Wireshark.
 */
export type ReadableFormat = "jsonl" | "score" | "oscdump" | "pcap" | "pcapng";

/** A writable format. */
export type WritableFormat = Exclude<ReadableFormat, "pcap">;

/** Options for reading a recording. */
export interface ReadRecordingOptions {
  /** Default: detected from the first bytes. */
  readonly format?: ReadableFormat | undefined;
  /** The largest packet to accept, in bytes. Default 16 MiB. */
  readonly maxPacketSize?: number | undefined;
  /**
   * Called with an error and its offset for every part that can't be read. The recording ends at damage that makes the rest unreadable. Default: such damage
   * makes the iteration throw, and single unreadable packets are skipped.
   */
  readonly onError?: ((error: OscError) => void) | undefined;
}

/** Turns bytes, in chunks of any size, into packets. */
export interface RecordingReader {
  /** Reads the next bytes, and reports every complete packet. */
  push(bytes: Uint8Array): void;
  /** Signals the end of the bytes. */
  end(): void;
}

/** Callbacks of a reader. */
export interface RecordingEvents {
  packet(packet: RecordedPacket): void;
  /** @param fatal true if nothing more can be read */
  fault(error: OscError, fatal: boolean): void;
}

/** Turns packets into bytes. */
export interface RecordingWriter {
  /** The bytes at the start of the file. May be empty. */
  header(): Uint8Array;
  /**
   * The bytes of a packet.
   *
   * @throws OscRecordingError `OSC_RECORDING_UNSUPPORTED` if the format can't hold the packet
   */
  packet(packet: RecordedPacket): Uint8Array;
}

/** A frame captured on a network interface. */
export interface CapturedFrame {
  /** A libpcap LINKTYPE_ number. */
  readonly linkType: number;
  /** Milliseconds since 1970-01-01 UTC, with fractions. */
  readonly time: number;
  /** A view, valid until the next frame. */
  readonly data: Uint8Array;
}

/** An IP packet's payload. */
export interface IpPayload {
  readonly time: number;
  readonly family: "IPv4" | "IPv6";
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly data: Uint8Array;
}
