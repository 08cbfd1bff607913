import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Dispatcher, type ExecutionResult, Reporter } from "../../dispatch/index.ts";
import { OscServerError, type OscError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import { FAULT, HANDLER_ERROR, OutcomeWriter, PacketReader, RING_CAPACITY } from "./packet-records.ts";
import { type Counters, counterOf } from "../stats.ts";
import { packError } from "../pool/error-transfer.ts";
import { IoThread } from "./io-thread.ts";
import { type Handling, SyncReplyContext, runPacket } from "../handle.ts";
import { type BlockingIo, type IoOwner, blockingHandling } from "./server-io.ts";
import { READER_SLEEPS, RingReader, RingWriter, WRITER_WAITS, ringMemory } from "./shared-ring.ts";
import type { TransportSpec } from "../transports.ts";

/** After this many packets the I/O thread is told the results, even if more packets are ready. */
const OUTCOMES_AT_ONCE = 64;

/** The longest that the end of serving waits for the account of the last packets. */
const COMPLETE_MS = 1000;

/** An I/O thread admits and schedules packets and puts them into a ring; here they are taken from it and handled, and outcomes go back. */
export class RingIo implements BlockingIo {
  readonly backend = "portable";
  readonly #owner: IoOwner;
  readonly #io: IoThread;
  readonly #reporter: Reporter;
  readonly #handling: Handling;
  readonly #port: MessagePort;
  readonly #packets: PacketReader;
  readonly #outcomeRing: RingWriter;
  readonly #outcomes: OutcomeWriter;
  /** How far the rings had been read and written when the I/O thread was told last. */
  #toldRead = 0;
  #toldWritten = 0;
  /** Packets handled since. */
  #untold = 0;

  /**
   * @throws OscSocketError if the address can't be used
   * @throws OscServerError `OSC_THREAD_FAILED` if the thread can't be started
   */
  constructor(spec: TransportSpec, dispatcher: Dispatcher, owner: IoOwner) {
    const { port1, port2 } = new MessageChannel();
    const packets = ringMemory(RING_CAPACITY);
    const outcomes = ringMemory(RING_CAPACITY);
    const executor = { kind: "blocking", packets, outcomes, port: port2 } as const;
    this.#io = new IoThread({ ...owner, spec, strictTiming: dispatcher.strictTiming, executor, transfer: [port2] });
    this.#owner = owner;
    this.#reporter = new Reporter(owner.onError, owner.limits.maxReports);
    this.#handling = blockingHandling(dispatcher, owner);
    this.#port = port1;
    this.#packets = new PacketReader(new RingReader(packets), () => this.#parcel());
    this.#outcomeRing = new RingWriter(outcomes);
    this.#outcomes = new OutcomeWriter(this.#outcomeRing, port1);
  }

  get counters(): Counters {
    return this.#io.counters;
  }

  get address(): NetAddress {
    return this.#io.address;
  }

  close(graceMs: number): void {
    this.#io.close(graceMs);
    this.#reporter.close();
  }

  async closed(graceMs: number): Promise<void> {
    await this.#io.closed(graceMs);
    this.#reporter.close();
  }

  serveOne(deadline: number): boolean {
    for (;;) {
      const { sequence } = this.#io;
      this.#io.readMessages();
      const held = this.#reporter.catchUp();
      if (this.#owner.isStopping()) break;
      if (this.#packets.next()) {
        this.#handle();
        return true;
      }
      this.#tellOutcomes();
      const left = deadline - performance.now();
      if (left <= 0) return false;
      this.#io.sleep(sequence, Math.min(left, held));
    }
    return false;
  }

  #handle(): void {
    const { data, client, asOf } = this.#packets;
    const turn = new SyncReplyContext(
      (reply) => {
        this.#write(() => this.#outcomes.reply(reply));
        // A client waits for this one; the handler may still go on for long.
        this.#tellOutcomes();
      },
      (error) => this.#reportHere(error, client),
    );
    const result = runPacket(this.#handling, data, client, asOf, turn) as ExecutionResult;
    turn.isOver = true;
    this.#write(() =>
      result.kind === "handled" ? this.#outcomes.handled(result.unmatched) : this.#outcomes.reject(packError(result.explain())),
    );
    this.#untold += 1;
    if (this.#untold >= OUTCOMES_AT_ONCE) this.#tellOutcomes();
  }

  /** Errors of handlers are told here and now; the I/O thread only counts them. */
  #reportHere(error: OscError, client: NetAddress): void {
    const kind = counterOf(error) === "handlerErrors" ? HANDLER_ERROR : FAULT;
    this.#write(() => this.#outcomes.mark(kind));
    this.#reporter.report(error, client);
  }

  /** Writes a record, waiting for room if there is none. */
  #write(write: () => boolean): void {
    while (!write()) {
      if (this.#io.failure !== null) throw this.#io.failure;
      const { sequence } = this.#io;
      this.#outcomeRing.raise(WRITER_WAITS);
      if (write()) return;
      this.#tellOutcomes();
      this.#io.sleep(sequence, Infinity);
    }
  }

  /** Waits until the I/O thread has counted and sent all that it was given, a matter of microseconds. `stats()` is complete then. */
  complete(): void {
    const deadline = performance.now() + COMPLETE_MS;
    while (!this.#outcomeRing.isDrained && this.#io.failure === null && performance.now() < deadline) {
      const { sequence } = this.#io;
      this.#outcomeRing.raise(WRITER_WAITS);
      this.#tellOutcomes();
      if (!this.#outcomeRing.isDrained) this.#io.sleep(sequence, deadline - performance.now());
    }
    // What it has to say about the last packets is told before serving ends.
    this.#io.readMessages();
  }

  /** Wakes the I/O thread if it sleeps, and has not been told of everything. */
  #tellOutcomes(): void {
    const { position: read } = this.#packets;
    const { position: written } = this.#outcomeRing;
    if (read === this.#toldRead && written === this.#toldWritten) return;
    this.#toldRead = read;
    this.#toldWritten = written;
    this.#untold = 0;
    if (this.#outcomeRing.lower(READER_SLEEPS)) this.#port.postMessage(null);
  }

  #parcel(): Uint8Array {
    const message: unknown = receiveMessageOnPort(this.#port)?.message;
    if (message instanceof Uint8Array) return message;
    throw new OscServerError("OSC_THREAD_FAILED", "The I/O thread of the server failed: a packet didn't arrive over the port.");
  }
}
