import { type Clock, type Dispatcher, type ExecutionResult, systemClock } from "../../dispatch/index.ts";
import { type NetAddress, formatAddress } from "../../net-address.ts";
import { dropped } from "../../packet-result.ts";
import type { Libc } from "../../transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/batch.ts";
import { NativePeers } from "../../transport/native/udp.ts";
import { NativeUdpSocket } from "../../transport/native/socket.ts";
import { socketError } from "../../transport/socket-error.ts";
import type { UdpSpec } from "../../transport/udp.ts";
import { type Executor, type ExecutorEvents, type Packet, serverClosed } from "../executor.ts";
import { LocalContext } from "../event-loop-executor.ts";
import { FairQueue } from "../fair-queue.ts";
import { type Handling, runPacket } from "../handle.ts";
import type { Limits } from "../options.ts";
import { Pipeline } from "../pipeline.ts";
import type { Counters } from "../stats.ts";
import { DrainThread } from "./drain-thread.ts";
import { threadFailed } from "./io-thread.ts";
import { type BlockingIo, type IoOwner, blockingHandling } from "./server-io.ts";

/** After a handler has run this long, packets that arrived meanwhile are received before the next one runs. */
const LONG_HANDLER_MS = 5;
/** Maximum number of batches to receive then: handlers must continue even in a flood. */
const MAX_BATCHES = 64;
/** Pause after a socket error, which may recur at once. */
const ERROR_PAUSE_MS = 10;
/** Never notified: waiting on it is a blocking sleep. */
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/**
 * The I/O of a blocking server on native sockets: the calling thread itself receives, admits, schedules, handles and replies. An I/O
 * thread would have to be woken twice for each round trip, which takes longer than all of that (`npm run bench -- kinds`). While a
 * handler runs, the `DrainThread` receives.
 */
export class DirectIo implements BlockingIo {
  readonly backend = "native";
  readonly counters: Counters;
  readonly address: NetAddress;
  readonly #owner: IoOwner;
  readonly #socket: NativeUdpSocket;
  readonly #batch: MessageBatch;
  readonly #peers: NativePeers;
  readonly #clock = new CallerClock();
  readonly #pipeline: Pipeline;
  readonly #executor: DirectExecutor;
  readonly #drain: DrainThread;
  /** Number of datagrams to receive at once, so that they fit into the queue. */
  readonly #atOnce: number;
  #receivedAt = -Infinity;
  /** How long it last took to receive between handlers. */
  #receivingMs = 0;
  #closed = false;

  /** @throws OscSocketError if the address can't be used */
  constructor(libc: Libc, spec: UdpSpec, dispatcher: Dispatcher, owner: IoOwner) {
    const { limits } = owner;
    this.#owner = owner;
    this.#socket = NativeUdpSocket.open(libc, spec.host, spec.port, spec.options);
    this.address = this.#socket.localAddress;
    this.#batch = new MessageBatch(libc);
    this.#atOnce = spec.atOnce;
    const handling = blockingHandling(dispatcher, owner);
    let executor: DirectExecutor | undefined;
    this.#pipeline = new Pipeline({
      limits,
      strictTiming: dispatcher.strictTiming,
      onError: owner.onError,
      onShutdown: owner.onShutdown,
      executor: (events) => (executor = new DirectExecutor(handling, limits, events)),
      peerAt: (address) => this.#peers.to(address),
      clock: this.#clock,
    });
    this.#executor = executor as unknown as DirectExecutor;
    this.counters = this.#pipeline.counters;
    this.#peers = new NativePeers(libc, { socket: this.#socket, events: this.#pipeline, patienceMs: Infinity });
    try {
      this.#drain = new DrainThread(this.#socket.fd, (error) => owner.onError(threadFailed("the draining thread ended", error), undefined));
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  serveOne(deadline: number): boolean {
    for (;;) {
      if (this.#owner.isStopping()) return false;
      this.#receiveBetweenHandlers();
      // After receiving, because received bundles may have to wait for their time.
      const untilDue = this.#clock.catchUp();
      const untilReport = this.#pipeline.catchUp();
      if (this.#executor.handleNext()) return true;
      const left = deadline - performance.now();
      const received = this.#atSocket(() => this.#wait(Math.min(left, untilDue, untilReport)));
      if (received === 0 && left <= 0) return false;
    }
  }

  sendPacket(data: Uint8Array, to: NetAddress): void {
    this.#pipeline.send(data, to);
  }

  complete(): void {
    // Everything is done in this thread, so nothing is pending elsewhere.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drain.lock.stop();
    this.#takeDrained();
    this.#pipeline.closeAtOnce();
    this.#socket.close();
  }

  closed(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** In a flood, receiving gets no more time than handlers. Otherwise queued packets would wait for all that arrive. */
  #receiveBetweenHandlers(): void {
    const begun = performance.now();
    if (begun - this.#receivedAt < Math.max(LONG_HANDLER_MS, this.#receivingMs)) return;
    this.#atSocket(() => this.#receiveAll());
    this.#receivingMs = this.#receivedAt - begun;
  }

  /**
   * Takes the drained packets, which arrived before those still in the kernel. Calls `receive` if there were none.
   *
   * @returns the number of packets
   */
  #atSocket(receive: () => number): number {
    this.#drain.lock.acquire();
    try {
      const drained = this.#takeDrained();
      return drained > 0 ? drained : receive();
    } catch (error) {
      this.#pipeline.report(socketError(error, "use", formatAddress(this.address)));
      Atomics.wait(nobody, 0, 0, ERROR_PAUSE_MS);
      return 0;
    } finally {
      this.#drain.lock.release();
      this.#receivedAt = performance.now();
    }
  }

  #takeDrained(): number {
    let count = 0;
    for (const { data, client } of this.#drain.take()) {
      this.#pipeline.onPacket(data, this.#peers.of(client.address, client.port));
      count += 1;
    }
    return count;
  }

  /** Receives a batch, waiting at most `timeoutMs` for the first packet. */
  #wait(timeoutMs: number): number {
    if (timeoutMs === Infinity) return this.#receive(this.#atOnce, "wait");
    const count = this.#receive(this.#atOnce, "look");
    if (count > 0 || timeoutMs <= 0) return count;
    this.#socket.wait(timeoutMs);
    return this.#receive(this.#atOnce, "look");
  }

  /** Receives the packets that arrived during a long handler. The pipeline queues or drops them. */
  #receiveAll(): number {
    let total = 0;
    for (let batches = 0; batches < MAX_BATCHES; batches += 1) {
      const count = this.#receive(BATCH_SIZE, "look");
      total += count;
      if (count < BATCH_SIZE) break;
    }
    return total;
  }

  #receive(most: number, mode: "wait" | "look"): number {
    const batch = this.#batch;
    const count = batch.receive(this.#socket.fd, most, mode);
    for (let index = 0; index < count; index += 1) {
      this.#pipeline.onPacket(batch.copy(index), this.#peers.at(batch.bytes, batch.senderStart(index), batch.senderSize(index)));
    }
    return count;
  }
}

/** Queues packets until the same thread handles them, one after another. */
class DirectExecutor implements Executor {
  readonly #handling: Handling;
  readonly #events: ExecutorEvents;
  readonly #queue: FairQueue;

  constructor(handling: Handling, limits: Limits, events: ExecutorEvents) {
    this.#handling = handling;
    this.#events = events;
    this.#queue = new FairQueue(limits, (packet, error) => events.end(packet, dropped(error)));
  }

  execute(packet: Packet): void {
    this.#queue.push(packet);
  }

  /** Handles the next packet in the queue. Returns false if it is empty. */
  handleNext(): boolean {
    const packet = this.#queue.shift();
    if (packet === undefined) return false;
    const events = this.#events;
    const result = runPacket(this.#handling, packet.data, new LocalContext(this.#handling, events, packet));
    events.end(packet, result as ExecutionResult);
    return true;
  }

  close(): Promise<void> {
    for (const packet of this.#queue.clear()) this.#events.end(packet, dropped(serverClosed()));
    return Promise.resolve();
  }
}

interface Timer {
  readonly callback: () => void;
  /** Time on the monotonic clock. */
  readonly at: number;
}

/** The system clock with a single timer, which the blocked thread runs itself, because its event loop can't. */
class CallerClock implements Clock {
  #timer: Timer | null = null;

  wallNow(): number {
    return systemClock.wallNow();
  }

  monotonicNow(): number {
    return systemClock.monotonicNow();
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    this.#timer = { callback, at: systemClock.monotonicNow() + delayMs };
    return this.#timer;
  }

  clearTimer(timer: unknown): void {
    if (timer === this.#timer) this.#timer = null;
  }

  /**
   * Calls the timer's callback if it is due.
   *
   * @returns the milliseconds until the timer is due; `Infinity` if none is set
   */
  catchUp(): number {
    while (this.#timer !== null) {
      const { callback, at } = this.#timer;
      const left = at - systemClock.monotonicNow();
      if (left > 0) return left;
      this.#timer = null;
      callback();
    }
    return Infinity;
  }
}
