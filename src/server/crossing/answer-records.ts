/** The records in which a thread of a pool says what becomes of packets: how they lie in the ring. */
import { copyOf } from "../../transport/copy-bytes.ts";
import type { LateReason } from "../handle.ts";
import type { RingReader, RingWriter } from "../io-thread/shared-ring.ts";

/** The packet has been handled. Said only by a thread that handles several side by side; another one counts them. */
export const HANDLED = 1;
export const REPLY = 2;
/** What is to be said lies in the port. */
export const BY_PORT = 3;
/** The packet was refused. Why in detail, its bytes tell again. */
export const REFUSED = 4;
/** An error that does not decide the fate of the packet, as JSON. */
export const REPORT = 5;

const REASONS: readonly LateReason[] = ["malformed", "unverified"];

/** Where the parts of a payload lie; what follows the first two is the one or the other. */
const ID = 0;
const FINISHED = 4;
const TOOK = 8;
const REASON = 8;
const SIZE = 8;
const DATA = 12;

/** Writes answers into the ring. Each returns false where that has no room. */
export class AnswerWriter {
  /** How many packets were done with before what is written next. */
  finished = 0;
  readonly #ring: RingWriter;

  constructor(ring: RingWriter) {
    this.#ring = ring;
  }

  /** @param took how long the handlers were at work, in milliseconds */
  handled(id: number, took: number): boolean {
    const at = this.#begin(id, TOOK + 8);
    if (at === -1) return false;
    this.#ring.doubles[(at + TOOK) / 8] = took;
    this.#ring.publish(HANDLED);
    return true;
  }

  refused(id: number, reason: LateReason): boolean {
    const at = this.#begin(id, REASON + 4);
    if (at === -1) return false;
    this.#ring.ints[(at + REASON) / 4] = REASONS.indexOf(reason);
    this.#ring.publish(REFUSED);
    return true;
  }

  /** Whether a reply or a report is small enough for the ring; otherwise it goes by the port. */
  takes(data: Uint8Array): boolean {
    return data.length <= this.#ring.capacity / 4;
  }

  reply(id: number, data: Uint8Array): boolean {
    return this.#write(REPLY, id, data);
  }

  /** @param data an error, as JSON */
  report(id: number, data: Uint8Array): boolean {
    return this.#write(REPORT, id, data);
  }

  byPort(): boolean {
    if (this.#begin(0, DATA) === -1) return false;
    this.#ring.publish(BY_PORT);
    return true;
  }

  #write(kind: typeof REPLY | typeof REPORT, id: number, data: Uint8Array): boolean {
    const at = this.#begin(id, DATA + data.length);
    if (at === -1) return false;
    this.#ring.ints[(at + SIZE) / 4] = data.length;
    this.#ring.bytes.set(data, at + DATA);
    this.#ring.publish(kind);
    return true;
  }

  #begin(id: number, size: number): number {
    const { ints } = this.#ring;
    const at = this.#ring.begin(size);
    if (at === -1) return -1;
    ints[(at + ID) / 4] = id;
    ints[(at + FINISHED) / 4] = this.finished;
    return at;
  }
}

/** Reads answers from the ring. After `next`, its fields tell of the answer. */
export class AnswerReader {
  kind = 0;
  id = 0;
  /** How many packets were done with before. */
  finished = 0;
  took = 0;
  reason: LateReason = "malformed";
  /** The bytes of a reply, or of an error, as a copy. */
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
    this.id = ints[(payload + ID) / 4] ?? 0;
    this.finished = ints[(payload + FINISHED) / 4] ?? 0;
    if (kind === HANDLED) this.took = ring.doubles[(payload + TOOK) / 8] ?? 0;
    if (kind === REFUSED) this.reason = REASONS[ints[(payload + REASON) / 4] ?? 0] ?? "malformed";
    if (kind === REPLY || kind === REPORT) this.data = copyOf(ring.bytes, payload + DATA, ints[(payload + SIZE) / 4] ?? 0);
    ring.release();
    return true;
  }
}
