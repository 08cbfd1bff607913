import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Dispatcher, type ExecutionResult, type PacketContext, Reporter } from "../../dispatch/index.ts";
import type { OscError } from "../../errors.ts";
import type { NetAddress } from "../../net-address.ts";
import { type Handling, runPacket } from "../handle.ts";
import { packError } from "../pool/error-transfer.ts";
import {
  COUNTED,
  REJECTED,
  REPLY,
  type RecordBody,
  encodeHandled,
  encodeJson,
  encodeRecord,
  idOf,
  packetOf,
  recordsIn,
} from "../pool/records.ts";
import { type Counters, counterOf } from "../stats.ts";
import type { TransportSpec } from "../transports.ts";
import { CallerClaims } from "./caller-executor.ts";
import { IoThread } from "./io-thread.ts";
import { type BlockingIo, type IoOwner, blockingHandling } from "./server-io.ts";

/** Results are sent at the latest after this many packets: half of what a TCP connection may have in flight. */
const RESULTS_AT_ONCE = 32;
/** How long the end of serving waits until the last packets are counted. */
const COMPLETE_MS = 1000;

/**
 * The blocked thread's side of a blocking server whose sockets an I/O thread owns. It takes packets from a port, claims and handles each,
 * and sends replies and results back in batches. The I/O thread's side is `CallerExecutor`.
 */
export class ThreadedIo implements BlockingIo {
  readonly backend = "portable";
  readonly #owner: IoOwner;
  readonly #io: IoThread;
  readonly #reporter: Reporter;
  readonly #handling: Handling;
  readonly #port: MessagePort;
  readonly #claims: CallerClaims;
  #packets: Iterator<RecordBody> = [].values();
  /** Records for the I/O thread that aren't sent yet. */
  #unsent: Uint8Array[] = [];
  /** Number of packets handled since the last record, and the id of the last one. */
  #handled = 0;
  #lastHandled = 0;
  #messagesSent = 0;

  /**
   * @throws OscSocketError if the address can't be used
   * @throws OscServerError `OSC_THREAD_FAILED` if the thread can't be started
   */
  constructor(spec: TransportSpec, dispatcher: Dispatcher, owner: IoOwner) {
    const { port1, port2 } = new MessageChannel();
    const claims = new SharedArrayBuffer(CallerClaims.byteLength);
    const executor = { kind: "blocking", claims, port: port2 } as const;
    this.#io = new IoThread({ ...owner, spec, strictTiming: dispatcher.strictTiming, executor, transfer: [port2] });
    this.#owner = owner;
    this.#reporter = new Reporter(owner.onError, owner.limits.maxReports);
    this.#handling = blockingHandling(dispatcher, owner);
    this.#port = port1;
    this.#claims = new CallerClaims(claims);
  }

  get counters(): Counters {
    return this.#io.counters;
  }

  get address(): NetAddress {
    return this.#io.address;
  }

  sendPacket(data: Uint8Array, to: NetAddress): void {
    this.#io.sendPacket(data, to);
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
      const untilReport = this.#reporter.catchUp();
      if (this.#owner.isStopping()) return false;
      const record = this.#nextPacket();
      if (record !== null) {
        this.#handle(record);
        return true;
      }
      this.#flush();
      const left = deadline - performance.now();
      if (left <= 0) return false;
      this.#io.sleep(sequence, Math.min(left, untilReport));
    }
  }

  /** Waits, usually for microseconds, until the I/O thread has processed all records. Then `stats()` is complete. */
  complete(): void {
    this.#flush();
    const deadline = performance.now() + COMPLETE_MS;
    for (let left = COMPLETE_MS; left > 0 && this.#io.failure === null; left = deadline - performance.now()) {
      const { sequence } = this.#io;
      if (this.#claims.haveRead(this.#messagesSent)) break;
      this.#io.sleep(sequence, left);
    }
    // Errors about the last packets are reported before serving ends.
    this.#io.readMessages();
  }

  /** The next packet that the I/O thread hasn't taken back. */
  #nextPacket(): RecordBody | null {
    for (;;) {
      const next = this.#packets.next();
      if (next.done !== true) {
        if (this.#claims.claim(idOf(next.value))) return next.value;
        continue;
      }
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return null;
      this.#packets = recordsIn(received.message as Uint8Array);
    }
  }

  #handle(record: RecordBody): void {
    const id = idOf(record);
    const { data, client, asOf } = packetOf(record);
    let isOver = false;
    const context: PacketContext = {
      handling: this.#handling,
      clientAddress: client,
      asOf,
      reply: (reply) => {
        const bytes = this.#handling.dispatcher.functions.encodeReply(reply);
        // The I/O thread forgets a packet once it has the result, so a late reply carries the client's address.
        if (isOver) return this.sendPacket(bytes, client);
        this.#write(encodeRecord(REPLY, id, bytes));
        // A client is waiting, and the handler may run for much longer.
        this.#flush();
      },
      error: (error) => this.#report(error, id, client),
    };
    const result = runPacket(this.#handling, data, context) as ExecutionResult;
    isOver = true;
    if (result.kind === "rejected") this.#write(encodeJson(REJECTED, id, packError(result.explain())));
    else if (result.unmatched > 0) this.#write(encodeHandled(id, result.unmatched));
    else {
      this.#handled += 1;
      this.#lastHandled = id;
    }
    if (this.#handled + this.#unsent.length >= RESULTS_AT_ONCE) this.#flush();
  }

  /** Reports an error of a handler right here; the I/O thread only counts it. */
  #report(error: OscError, id: number, client: NetAddress): void {
    this.#write(encodeRecord(COUNTED, id, Buffer.from(counterOf(error))));
    this.#reporter.report(error, client);
  }

  #write(record: Uint8Array): void {
    this.#writeHandled();
    this.#unsent.push(record);
  }

  /** Writes one record for all packets handled since the previous record. */
  #writeHandled(): void {
    if (this.#handled === 0) return;
    this.#handled = 0;
    this.#unsent.push(encodeHandled(this.#lastHandled, 0));
  }

  #flush(): void {
    this.#writeHandled();
    if (this.#unsent.length === 0) return;
    const message = new Uint8Array(Buffer.concat(this.#unsent));
    this.#unsent = [];
    this.#messagesSent += 1;
    this.#port.postMessage(message, [message.buffer]);
  }
}
