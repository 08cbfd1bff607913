import { OscDroppedError, OscEncodeError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { Fifo } from "../fifo.ts";
import type { BatchDone, PacketLink, SendDone } from "./link.ts";
import { nextTurn } from "./timer.ts";

/**
 * The promise of a send. If it fails and nobody looked at it (no `await`, `then` or `catch`), the error goes to a listener instead of
 * ending the process, because an unplugged cable must not end a show.
 */
export class SendPromise extends Promise<void> {
  #isLookedAt = false;

  // What `then` returns is an ordinary promise of the caller's.
  static override readonly [Symbol.species]: PromiseConstructor = Promise;

  /**
   * @param send begins to send; what it throws is the failure of the send
   * @param onUnseen called with a failure that nobody looks at
   */
  static of(send: (done: SendDone) => void, onUnseen: (error: OscError) => void): SendPromise {
    let resolve!: () => void;
    let reject!: (error: OscError) => void;
    const promise = new SendPromise((onSuccess, onFailure) => {
      resolve = onSuccess;
      reject = onFailure;
    });
    const done: SendDone = (error) => {
      if (error === null) resolve();
      else {
        // So that Node doesn't report it as unhandled.
        void super.prototype.then.call(promise, undefined, () => undefined);
        reject(error);
        // An `await` looks at its promise only some microtasks later.
        nextTurn(() => {
          if (!promise.#isLookedAt) onUnseen(error);
        });
      }
    };
    try {
      send(done);
    } catch (error) {
      done(error as OscError);
    }
    return promise;
  }

  // It is still Promise's own `then`; it only takes note.
  // oxlint-disable-next-line unicorn/no-thenable
  override then<Value = void, Failure = never>(
    onFulfilled?: ((value: void) => Value | PromiseLike<Value>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    this.#isLookedAt = true;
    return super.then(onFulfilled, onRejected);
  }
}

/** What is dropped when one packet more would have to wait than may: the packet that is sent, or the one that has waited longest. */
export type ClientOverflowPolicy = "drop-newest" | "drop-oldest";

export interface SendQueueLimits {
  readonly maxUnsent: number;
  readonly maxUnsentBytes: number;
  readonly overflow: ClientOverflowPolicy;
}

/** A packet that waits to be sent. */
export interface Unsent {
  readonly packet: Uint8Array;
}

interface Entry<Item> {
  readonly item: Item;
  /** When it was added, by `performance.now()`. */
  readonly since: number;
}

/** Packets that wait for a connection, or for a slow one, within limits. */
export class SendQueue<Item extends Unsent = Unsent> {
  readonly #limits: SendQueueLimits;
  readonly #onDropped: (item: Item, error: OscError) => void;
  readonly #entries = new Fifo<Entry<Item>>();
  #bytes = 0;
  /** How many packets wait. */
  size = 0;
  /** How many packets were dropped because the queue was full. */
  overflowed = 0;

  /** @param onDropped called with each packet that leaves the queue unsent */
  constructor(limits: SendQueueLimits, onDropped: (item: Item, error: OscError) => void) {
    this.#limits = limits;
    this.#onDropped = onDropped;
  }

  /** The packet that has waited longest; it stays in the queue. */
  get first(): Item | undefined {
    return this.#entries.peek()?.item;
  }

  /** Since when the first packet has waited, by `performance.now()`; `Infinity` if the queue is empty. */
  get oldest(): number {
    return this.#entries.peek()?.since ?? Infinity;
  }

  push(item: Item): void {
    for (let limit = this.#reached(item); limit !== null; limit = this.#reached(item)) {
      const dropped = this.#limits.overflow === "drop-oldest" ? (this.shift() ?? item) : item;
      this.overflowed += 1;
      this.#onDropped(dropped, new OscDroppedError(limit, `A packet was not sent because too many wait for the connection (${limit}).`));
      if (dropped === item) return;
    }
    this.#entries.push({ item, since: performance.now() });
    this.#bytes += item.packet.length;
    this.size += 1;
  }

  shift(): Item | undefined {
    const entry = this.#entries.shift();
    if (entry === undefined) return undefined;
    this.size -= 1;
    this.#bytes -= entry.item.packet.length;
    return entry.item;
  }

  /** Drops all packets, or those that have waited since then or longer. */
  drop(error: OscError, since: number = Infinity): void {
    // Only those that are here now: whoever is told may send again.
    for (let left = this.size; left > 0 && this.size > 0 && this.oldest <= since; left -= 1) this.#onDropped(this.shift() as Item, error);
  }

  #reached({ packet }: Item): "maxUnsent" | "maxUnsentBytes" | null {
    const { maxUnsent, maxUnsentBytes } = this.#limits;
    if (this.size >= maxUnsent) return "maxUnsent";
    return this.#bytes + packet.length > maxUnsentBytes ? "maxUnsentBytes" : null;
  }
}

/** How many packets may wait, and how many bytes the link may be sending before the next ones wait here, where they are known to be unsent. */
export interface SenderSettings extends SendQueueLimits {
  readonly maxInFlightBytes: number;
}

interface Queued extends Unsent {
  readonly to: NetAddress | null;
  readonly done: SendDone;
  /** True if it was given to `sendBatch()`. */
  readonly isBatch: boolean;
}

/** Sends packets over a link while there is one. They wait otherwise, within limits. The subclass opens the link. */
export abstract class Sender {
  readonly #maxInFlightBytes: number;
  #inFlight = 0;
  #inFlightBytes = 0;
  #onDrained: (() => void) | null = null;
  /** Packets that wait to be sent. */
  protected readonly queue: SendQueue<Queued>;
  /** The open link. */
  protected link: PacketLink | null = null;
  /** Why new packets fail at once; null if they may be sent or wait. */
  protected refusal: OscError | null = null;
  /** Packets that the system has taken. */
  sent = 0;
  /** Packets that could not be sent. */
  sendErrors = 0;
  /** Packets that a link was sending when it broke. */
  inDoubt = 0;

  protected constructor(settings: SenderSettings) {
    this.#maxInFlightBytes = settings.maxInFlightBytes;
    this.queue = new SendQueue(settings, ({ done }, error) => this.#fail(done, error));
  }

  /** How many packets wait to be sent. */
  get unsent(): number {
    return this.queue.size;
  }

  /** How many packets were dropped because too many waited. */
  get overflowed(): number {
    return this.queue.overflowed;
  }

  /** Sends a packet now, or when there is a link. Never throws. */
  send(packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    const { link } = this;
    if (link !== null && this.refusal === null && this.queue.size === 0 && this.#inFlightBytes < this.#maxInFlightBytes) {
      this.#transmit(link, packet, to, done);
    } else {
      this.#sendLater({ packet, to, done, isBatch: false });
    }
  }

  /** Sends packets in order, together if the link can do that. Never throws. */
  sendBatch(packets: readonly Uint8Array[], done: BatchDone): void {
    const { link } = this;
    if (link?.sendBatch !== undefined && this.refusal === null && this.queue.size === 0) {
      this.#transmitBatch(link, packets, done);
    } else {
      for (const [index, packet] of packets.entries()) {
        this.#sendLater({ packet, to: null, done: (error) => done(index, error), isBatch: true });
      }
    }
  }

  /** Called when a packet waits and there is no link. */
  protected abstract needLink(): void;

  /** Gives waiting packets to the link, as many as it takes. */
  protected flush(link: PacketLink): void {
    while (this.link === link && this.#inFlightBytes < this.#maxInFlightBytes) {
      const next = this.queue.shift();
      if (next === undefined) return;
      if (next.isBatch && link.sendBatch !== undefined) {
        const batch = [next];
        while (this.queue.first?.isBatch === true) batch.push(this.queue.shift() as Queued);
        const packets = batch.map(({ packet }) => packet);
        this.#transmitBatch(link, packets, (index, error) => batch[index]?.done(error));
      } else {
        this.#transmit(link, next.packet, next.to, next.done);
      }
    }
  }

  /** Resolves when nothing is left to send, after `timeout` milliseconds at most. */
  protected async drained(timeout: number): Promise<void> {
    const isDrained = (): boolean => this.queue.size === 0 && this.#inFlight === 0;
    if (isDrained()) return;
    await new Promise<void>((resolve) => {
      const timer = timeout === Infinity ? undefined : setTimeout(resolve, timeout);
      this.#onDrained = (): void => {
        if (!isDrained()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onDrained = null;
  }

  #sendLater(packet: Queued): void {
    if (this.refusal !== null) return this.#fail(packet.done, this.refusal);
    this.queue.push(packet);
    if (this.link === null) this.needLink();
  }

  #transmit(link: PacketLink, packet: Uint8Array, to: NetAddress | null, done: SendDone): void {
    const { length } = packet;
    this.#inFlight += 1;
    this.#inFlightBytes += length;
    link.send(packet, to, (error) => {
      this.#inFlightBytes -= length;
      this.#settle(error);
      done(error);
      if (this.queue.size > 0 && this.link === link) this.flush(link);
      this.#onDrained?.();
    });
  }

  #transmitBatch(link: PacketLink, packets: readonly Uint8Array[], done: BatchDone): void {
    this.#inFlight += packets.length;
    link.sendBatch?.(packets, (index, error) => {
      this.#settle(error);
      done(index, error);
      this.#onDrained?.();
    });
  }

  #settle(error: OscError | null): void {
    this.#inFlight -= 1;
    if (error === null) {
      this.sent += 1;
      return;
    }
    this.sendErrors += 1;
    if (!(error instanceof OscEncodeError || error instanceof OscDroppedError)) this.inDoubt += 1;
  }

  /** Fails a packet that was never given to a link. */
  #fail(done: SendDone, error: OscError): void {
    this.sendErrors += 1;
    done(error);
    this.#onDrained?.();
  }
}
