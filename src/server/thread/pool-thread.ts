import { MessageChannel, type MessagePort, type Worker, receiveMessageOnPort } from "node:worker_threads";
import { AnswerReader, BY_PORT, HANDLED, REFUSED, REPLY, REPORT } from "../crossing/answer-records.ts";
import { PACKET, PacketWriter } from "../crossing/blocking-records.ts";
import { Doorbell } from "../crossing/doorbell.ts";
import { type PackedError, unpackError } from "../crossing/error-transfer.ts";
import { Progress } from "../crossing/progress.ts";
import { READER_SLEEPS, RingReader, RingWriter, WRITER_WAITS, ringMemory } from "../crossing/shared-ring.ts";
import type { PacketsAhead, PoolWorker, PoolWorkerEvents } from "../pool/pool-worker.ts";
import { timingDiffers } from "../pool/program.ts";
import { workerLimits } from "../pool/worker-service.ts";
import type { Limits } from "../road/options.ts";
import type { Packet } from "../road/packet.ts";
import { startThread } from "./start-thread.ts";
import { ANSWERS_CAPACITY, type FromThread, PACKETS_CAPACITY, type ToThread, exactly } from "./thread-messages.ts";
import type { ThreadPoolDescription } from "./thread-pool-options.ts";

/** How long a thread that loads the program may take to end by itself. */
const LOADING_MS = 1000;
/** What a record needs beside the packet's bytes, at most: its head, and the address of a client. */
const BESIDE = 128;

/** The pool's side of one thread. Packets and answers lie in rings in shared memory, and who sleeps is woken only when it says so. */
export class PoolThread implements PoolWorker, PacketsAhead {
  readonly #description: ThreadPoolDescription;
  readonly #events: PoolWorkerEvents;
  readonly #port: MessagePort;
  readonly #doorbell: Doorbell;
  readonly #packets: RingWriter;
  readonly #packetWriter: PacketWriter;
  readonly #answers: RingReader;
  readonly #answerReader: AnswerReader;
  readonly #progress: Progress;
  readonly #decoder = new TextDecoder();
  /** How many packets are known to be done with, as far as the thread counts them. */
  #finished = 0;
  /** How many of these there were, and how long it had been at work, when it had looked at the clock last. */
  #finishedBefore = 0;
  #workedBefore = 0;
  /** How many it was given. */
  #given = 0;
  /** So many have to be done with before one may be handed ahead: what goes by the port does not wait in line with what is in the ring. */
  #givenByPort = 0;
  /** What came by the port before its record was read. */
  readonly #parcels: FromThread[] = [];
  readonly #worker: Worker;
  #isReady = false;
  /** Set while a thread that loads the program is asked to end. */
  #ending: NodeJS.Timeout | null = null;
  #listening = false;
  /** Set while packets come: at the end of each turn of the event loop the thread is listened to, and need not wake this one. */
  #turn: NodeJS.Immediate | null = null;
  /** Whether the thread was woken in this turn, and whether more came after that. */
  #isWoken = false;
  #moreCame = false;
  /** Why it ends, where more is known than the exit code. */
  #reason: string | null = null;

  constructor(description: ThreadPoolDescription, limits: Limits, events: PoolWorkerEvents) {
    this.#description = description;
    this.#events = events;
    const { port1, port2 } = new MessageChannel();
    const packets = ringMemory(PACKETS_CAPACITY);
    const answers = ringMemory(ANSWERS_CAPACITY);
    const progress = new SharedArrayBuffer(Progress.byteLength);
    const doorbell = new SharedArrayBuffer(Doorbell.byteLength);
    this.#port = port1;
    this.#doorbell = new Doorbell(doorbell);
    this.#packets = new RingWriter(packets);
    this.#packetWriter = new PacketWriter(this.#packets, port1);
    this.#answers = new RingReader(answers);
    this.#answerReader = new AnswerReader(this.#answers);
    this.#progress = new Progress(progress);
    const { program, packetsPerThread } = description;
    const init = { program, limits: workerLimits(limits), packetsAtOnce: packetsPerThread, packets, answers, progress, doorbell };
    this.#worker = startThread(description, init);
    this.#worker.postMessage(port2, [port2]);
    this.#doorbell.ring();
    port1.on("message", (message: FromThread | null) => this.#mailCame(message));
    this.#sleep();
    this.#worker.on("error", (error) => (this.#reason ??= this.#describeError(error)));
    this.#worker.on("exit", (code) => this.#exited(code));
  }

  /** One packet after another is handled only where none is handled side by side; there, others may wait behind it. */
  get ahead(): PacketsAhead | null {
    return this.#description.packetsPerThread === 1 ? this : null;
  }

  give(id: number, packet: Packet): void {
    if (isSmall(packet) && this.add(id, packet) !== -1) return;
    this.#given += 1;
    this.#givenByPort = this.#given;
    const { data, peer, asOf } = packet;
    this.#post({ type: "packet", id, data: exactly(data), client: peer.address, asOf });
  }

  hasRoom(packet: Packet): boolean {
    return isSmall(packet) && this.#packets.isHalfEmpty && ((this.#finished - this.#givenByPort) | 0) >= 0;
  }

  add(id: number, { data, peer, asOf }: Packet): number {
    const place = this.#packetWriter.write(data, peer.address, asOf, id);
    if (place === -1) return -1;
    this.#given += 1;
    this.#wake();
    return place;
  }

  takeBack(place: number): boolean {
    const isBack = this.#packets.cancel(place, PACKET);
    if (isBack) this.#given -= 1;
    return isBack;
  }

  listen(): void {
    // What is told may lead to the next packet, and back here.
    if (this.#listening) return;
    this.#listening = true;
    // What is to be said of these packets lies in the ring by now.
    const { finished } = this.#progress;
    let read = false;
    while (this.#answerReader.next()) {
      read = true;
      this.#hasFinished(this.#answerReader.finished);
      this.#take();
    }
    this.#hasFinished(finished);
    this.#listening = false;
    if (read && this.#answers.lower(WRITER_WAITS)) this.#doorbell.ring();
  }

  retire(): void {
    this.#post({ type: "end" });
  }

  kill(): void {
    if (this.#isReady) return void this.#worker.terminate();
    // It loads the program. Were it ended by force while Node links modules for `require`, it would take the whole process with it.
    this.retire();
    this.#ending = setTimeout(() => void this.#worker.terminate(), LOADING_MS);
  }

  /** Wakes the thread: at once for the first packet in a turn of the event loop, and once more at its end for all others. */
  #wake(): void {
    if (this.#isWoken) {
      this.#moreCame = true;
      return;
    }
    this.#isWoken = true;
    this.#ring();
    if (this.#turn !== null) return;
    this.#answers.lower(READER_SLEEPS);
    this.#turn = setImmediate(() => this.#turnEnds());
  }

  #turnEnds(): void {
    this.#turn = null;
    if (!this.#isWoken) return this.#sleep();
    this.#isWoken = false;
    if (this.#moreCame) this.#ring();
    this.#moreCame = false;
    this.#turn = setImmediate(() => this.#turnEnds());
    this.listen();
  }

  #ring(): void {
    this.#doorbell.ring();
    if (this.#packets.lower(READER_SLEEPS)) this.#port.postMessage(null);
  }

  #post(message: ToThread): void {
    this.#port.postMessage(message);
    this.#doorbell.ringForMail();
  }

  #mailCame(message: FromThread | null): void {
    if (message !== null) this.#parcels.push(message);
    this.listen();
    if (this.#turn === null) this.#sleep();
  }

  /** From now on the thread wakes the event loop; so look once more at what it did before. */
  #sleep(): void {
    this.#answers.raise(READER_SLEEPS);
    this.listen();
  }

  /** The thread has done with so many packets since it was started; of those that were refused it has said so. */
  #hasFinished(count: number): void {
    const more = (count - this.#finished) | 0;
    if (more <= 0) return;
    this.#finished = count;
    const { worked } = this.#progress;
    if (worked === this.#workedBefore) return this.#events.handled(more);
    const took = (worked - this.#workedBefore) / ((count - this.#finishedBefore) | 0);
    this.#workedBefore = worked;
    this.#finishedBefore = count;
    this.#events.handled(more, took);
  }

  /** Passes on what was read from the ring. */
  #take(): void {
    const { kind, id, data, took, reason } = this.#answerReader;
    switch (kind) {
      case HANDLED:
        return this.#events.settle(id, null, took);
      case REPLY:
        return this.#events.reply(id, data);
      case REPORT:
        return this.#events.report(id, unpackError(JSON.parse(this.#decoder.decode(data)) as PackedError));
      case REFUSED:
        if (this.ahead !== null) this.#finished = (this.#finished + 1) | 0;
        return this.#events.refuse(id, reason);
      case BY_PORT: {
        const message = this.#parcels.shift() ?? this.#nextMail();
        if (message !== null) this.#takeParcel(message);
      }
    }
  }

  #nextMail(): FromThread | null {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      if (next.message !== null) return next.message as FromThread;
      // It was to wake this thread, which now is not told of it.
      this.#answers.raise(READER_SLEEPS);
    }
    return null;
  }

  #takeParcel(message: FromThread): void {
    const events = this.#events;
    switch (message.type) {
      case "ready":
        this.#isReady = true;
        if (message.strictTiming !== this.#description.strictTiming) events.fault(timingDiffers(message.strictTiming));
        return events.ready();
      case "reply":
        return events.reply(message.id, message.data);
      case "report":
        return events.report(message.id, unpackError(message.error));
      case "shutdown":
        return events.shutdown();
      case "unusable":
        this.#reason = message.reason;
    }
  }

  #exited(code: number): void {
    if (this.#ending !== null) clearTimeout(this.#ending);
    if (this.#turn !== null) clearImmediate(this.#turn);
    // What it said last may still lie there.
    this.listen();
    this.#port.close();
    this.#events.ended(this.#reason ?? `exit code ${code}`);
  }

  #describeError(error: unknown): string {
    if (!(error instanceof Error)) return `uncaught ${String(error)}`;
    if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") {
      return `it needed more memory than threadMemory allows (${this.#description.threadMemory} MiB)`;
    }
    return `uncaught ${error.stack ?? error.message}`;
  }
}

function isSmall({ data }: Packet): boolean {
  return data.length <= PACKETS_CAPACITY / 4 - BESIDE;
}
