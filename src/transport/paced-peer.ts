import type { OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { Fifo } from "./fifo.ts";
import type { ReadWindow, Waiter } from "./read-window.ts";
import type { Peer, TransportEvents } from "./transport.ts";

/**
 * A client with a connection: its packets are handed on as fast as they are handled, and it is read from only while that keeps up. A subclass
 * knows the socket.
 */
export abstract class PacedPeer implements Peer, Waiter {
  readonly address: NetAddress;
  readonly paced = true;
  /** Resolves when the connection is over. */
  abstract readonly closed: Promise<void>;
  protected readonly events: TransportEvents;
  readonly #window: ReadWindow;
  readonly #maxPending: number;
  /** Packets that were read and not handed on yet. */
  readonly #arrived = new Fifo<Uint8Array>();
  /** How many packets are on their way through handlers. */
  #pending = 0;
  /** True while the next packet waits for room among those of all connections. */
  #waiting = false;
  #advancing = false;
  #stopped = false;

  constructor(address: NetAddress, maxPending: number, window: ReadWindow, events: TransportEvents) {
    this.address = address;
    this.#maxPending = maxPending;
    this.#window = window;
    this.events = events;
  }

  /** A client is its connection: those of a Unix domain socket have no address to tell them apart. */
  get key(): object {
    return this;
  }

  abstract send(packet: Uint8Array): void;

  /** Takes nothing more from the client; it may still be sent to. What was read already is handed on when the connection ends. */
  stopReading(): void {
    this.#stopped = true;
    this.pace();
  }

  settled(size: number): void {
    this.#pending -= 1;
    this.#window.give(size);
    this.advance();
  }

  roomTaken(): void {
    this.#waiting = false;
    this.#handOn(this.#arrived.shift() as Uint8Array);
    this.advance();
  }

  /** True where none of its packets is on its way through handlers, or waits for others to be. */
  protected get isQuiet(): boolean {
    return this.#pending === 0 && !this.#waiting;
  }

  /** True where packets were read that have not been handed on. */
  protected get holdsPackets(): boolean {
    return this.#arrived.size > 0;
  }

  /** True where nothing more is to be taken from the client for now. */
  protected get isFull(): boolean {
    return this.#stopped || this.holdsPackets || this.#pending >= this.#maxPending;
  }

  /** Hands a packet on, or keeps it until there is room. `advance` has to follow. */
  protected arrive(packet: Uint8Array): void {
    // A packet that passes at once, as most do, is never put anywhere: with what it is a view of, it would live for long.
    if (!this.isFull && this.mayProceed() && this.#take(packet)) this.#handOn(packet);
    else this.#arrived.push(packet);
  }

  /** Hands packets on as far as there is room, and reads or stops reading as that asks for. */
  protected advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    do this.#handOnArrived();
    while (!this.isFull && this.mayProceed() && this.cutNext());
    this.#advancing = false;
    this.pace();
  }

  /** Hands on whatever has been read, whether there is room or not. */
  protected handOnAll(): void {
    this.#advancing = true;
    do {
      for (let packet = this.#arrived.shift(); packet !== undefined; packet = this.#arrived.shift()) {
        this.#window.force(packet.length, this);
        this.#waiting = false;
        this.#handOn(packet);
      }
    } while (this.cutNext());
    this.#advancing = false;
  }

  /** Reports why the connection is ended from here. */
  protected giveUp(error: OscError): void {
    this.events.onConnection("ended");
    this.events.onError(error, this.address);
  }

  /** Whether the client takes its replies, so that it may ask for more. */
  protected abstract mayProceed(): boolean;

  /** Makes packets {@link arrive} out of bytes that have been read. False where there are none. */
  protected abstract cutNext(): boolean;

  /** Reads on or stops reading, as `isFull` says. */
  protected abstract pace(): void;

  #handOnArrived(): void {
    while (!this.#stopped && !this.#waiting && this.#pending < this.#maxPending && this.mayProceed()) {
      const packet = this.#arrived.peek();
      if (packet === undefined || !this.#take(packet)) return;
      this.#arrived.shift();
      this.#handOn(packet);
    }
  }

  #take(packet: Uint8Array): boolean {
    this.#waiting = !this.#window.take(packet.length, this);
    return !this.#waiting;
  }

  #handOn(packet: Uint8Array): void {
    this.#pending += 1;
    this.events.onPacket(packet, this);
  }
}
