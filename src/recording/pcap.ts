import { OscRecordingError } from "../errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import { PacketExtractor } from "./network-packets.ts";
import type { RecordingEvents, RecordingReader } from "./recording.ts";

/** The largest accepted block or frame. Wireshark limits frames to 256 KiB. */
const MAX_BLOCK = 16 * 1024 * 1024;

/** Base class for both formats: size-prefixed blocks, each read once it is complete. */
abstract class CaptureReader implements RecordingReader {
  protected readonly queue: ByteQueue = new ByteQueue();
  protected readonly extractor: PacketExtractor;
  readonly #events: RecordingEvents;
  #isDamaged = false;

  constructor(events: RecordingEvents, maxPacketSize: number) {
    this.#events = events;
    this.extractor = new PacketExtractor(events, maxPacketSize);
  }

  push(bytes: Uint8Array): void {
    if (this.#isDamaged) return;
    this.queue.push(bytes);
    while (!this.#isDamaged && this.readNext());
  }

  end(): void {
    if (this.#isDamaged) return;
    if (this.queue.length > 0) this.damaged(`it ends ${this.queue.length} bytes into a block`);
    this.extractor.end();
  }

  /** Reads one block. False if it isn't complete yet. */
  protected abstract readNext(): boolean;

  /** Reports damage that makes the rest unreadable. */
  protected damaged(what: string): false {
    this.#isDamaged = true;
    const { offset } = this.queue;
    this.#events.fault(new OscRecordingError("OSC_RECORDING_DAMAGED", `The capture is damaged at byte ${offset}: ${what}.`, offset), true);
    return false;
  }
}

/** The first four bytes of a file, read as big-endian: both byte orders, each with microseconds or nanoseconds. */
const PCAP_MAGIC: ReadonlyMap<number, { readonly littleEndian: boolean; readonly unitsPerMs: number }> = new Map([
  [0xa1b2c3d4, { littleEndian: false, unitsPerMs: 1e3 }],
  [0xd4c3b2a1, { littleEndian: true, unitsPerMs: 1e3 }],
  [0xa1b23c4d, { littleEndian: false, unitsPerMs: 1e6 }],
  [0x4d3cb2a1, { littleEndian: true, unitsPerMs: 1e6 }],
]);
const PCAP_HEADER = 24;
const PCAP_RECORD_HEADER = 16;

/** Whether a file begins like a pcap capture. */
export function isPcap(firstBytes: Uint8Array): boolean {
  return firstBytes.length >= 4 && PCAP_MAGIC.has(viewOf(firstBytes).getUint32(0));
}

/** Reads libpcap captures. */
export class PcapReader extends CaptureReader {
  #format: { readonly littleEndian: boolean; readonly unitsPerMs: number; readonly linkType: number } | null = null;

  protected readNext(): boolean {
    return this.#format === null ? this.#readHeader() : this.#readRecord();
  }

  #readHeader(): boolean {
    if (this.queue.length < PCAP_HEADER) return false;
    const view = viewOf(this.queue.peek());
    const magic = PCAP_MAGIC.get(view.getUint32(0));
    if (magic === undefined) return this.damaged("it doesn't begin like a capture");
    // The upper four bits describe an optional checksum after each frame.
    this.#format = { ...magic, linkType: view.getUint32(20, magic.littleEndian) & 0x0fff_ffff };
    this.queue.take(PCAP_HEADER);
    return true;
  }

  #readRecord(): boolean {
    const { littleEndian = false, unitsPerMs = 1, linkType = 0 } = this.#format ?? {};
    if (this.queue.length < PCAP_RECORD_HEADER) return false;
    const view = viewOf(this.queue.peek());
    const length = view.getUint32(8, littleEndian);
    if (length > MAX_BLOCK) return this.damaged(`a frame claims to have ${length} bytes`);
    if (this.queue.length < PCAP_RECORD_HEADER + length) return false;
    const time = view.getUint32(0, littleEndian) * 1000 + view.getUint32(4, littleEndian) / unitsPerMs;
    const data = this.queue.take(PCAP_RECORD_HEADER + length).subarray(PCAP_RECORD_HEADER);
    this.extractor.frame({ linkType, time, data });
    return true;
  }
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;
/** More than any machine has. */
const MAX_INTERFACES = 4096;

/** Whether a file begins like a pcapng capture. */
export function isPcapng(firstBytes: Uint8Array): boolean {
  return firstBytes.length >= 4 && viewOf(firstBytes).getUint32(0) === SECTION_HEADER;
}

interface CaptureInterface {
  readonly linkType: number;
  /** Timestamp resolution. */
  readonly unitsPerMs: number;
  /** Added to every timestamp, in milliseconds. */
  readonly offset: number;
}

/** Reads pcapng captures. */
export class PcapngReader extends CaptureReader {
  #littleEndian = false;
  #interfaces: CaptureInterface[] = [];
  #lastTime = 0;

  protected readNext(): boolean {
    const { queue } = this;
    if (queue.length < 12) return false;
    const view = viewOf(queue.peek());
    const type = view.getUint32(0);
    if (type === SECTION_HEADER) {
      this.#littleEndian = view.getUint32(8, true) === BYTE_ORDER_MAGIC;
      if (!this.#littleEndian && view.getUint32(8) !== BYTE_ORDER_MAGIC) return this.damaged("a section has an invalid byte-order magic");
      this.#interfaces = [];
    }
    const length = view.getUint32(4, this.#littleEndian);
    if (length < 12 || length % 4 !== 0 || length > MAX_BLOCK) return this.damaged(`a block claims to have ${length} bytes`);
    if (queue.length < length) return false;
    if (view.getUint32(length - 4, this.#littleEndian) !== length) return this.damaged("the sizes at the start and end of a block differ");
    const block = queue.take(length);
    this.#readBlock(view.getUint32(0, this.#littleEndian), block.subarray(8, length - 4));
    return true;
  }

  #readBlock(type: number, body: Uint8Array): void {
    const view = viewOf(body);
    if (type === INTERFACE_DESCRIPTION && body.length >= 8 && this.#interfaces.length < MAX_INTERFACES) {
      this.#interfaces.push(this.#readInterface(view));
    } else if ((type === ENHANCED_PACKET || type === OBSOLETE_PACKET) && body.length >= 20) {
      const index = type === ENHANCED_PACKET ? view.getUint32(0, this.#littleEndian) : view.getUint16(0, this.#littleEndian);
      const { unitsPerMs = 1e3, offset = 0 } = this.#interfaces[index] ?? {};
      const units = view.getUint32(4, this.#littleEndian) * 2 ** 32 + view.getUint32(8, this.#littleEndian);
      this.#lastTime = units / unitsPerMs + offset;
      this.#frame(index, body.subarray(20), view.getUint32(12, this.#littleEndian));
    } else if (type === SIMPLE_PACKET && body.length >= 4) {
      this.#frame(0, body.subarray(4), view.getUint32(0, this.#littleEndian));
    }
  }

  #readInterface(view: DataView): CaptureInterface {
    let unitsPerMs = 1e3;
    let offset = 0;
    for (let position = 8; position + 4 <= view.byteLength;) {
      const code = view.getUint16(position, this.#littleEndian);
      const length = view.getUint16(position + 2, this.#littleEndian);
      position += 4;
      if (position + length > view.byteLength) break;
      if (code === OPTION_TIME_RESOLUTION && length === 1) {
        const value = view.getUint8(position);
        unitsPerMs = (value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value) / 1000;
      } else if (code === OPTION_TIME_OFFSET && length === 8) {
        offset = Number(view.getBigInt64(position, this.#littleEndian)) * 1000;
      }
      position += Math.ceil(length / 4) * 4;
    }
    return { linkType: view.getUint16(0, this.#littleEndian), unitsPerMs, offset };
  }

  #frame(index: number, data: Uint8Array, length: number): void {
    const from = this.#interfaces[index];
    if (from !== undefined) this.extractor.frame({ linkType: from.linkType, time: this.#lastTime, data: data.subarray(0, length) });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
