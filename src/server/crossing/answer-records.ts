/** The records in which a thread of a pool says what becomes of packets: how they lie in the ring. */
import { copyOf } from "../../transport/copy-bytes.ts";
import type { RingReader, RingWriter } from "./shared-ring.ts";

/** The packet has been handled. */
export const HANDLED = 1;
export const REPLY = 2;
/** What is to be said lies in the port. */
export const BY_PORT = 3;

/** Where the parts of a payload lie; what follows the id is the one or the other. */
const ID = 0;
const SIZE = 4;
const TOOK = 8;
const DATA = 8;

/** Writes answers into the ring. Each returns false where that has no room. */
export class AnswerWriter {
  readonly #ring: RingWriter;

  constructor(ring: RingWriter) {
    this.#ring = ring;
  }

  /** @param took how long the handlers were at work, in milliseconds */
  handled(id: number, took: number): boolean {
    const ring = this.#ring;
    const at = ring.begin(TOOK + 8);
    if (at === -1) return false;
    ring.ints[(at + ID) / 4] = id;
    ring.doubles[(at + TOOK) / 8] = took;
    ring.publish(HANDLED);
    return true;
  }

  /** Whether a reply is small enough for the ring; otherwise it goes by the port. */
  takes(data: Uint8Array): boolean {
    return data.length <= this.#ring.capacity / 4;
  }

  reply(id: number, data: Uint8Array): boolean {
    const ring = this.#ring;
    const at = ring.begin(DATA + data.length);
    if (at === -1) return false;
    ring.ints[(at + ID) / 4] = id;
    ring.ints[(at + SIZE) / 4] = data.length;
    ring.bytes.set(data, at + DATA);
    ring.publish(REPLY);
    return true;
  }

  byPort(): boolean {
    if (this.#ring.begin(0) === -1) return false;
    this.#ring.publish(BY_PORT);
    return true;
  }
}

/** Reads answers from the ring. After `next`, its fields tell of the answer. */
export class AnswerReader {
  kind = 0;
  id = 0;
  took = 0;
  /** The bytes of a reply, as a copy. */
  data: Uint8Array = new Uint8Array(0);
  readonly #ring: RingReader;

  constructor(ring: RingReader) {
    this.#ring = ring;
  }

  /** Takes an answer from the ring; false where there is none. */
  next(): boolean {
    const ring = this.#ring;
    if (!ring.claim()) return false;
    const { kind, payload, ints } = ring;
    this.kind = kind;
    if (kind !== BY_PORT) this.id = ints[(payload + ID) / 4] ?? 0;
    if (kind === HANDLED) this.took = ring.doubles[(payload + TOOK) / 8] ?? 0;
    if (kind === REPLY) this.data = copyOf(ring.bytes, payload + DATA, ints[(payload + SIZE) / 4] ?? 0);
    ring.release();
    return true;
  }
}
