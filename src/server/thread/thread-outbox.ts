import type { MessagePort } from "node:worker_threads";
import type { OscError } from "../../errors.ts";
import { AnswerWriter } from "../crossing/answer-records.ts";
import type { WakeSignal } from "../io-thread/wake-signal.ts";
import { packError } from "../crossing/error-transfer.ts";
import { Progress } from "../crossing/progress.ts";
import { READER_SLEEPS, RingWriter, WRITER_WAITS } from "../io-thread/shared-ring.ts";
import type { PacketResult } from "../../packet-result.ts";
import type { LateReason } from "../handle.ts";
import { type FromThread, type ThreadInit, exactly } from "./thread-messages.ts";

/** After so many packets the pool is told of them, even though more packets lie ready. */
const ANSWERS_AT_ONCE = 64;
/**
 * How long a thread that has nothing more to do waits before it tells of packets that brought no replies: to wake the pool takes longer than to handle a
 * packet, and where more packets come, it looks by itself.
 */
export const TELL_MS = 0.5;

/** What a thread says to its pool: in its ring, in the order in which it is said. */
export class ThreadOutbox {
  readonly #ring: RingWriter;
  readonly #answers: AnswerWriter;
  /** Where it counts its packets; null where it handles several side by side, and has to say which one is done. */
  readonly #progress: Progress | null;
  readonly #port: MessagePort;
  readonly #doorbell: WakeSignal;
  readonly #encoder = new TextEncoder();
  #worked = 0;
  /** Packets handled since the pool was told. */
  #untold = 0;

  constructor({ answers, progress, packetsAtOnce }: ThreadInit, port: MessagePort, doorbell: WakeSignal) {
    this.#ring = new RingWriter(answers);
    this.#answers = new AnswerWriter(this.#ring);
    this.#progress = packetsAtOnce === 1 ? new Progress(progress) : null;
    this.#port = port;
    this.#doorbell = doorbell;
  }

  /**
   * A packet is done with.
   *
   * @param took how long its handlers were at work, in milliseconds; left out where {@link worked} says it of several
   */
  settle(id: number, result: PacketResult, took = 0): void {
    if (result.kind === "rejected") this.#write(() => this.#answers.refused(id, result.reason as LateReason));
    else if (this.#progress === null) this.#write(() => this.#answers.handled(id, took));
    if (this.#progress !== null) {
      this.#answers.finished = (this.#answers.finished + 1) | 0;
      this.#progress.finished = this.#answers.finished;
      if (took > 0) this.worked(took);
    }
    this.#untold += 1;
    if (this.#untold >= ANSWERS_AT_ONCE) this.tell();
  }

  /** Its handlers were at work for so many milliseconds more. */
  worked(milliseconds: number): void {
    this.#worked += milliseconds;
    if (this.#progress !== null) this.#progress.worked = this.#worked;
  }

  reply(id: number, data: Uint8Array): void {
    if (!this.#answers.takes(data)) return this.say({ type: "reply", id, data: exactly(data) });
    this.#write(() => this.#answers.reply(id, data));
    // A client waits for this one; the handler may still go on for long.
    this.tell();
  }

  report(id: number, error: OscError): void {
    const packed = packError(error);
    const data = this.#encoder.encode(JSON.stringify(packed));
    if (!this.#answers.takes(data)) return this.say({ type: "report", id, error: packed });
    this.#write(() => this.#answers.report(id, data));
    this.tell();
  }

  /** Says what the ring does not hold. */
  say(message: FromThread): void {
    this.#port.postMessage(message);
    this.#write(() => this.#answers.byPort());
    // The message has woken the pool, which may have looked for the record before it was there.
    this.tell();
  }

  /** Whether packets have been handled of which the pool was not told. */
  get hasUntold(): boolean {
    return this.#untold > 0;
  }

  /** Wakes the pool if it sleeps. */
  tell(): void {
    this.#untold = 0;
    if (this.#ring.lower(READER_SLEEPS)) this.#port.postMessage(null);
  }

  /** Writes a record, waiting for room where there is none. */
  #write(write: () => boolean): void {
    while (!write()) {
      const { rings } = this.#doorbell;
      this.#ring.raise(WRITER_WAITS);
      if (write()) return;
      this.tell();
      this.#doorbell.sleep(rings, Infinity);
    }
  }
}
