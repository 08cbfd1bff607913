import type { NetAddress } from "../../net-address.ts";
import type { Libc } from "../../transport/native/libc.ts";
import { NativePeers } from "../../transport/native/native-peers.ts";
import { SocketOptions } from "../../transport/native/socket-options.ts";
import type { NativeUdpSocket } from "../../transport/native/udp-socket.ts";
import { REPLY_PATIENCE_MS, openNativeSocket } from "../../transport/native/udp-transport.ts";
import { socketError } from "../../transport/socket-error.ts";
import type { Transport, TransportEvents } from "../../transport/transport.ts";
import { SOCKET_BUFFER_SIZE, type UdpSpec } from "../../transport/udp.ts";
import { DatagramReader } from "./datagram-records.ts";
import { WakeSignal } from "./wake-signal.ts";
import { READER_SLEEPS, RingReader, WRITER_WAITS, ringMemory } from "./shared-ring.ts";
import { StartBackoff } from "../pool/start-backoff.ts";
import { endWithProcess } from "./end-with-process.ts";
import { threadFailed } from "./own-thread.ts";
import type { FromReceiver, ReceiverInit } from "./receiver-messages.ts";
import { ReceiverThread } from "./receiver-thread.ts";

/** The ring holds as much as the system's buffer, within these: at least several of the largest datagrams. */
const LEAST_RING = 512 * 1024;
const LARGEST_RING = 64 * 1024 * 1024;
/** A thread that waits in a call of the system cannot be ended. So it comes back so often, should it miss that it is to end. */
const CALL_SECONDS = 1;

/**
 * A UDP socket from which a thread of its own receives, in batches; the event loop is woken once for a batch, and sends replies itself. So
 * the system's buffer does not overflow while the event loop is busy with something else.
 */
export class ReceiverTransport implements Transport {
  readonly #libc: Libc;
  readonly #spec: UdpSpec;
  readonly #events: TransportEvents;
  #receiver: Receiver | null = null;

  constructor(libc: Libc, spec: UdpSpec, events: TransportEvents) {
    this.#libc = libc;
    this.#spec = spec;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const socket = await openNativeSocket(this.#libc, this.#spec);
    const { localAddress, fd } = socket;
    try {
      new SocketOptions(this.#libc, fd, localAddress.family === "IPv6").returnAfter(CALL_SECONDS);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#receiver = new Receiver(this.#libc, this.#spec, socket, this.#events);
    try {
      await this.#receiver.start();
    } catch (error) {
      await this.close();
      throw error;
    }
    return localAddress;
  }

  async close(): Promise<void> {
    const receiver = this.#receiver;
    this.#receiver = null;
    await receiver?.end();
  }
}

/** The event loop's side of the thread. */
class Receiver {
  readonly #spec: UdpSpec;
  readonly #events: TransportEvents;
  readonly #socket: NativeUdpSocket;
  readonly #peers: NativePeers;
  readonly #ring: RingReader;
  readonly #datagrams: DatagramReader;
  readonly #doorbell: WakeSignal;
  /** What all threads have in common that receive here, one after another. */
  readonly #shared: Omit<ReceiverInit, "started">;
  readonly #backoff = new StartBackoff();
  readonly #forget: () => void;
  #thread: ReceiverThread | null = null;
  #restart: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | null = null;

  constructor(libc: Libc, spec: UdpSpec, socket: NativeUdpSocket, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
    this.#socket = socket;
    this.#peers = new NativePeers(libc, socket, events, REPLY_PATIENCE_MS);
    const ring = ringMemory(ringSize(spec.options.receiveBufferSize ?? SOCKET_BUFFER_SIZE));
    this.#ring = new RingReader(ring);
    this.#datagrams = new DatagramReader(this.#ring);
    const doorbell = new SharedArrayBuffer(WakeSignal.byteLength);
    this.#doorbell = new WakeSignal(doorbell);
    this.#shared = { fd: socket.fd, ring, doorbell };
    this.#forget = endWithProcess(() => this.#stopBlocked());
    this.#sleep();
  }

  /** Starts the thread, which is replaced should it end by itself. Rejects where it does not start. */
  async start(): Promise<void> {
    const thread = new ReceiverThread(this.#shared, (message) => this.#take(message));
    this.#thread = thread;
    await thread.ready;
    void thread.ended.then((error) => this.#replace(error));
  }

  /** Ends the thread and frees the port. What it had received by then is handed on before. */
  async end(): Promise<void> {
    this.#stop();
    clearTimeout(this.#restart);
    await this.#thread?.ended;
    this.#forget();
    if (this.#next !== null) clearImmediate(this.#next);
    while (this.#datagrams.next()) this.#deliver();
    this.#socket.close();
  }

  #stop(): void {
    this.#doorbell.ringForMail();
    this.#socket.endReceiving();
  }

  /** At the end of the process, which would be aborted if a thread loaded koffi meanwhile, and would wait for one that waits for datagrams. */
  #stopBlocked(): void {
    this.#thread?.awaitStart();
    this.#stop();
  }

  /** Has another thread take the place of one that has ended. Meanwhile the system's buffer holds what comes. */
  #replace(cause: unknown): void {
    this.#thread = null;
    // It was told to end.
    if (this.#doorbell.mail > 0) return;
    const error = threadFailed("its receiver ended; another takes its place", cause);
    this.#events.onError(error);
    this.#backoff.failed(error);
    this.#restart = setTimeout(() => void this.#startAgain(), this.#backoff.wait);
    // It may have ended before it told of what it had put into the ring.
    if (this.#next === null) this.#drain();
  }

  async #startAgain(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.#replace(error);
    }
  }

  #take(message: FromReceiver): void {
    if (message === "datagrams") {
      this.#backoff.succeeded();
      if (this.#next === null) this.#drain();
    } else if (message !== "ready") {
      const { code } = message;
      this.#events.onError(socketError({ code, message: code }, "use", `${this.#spec.host}:${this.#spec.port}`));
    }
  }

  /** Hands on what is there, but not more than has room in the queue; for the rest the event loop comes back when all else has had its turn. */
  #drain(): void {
    this.#next = null;
    for (let left = this.#spec.atOnce; left > 0; left -= 1) {
      if (!this.#datagrams.next()) return this.#sleep();
      this.#deliver();
    }
    this.#makeRoom();
    this.#next ??= setImmediate(() => this.#drain());
  }

  #deliver(): void {
    const datagrams = this.#datagrams;
    const peer = this.#peers.at(datagrams.bytes, datagrams.senderStart, datagrams.senderSize);
    const data = datagrams.copy();
    // Before handlers take their time.
    datagrams.release();
    this.#events.onPacket(data, peer);
  }

  #makeRoom(): void {
    if (this.#ring.lower(WRITER_WAITS)) this.#doorbell.ring();
  }

  /** From now on the thread wakes the event loop; so look once more at what it did before. */
  #sleep(): void {
    this.#makeRoom();
    this.#ring.raise(READER_SLEEPS);
    if (!this.#datagrams.next()) return;
    this.#ring.lower(READER_SLEEPS);
    this.#deliver();
    this.#next ??= setImmediate(() => this.#drain());
  }
}

/** A power of 2. */
function ringSize(bufferSize: number): number {
  const least = Math.min(LARGEST_RING, Math.max(LEAST_RING, bufferSize));
  return 2 ** Math.ceil(Math.log2(least));
}
