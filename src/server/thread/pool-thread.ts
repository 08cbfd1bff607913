import { MessageChannel, type MessagePort, type Worker, receiveMessageOnPort } from "node:worker_threads";
import { handled } from "../../packet-result.ts";
import { AnswerReader, BY_PORT, HANDLED, REFUSED, REPLY, REPORT } from "../crossing/answer-records.ts";
import { PACKET, PacketWriter } from "../io-thread/packet-records.ts";
import { WakeSignal } from "../io-thread/wake-signal.ts";
import { type PackedError, unpackError } from "../crossing/error-transfer.ts";
import { Progress } from "../crossing/progress.ts";
import { READER_SLEEPS, RingReader, RingWriter, WRITER_WAITS, ringMemory } from "../io-thread/shared-ring.ts";
import type { PacketsAhead, PoolWorker, PoolWorkerEvents } from "../pool/pool-worker.ts";
import { timingDiffers } from "../pool/program.ts";
import { workerLimits } from "../pool/worker-service.ts";
import type { Limits } from "../options.ts";
import type { Packet } from "../executor.ts";
import { startThread } from "./start-thread.ts";
import { ANSWERS_CAPACITY, type FromThread, PACKETS_CAPACITY, type ToThread, exactly, fitsRing } from "./thread-messages.ts";
import { isRunnable } from "./thread-state.ts";
import { ThreadTally } from "./thread-tally.ts";
import type { ThreadPoolDescription } from "./thread-pool-options.ts";

/** How long a thread that loads the program may take to end by itself. */
const LOADING_MS = 1000;

/** The pool's side of one thread. Packets and answers lie in rings in shared memory, and who sleeps is woken only when it says so. */
export class PoolThread implements PoolWorker, PacketsAhead {
  readonly #description: ThreadPoolDescription;
  readonly #events: PoolWorkerEvents;
  readonly #port: MessagePort;
  readonly #doorbell: WakeSignal;
  readonly #packets: RingWriter;
  readonly #packetWriter: PacketWriter;
  readonly #answers: RingReader;
  readonly #answerReader: AnswerReader;
  readonly #tally: ThreadTally;
  readonly #decoder = new TextDecoder();
  /** What came by the port before its record was read. */
  readonly #parcels: FromThread[] = [];
  readonly #worker: Worker;
  #isReady = false;
  /** Set while a thread that loads the program is asked to end. */
  #ending: NodeJS.Timeout | null = null;
  #systemId: number | null = null;
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
    const doorbell = new SharedArrayBuffer(WakeSignal.byteLength);
    this.#port = port1;
    this.#doorbell = new WakeSignal(doorbell);
    this.#packets = new RingWriter(packets);
    this.#packetWriter = new PacketWriter(this.#packets, port1);
    this.#answers = new RingReader(answers);
    this.#answerReader = new AnswerReader(this.#answers);
    this.#tally = new ThreadTally(new Progress(progress), (count, took) => events.handled(count, took));
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

  get computes(): boolean {
    return this.#systemId !== null && isRunnable(this.#systemId);
  }

  give(id: number, packet: Packet): void {
    if (fitsRing(packet.data) && this.add(id, packet) !== -1) return;
    this.#tally.givenByPort();
    const { data, peer, asOf } = packet;
    this.#post({ type: "packet", id, data: exactly(data), client: peer.address, asOf });
  }

  hasRoom(packet: Packet): boolean {
    return fitsRing(packet.data) && this.#packets.isHalfEmpty && this.#tally.isInLine;
  }

  add(id: number, { data, peer, asOf }: Packet): number {
    const place = this.#packetWriter.write(data, peer.address, asOf, id);
    if (place === -1) return -1;
    this.#tally.given();
    this.#wake();
    return place;
  }

  takeBack(place: number): boolean {
    const isBack = this.#packets.cancel(place, PACKET);
    if (isBack) this.#tally.takenBack();
    return isBack;
  }

  listen(): void {
    // What is told may lead to the next packet, and back here.
    if (this.#listening) return;
    this.#listening = true;
    const { now } = this.#tally;
    let read = false;
    while (this.#answerReader.next()) {
      read = true;
      this.#tally.finished(this.#answerReader.finished);
      this.#take();
    }
    this.#tally.finished(now);
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

  /** Passes on what was read from the ring. */
  #take(): void {
    const { kind, id, data, took, reason } = this.#answerReader;
    switch (kind) {
      case HANDLED:
        return this.#events.settle(id, handled(0), took);
      case REPLY:
        return this.#events.reply(id, data);
      case REPORT:
        return this.#events.report(id, unpackError(JSON.parse(this.#decoder.decode(data)) as PackedError));
      case REFUSED:
        if (this.ahead !== null) this.#tally.refused();
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
        this.#systemId = message.systemId;
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
