import type { Dispatcher } from "../../dispatch/index.ts";
import { type NetAddress, formatAddress } from "../../net-address.ts";
import { Gathering } from "../../transport/native/gathering.ts";
import type { Libc } from "../../transport/native/libc.ts";
import { BATCH_SIZE, MessageBatch } from "../../transport/native/message-batch.ts";
import { NativePeers } from "../../transport/native/native-peers.ts";
import { NativeUdpSocket } from "../../transport/native/udp-socket.ts";
import { socketError } from "../../transport/socket-error.ts";
import type { UdpSpec } from "../../transport/udp.ts";
import { copyOf } from "../../transport/copy-bytes.ts";
import { type BlockingIo, blockingHandling } from "./blocking-io.ts";
import { CallingThreadExecutor } from "../calling-thread-executor.ts";
import type { Counters } from "../stats.ts";
import { LoopClock } from "../loop-clock.ts";
import { threadFailed } from "../io-thread/own-thread.ts";
import { Pipeline } from "../pipeline.ts";
import type { IoOwner } from "../io-thread/server-io.ts";
import { StandIn } from "../io-thread/stand-in.ts";

/** After so long a time with handlers, what has come meanwhile is looked at, and is queued or dropped as the limits say. */
const LOOK_MS = 5;
/** So often, at most, a batch is taken in then, for handlers must go on where more comes than they can take. */
const LOOKS_AT_MOST = 64;
/** How long is waited after an error of the socket, which may come again at once. */
const ERROR_PAUSE_MS = 10;
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

/** Everything that a blocking server does, on the thread that calls it: it receives, admits, schedules, handles and replies. */
export class NativeIo implements BlockingIo {
  readonly backend = "native";
  readonly counters: Counters;
  readonly address: NetAddress;
  readonly #owner: IoOwner;
  readonly #socket: NativeUdpSocket;
  readonly #batch: MessageBatch;
  readonly #gathering: Gathering;
  readonly #peers: NativePeers;
  readonly #clock = new LoopClock();
  readonly #road: Pipeline;
  readonly #executor: CallingThreadExecutor;
  readonly #standIn: StandIn;
  /** So many datagrams are received at once that they fit into the queue. */
  readonly #atOnce: number;
  #lookedAt = -Infinity;
  #replied = 0;
  #closed = false;

  /** @throws OscSocketError where the address cannot be used */
  constructor(libc: Libc, spec: UdpSpec, dispatcher: Dispatcher, owner: IoOwner) {
    const { limits } = owner;
    this.#owner = owner;
    this.#socket = NativeUdpSocket.open(libc, spec.host, spec.port, spec.options);
    this.address = this.#socket.localAddress;
    this.#batch = new MessageBatch(libc);
    this.#gathering = new Gathering(libc, this.#socket.fd);
    this.#atOnce = spec.atOnce;
    const handling = blockingHandling(dispatcher, owner);
    let executor: CallingThreadExecutor | undefined;
    this.#road = new Pipeline({
      limits,
      strictTiming: dispatcher.strictTiming,
      onError: owner.onError,
      onShutdown: owner.onShutdown,
      executor: (events) => (executor = new CallingThreadExecutor(handling, limits, events)),
      clock: this.#clock,
    });
    this.#executor = executor as unknown as CallingThreadExecutor;
    this.counters = this.#road.counters;
    this.#peers = new NativePeers(libc, this.#socket, this.#road, Infinity);
    try {
      this.#standIn = new StandIn(this.#socket.fd, (error) => owner.onError(threadFailed("its stand-in ended", error), undefined));
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  serveOne(deadline: number): boolean {
    for (;;) {
      const untilReport = this.#road.catchUp();
      const untilDue = this.#clock.catchUp();
      if (this.#owner.isStopping()) return false;
      this.#lookAgain();
      if (this.#executor.handleNext()) return true;
      const left = deadline - performance.now();
      if (!this.#receive(Math.min(left, untilReport, untilDue)) && left <= 0) return false;
    }
  }

  complete(): void {
    // Nothing is done elsewhere.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { memory } = this.#standIn;
    this.#standIn.stop();
    memory.read((data, sender) => this.#deliver(data, sender));
    this.#road.closeAtOnce();
    this.#socket.close();
  }

  closed(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Takes in what has come during long handlers. */
  #lookAgain(): void {
    if (performance.now() - this.#lookedAt < LOOK_MS) return;
    const before = this.counters.read("received");
    this.#atSocket(() => 0);
    // Where the stand-in took something, the system cannot hold much yet, and what it holds came after the handler.
    let looks = this.counters.read("received") > before ? LOOKS_AT_MOST : 0;
    while (looks < LOOKS_AT_MOST && this.#atSocket(() => this.#look(BATCH_SIZE)) === BATCH_SIZE) looks += 1;
    this.#lookedAt = performance.now();
  }

  /** Receives packets, and waits for them where there are none. False where none came. */
  #receive(timeoutMs: number): boolean {
    const count = this.#atSocket(() => {
      // What the stand-in took has come before whatever the system still has.
      if (!this.#executor.isEmpty) return 0;
      this.#letGather();
      if (timeoutMs === Infinity) return this.#gathering.came(this.#take(this.#atOnce, "wait"));
      const there = this.#gathering.came(this.#look(this.#atOnce));
      if (there > 0 || timeoutMs <= 0) return there;
      this.#socket.wait(timeoutMs);
      return this.#gathering.came(this.#look(this.#atOnce));
    });
    this.#lookedAt = performance.now();
    return count > 0 || !this.#executor.isEmpty;
  }

  /** Clients that are answered may wait for it with what they send next. */
  #letGather(): void {
    const replied = this.counters.read("replied");
    if (replied === this.#replied) this.#gathering.pause();
    this.#replied = replied;
  }

  /** Does something at the socket, after what the stand-in took has been taken over from it. */
  #atSocket(receive: () => number): number {
    const { memory } = this.#standIn;
    memory.come();
    try {
      memory.read((data, sender) => this.#deliver(data, sender));
      return receive();
    } catch (error) {
      this.#road.report(socketError(error, "use", formatAddress(this.address)));
      Atomics.wait(nobody, 0, 0, ERROR_PAUSE_MS);
      return 0;
    } finally {
      memory.leave();
    }
  }

  #look(most: number): number {
    return this.#take(most, "look");
  }

  #take(most: number, mode: "wait" | "look"): number {
    const batch = this.#batch;
    const count = batch.receive(this.#socket.fd, most, mode);
    for (let index = 0; index < count; index += 1) {
      this.#road.onPacket(batch.copy(index), this.#peers.at(batch.bytes, batch.senderStart(index), batch.senderSize(index)));
    }
    return count;
  }

  #deliver(data: Uint8Array, sender: Uint8Array): void {
    this.#road.onPacket(copyOf(data, 0, data.length), this.#peers.at(sender, 0, sender.length));
  }
}
