import type { NetAddress } from "../net-address.ts";
import type { OscError } from "../errors.ts";

/** A packet and when it was sent or received. */
export interface RecordedPacket {
  /**
   * When, in milliseconds with fractions: since 1970-01-01 UTC for what was captured, since the beginning for a score. Only the distances between packets
   * matter to a {@link Player}.
   */
  readonly time: number;
  /** Who sent it, or null if the recording doesn't say. */
  readonly source: NetAddress | null;
  /** Where it was sent to, or null if the recording doesn't say. */
  readonly destination: NetAddress | null;
  /** What carried it, or null if the recording doesn't say. */
  readonly transport: "udp" | "tcp" | "unix" | "websocket" | "serial" | null;
  /** The exact bytes of the packet. */
  readonly data: Uint8Array;
}

/**
 * A recorded show: an iterable of its packets, in their order. It can be iterated more than once if what it reads from can.
 *
 * @example
 * for await (const { time, data } of await openRecording("show.jsonl")) console.log(time, decode(data));
 */
export interface Recording extends AsyncIterable<RecordedPacket> {
  /** How it is written. */
  readonly format: ReadableFormat;
  /** The time at which it begins: 0 for a score; null if that is the time of its first packet. */
  readonly start: number | null;
}

/**
 * A format that can be read. `"jsonl"`: what `oscine dump --json` prints. `"score"`: a SuperCollider score for `scsynth -N`. `"oscdump"`: the text of liblo's
 * `oscdump` and `oscsendfile`. `"pcap"` and `"pcapng"`: network captures of tcpdump, dumpcap and Wireshark.
 */
export type ReadableFormat = "jsonl" | "score" | "oscdump" | "pcap" | "pcapng";

/** A format that can be written. */
export type WritableFormat = Exclude<ReadableFormat, "pcap">;

/** Options of reading a recording. */
export interface ReadRecordingOptions {
  /** Default: found out from the first bytes. */
  readonly format?: ReadableFormat | undefined;
  /** The largest packet to accept, in bytes. Default 16 MiB. */
  readonly maxPacketSize?: number | undefined;
  /**
   * Called for everything that could not be read, with its place. After damage that leaves no way to go on, the recording ends there. Default: such damage
   * ends the iteration with the error, and what costs one packet is passed over.
   */
  readonly onError?: ((error: OscError) => void) | undefined;
}

/** Turns bytes into packets, in pieces of any size. */
export interface RecordingReader {
  /** Reads the next bytes. `emit` is called for every packet. */
  push(bytes: Uint8Array): void;
  /** The bytes have ended. */
  end(): void;
}

/** What a reader tells of. */
export interface RecordingEvents {
  packet(packet: RecordedPacket): void;
  /** @param fatal nothing more can be read */
  fault(error: OscError, fatal: boolean): void;
}

/** Turns packets into bytes. */
export interface RecordingWriter {
  /** The bytes that begin the file. May be empty. */
  header(): Uint8Array;
  /**
   * The bytes of a packet.
   *
   * @throws OscRecordingError `OSC_RECORDING_UNSUPPORTED` if the format can't hold the packet
   */
  packet(packet: RecordedPacket): Uint8Array;
}

/** A frame as it was captured on a network interface. */
export interface CapturedFrame {
  /** A LINKTYPE_ number of the libpcap project. */
  readonly linkType: number;
  /** Milliseconds since 1970-01-01 UTC, with fractions. */
  readonly time: number;
  /** A view that is good until the next frame. */
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
