/** The records in which a thread that receives hands datagrams on: how they lie in the ring. */
import { copyOf } from "../../transport/copy-bytes.ts";
import type { RingReader, RingWriter } from "./shared-ring.ts";

const DATAGRAM = 1;
/** Where the parts of a payload lie. The sender's size is 16 or 28 bytes, so the data after it begins at a multiple of 4. */
const DATA_SIZE = 0;
const SENDER_SIZE = 4;
const SENDER = 8;

/** Writes datagrams into the ring. */
export class DatagramWriter {
  readonly #ring: RingWriter;

  constructor(ring: RingWriter) {
    this.#ring = ring;
  }

  /**
   * @param sender a `sockaddr`
   * @returns false where the ring has no room
   */
  write(data: Uint8Array, sender: Uint8Array): boolean {
    const ring = this.#ring;
    const at = ring.begin(SENDER + sender.length + data.length);
    if (at === -1) return false;
    ring.ints[(at + DATA_SIZE) / 4] = data.length;
    ring.ints[(at + SENDER_SIZE) / 4] = sender.length;
    ring.bytes.set(sender, at + SENDER);
    ring.bytes.set(data, at + SENDER + sender.length);
    ring.publish(DATAGRAM);
    return true;
  }
}

/** Reads datagrams from the ring. After `next`, the others tell of the datagram, until `release`. */
export class DatagramReader {
  readonly #ring: RingReader;

  constructor(ring: RingReader) {
    this.#ring = ring;
  }

  /** Goes to the next datagram; false where there is none. */
  next(): boolean {
    return this.#ring.claim();
  }

  /** The memory in which its sender lies. */
  get bytes(): Uint8Array {
    return this.#ring.bytes;
  }

  get senderStart(): number {
    return this.#ring.payload + SENDER;
  }

  get senderSize(): number {
    return this.#ring.ints[(this.#ring.payload + SENDER_SIZE) / 4] ?? 0;
  }

  /** Its bytes, as a copy. */
  copy(): Uint8Array {
    const { ints, payload } = this.#ring;
    return copyOf(this.#ring.bytes, this.senderStart + this.senderSize, ints[(payload + DATA_SIZE) / 4] ?? 0);
  }

  /** Gives its memory back. */
  release(): void {
    this.#ring.release();
  }
}
