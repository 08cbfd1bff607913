import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Dispatcher } from "../dispatch/index.ts";
import { OscDispatchError, OscServerError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { FAULT, HANDLED, HANDLER_ERROR, OutcomeWriter, PacketReader, RING_CAPACITY } from "./blocking-records.ts";
import { counterOf } from "./counters.ts";
import { packError } from "./error-transfer.ts";
import { limitsOf } from "./options.ts";
import type { Outcome } from "./packet.ts";
import { Reporter } from "./reporter.ts";
import { type Handling, type PacketSink, runPacket } from "./run-packet.ts";
import { READER_SLEEPS, RingReader, RingWriter, WRITER_WAITS, ringMemory } from "./shared-ring.ts";
import { SyncServer, type SyncServerOptions } from "./sync-server.ts";
import type { TransportSpec } from "./transports.ts";

/** Options of the blocking servers. */
export type BlockingServerOptions = SyncServerOptions;

/** After so many packets the I/O thread is told of outcomes, even though more packets lie ready. */
const OUTCOMES_AT_ONCE = 64;

/** The longest that the end of serving waits for the account of the last packets. */
const COMPLETE_MS = 1000;

/** A server that handles packets in the thread that calls it, one after another; the named classes choose its transport. */
export class BlockingServer extends SyncServer {
  readonly dispatcher: Dispatcher;
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

  constructor(spec: TransportSpec, address: NetAddress, dispatcher: Dispatcher, options: BlockingServerOptions) {
    const { port1, port2 } = new MessageChannel();
    const packets = ringMemory(RING_CAPACITY);
    const outcomes = ringMemory(RING_CAPACITY);
    const description = { kind: "blocking", packets, outcomes, port: port2 } as const;
    super({ spec, address, executor: () => ({ description, transfer: [port2] }), strictTiming: dispatcher.strictTiming }, options);
    this.dispatcher = dispatcher;
    const limits = limitsOf(options);
    this.#reporter = new Reporter(this.report, limits.maxReports);
    this.#handling = {
      ...limits,
      dispatcher,
      mode: "sync",
      verify: (data, client) => this.verifyRequest(data, client),
      shutdown: () => this.shutdown(),
    };
    this.#port = port1;
    this.#packets = new PacketReader(new RingReader(packets), () => this.#parcel());
    this.#outcomeRing = new RingWriter(outcomes);
    this.#outcomes = new OutcomeWriter(this.#outcomeRing, port1);
  }

  /** @inheritDoc */
  override serveForever(): void {
    this.occupy(
      "serveForever",
      () => {
        while (this.#serveOne(Infinity));
        this.#completeAccount();
      },
      undefined,
    );
  }

  /** @inheritDoc */
  override handleRequest(): boolean {
    const serve = (): boolean => {
      const served = this.#serveOne(performance.now() + this.timeout);
      this.#completeAccount();
      if (!served && !this.stopping) this.handleTimeout();
      return served;
    };
    return this.occupy("handleRequest", serve, false);
  }

  /**
   * Ends the server for good; the port is free when this returns. From inside a handler, the server ends when the handler has ended.
   * May be called twice.
   */
  override close(): void {
    this.closeBlocking();
  }

  protected override closeBlocking(): void {
    super.closeBlocking();
    if (this.isClosed) this.#reporter.close();
  }

  /** Waits for a packet and handles it. False where none came before the deadline, or the server is to stop. */
  #serveOne(deadline: number): boolean {
    for (;;) {
      const { rings } = this.io;
      this.io.readMail();
      const held = this.#reporter.catchUp();
      if (this.stopping) break;
      if (this.#packets.next()) {
        this.#handle();
        return true;
      }
      this.#tellOutcomes();
      const left = deadline - performance.now();
      if (left <= 0) return false;
      this.io.sleep(rings, Math.min(left, held));
    }
    return false;
  }

  #handle(): void {
    const { data, client, asOf } = this.#packets;
    const turn = new Turn(
      (reply) => {
        this.#write(() => this.#outcomes.reply(reply));
        // A client waits for this one; the handler may still go on for long.
        this.#tellOutcomes();
      },
      (error) => this.#reportHere(error, client),
    );
    const outcome = runPacket(this.#handling, data, client, asOf, turn) as Outcome;
    turn.isOver = true;
    this.#write(() => (outcome === null ? this.#outcomes.mark(HANDLED) : this.#outcomes.refuse(packError(outcome))));
    this.#untold += 1;
    if (this.#untold >= OUTCOMES_AT_ONCE) this.#tellOutcomes();
  }

  /** Errors of handlers are told here and now; the I/O thread only counts them. */
  #reportHere(error: OscError, client: NetAddress): void {
    const kind = counterOf(error) === "handlerErrors" ? HANDLER_ERROR : FAULT;
    this.#write(() => this.#outcomes.mark(kind));
    this.#reporter.report(error, client);
  }

  /** Writes a record, waiting for room where there is none. */
  #write(write: () => boolean): void {
    while (!write()) {
      if (this.io.failure !== null) throw this.io.failure;
      const { rings } = this.io;
      this.#outcomeRing.raise(WRITER_WAITS);
      if (write()) return;
      this.#tellOutcomes();
      this.io.sleep(rings, Infinity);
    }
  }

  /** Waits, for it is a matter of microseconds, until the I/O thread has counted and sent all that it was given: `stats()` then is complete. */
  #completeAccount(): void {
    const deadline = performance.now() + COMPLETE_MS;
    while (!this.#outcomeRing.isDrained && this.io.failure === null && performance.now() < deadline) {
      const { rings } = this.io;
      this.#outcomeRing.raise(WRITER_WAITS);
      this.#tellOutcomes();
      if (!this.#outcomeRing.isDrained) this.io.sleep(rings, deadline - performance.now());
    }
    // What it has to say about the last packets is told before serving ends.
    this.io.readMail();
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
    throw new OscServerError("OSC_THREAD_FAILED", "The I/O thread of the server failed: a packet did not come by the port.");
  }
}

/** What a packet gives back while it is handled, and not later: then others are handled. */
class Turn implements PacketSink {
  isOver = false;
  readonly #send: (data: Uint8Array) => void;
  readonly report: (error: OscError) => void;

  constructor(send: (data: Uint8Array) => void, report: (error: OscError) => void) {
    this.#send = send;
    this.report = report;
  }

  reply(data: Uint8Array): void {
    if (this.isOver) {
      throw new OscDispatchError(
        "OSC_BAD_REPLY",
        "A blocking server takes replies only until the handler has returned: reply there, or use an async server.",
        "",
      );
    }
    this.#send(data);
  }
}
