import { OscDroppedError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { Fifo } from "../fifo.ts";
import { type MemoryAccount, MemoryBudget, PACKET_OVERHEAD, compact } from "./memory-budget.ts";
import type { Peer, TransportEvents } from "./transport.ts";

/** Waits for room in an {@link InFlightLimit}. */
export interface InFlightWaiter {
  /** Room was taken for what it waits with. */
  roomTaken(): void;
}

/** How many connections it takes to use up the bytes that may be in flight. */
const SHARES = 8;

/**
 * How many packets of all connections may be in flight: handed on and not yet handled. A connection that finds no room stops reading, so that
 * TCP slows its client down, and waits for its turn. Nothing is lost, and no connection starves.
 */
export class InFlightLimit {
  /** How many bytes of one connection may be in flight, so that it can't keep others out. One packet may always pass. */
  readonly share: number;
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  /** Who waits, first come first served, and for how many bytes. */
  readonly #waiters = new Map<InFlightWaiter, number>();
  #packets = 0;
  #bytes = 0;
  #giving = false;

  constructor(maxPackets: number, maxBytes: number) {
    this.#maxPackets = maxPackets;
    this.#maxBytes = maxBytes;
    this.share = maxBytes / SHARES;
  }

  /**
   * Takes room for a packet of `size` bytes. If there is none, or others wait for it, the waiter is told when room was taken for it.
   *
   * @returns whether the room was taken at once
   */
  take(size: number, waiter: InFlightWaiter): boolean {
    if (this.#waiters.size > 0 || !this.#fits(size)) {
      this.#waiters.set(waiter, size);
      return false;
    }
    this.#occupy(size);
    return true;
  }

  /** Takes room for a packet whether there is any or not, and ends the waiting. */
  force(size: number, waiter: InFlightWaiter): void {
    this.#waiters.delete(waiter);
    this.#occupy(size);
  }

  /** Waits no longer, and takes no room. */
  leave(waiter: InFlightWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Gives the room of a packet back. */
  give(size: number): void {
    this.#packets -= 1;
    this.#bytes -= size;
    // A rejected packet gives its room back within `roomTaken`. The loop that is running goes on with it, so the stack stays flat.
    if (this.#giving) return;
    this.#giving = true;
    for (const [waiter, wanted] of this.#waiters) {
      if (!this.#fits(wanted)) break;
      this.#waiters.delete(waiter);
      this.#occupy(wanted);
      waiter.roomTaken();
    }
    this.#giving = false;
  }

  /** One packet may always pass, however large. */
  #fits(size: number): boolean {
    return this.#packets === 0 || (this.#packets < this.#maxPackets && this.#bytes + size <= this.#maxBytes);
  }

  #occupy(size: number): void {
    this.#packets += 1;
    this.#bytes += size;
  }
}

/** How many bytes Node reads from a socket at once. */
const READ_SIZE = 65_536;

/** What the connections of one server share. */
export interface SharedLimits {
  readonly inFlight: InFlightLimit;
  readonly memory: MemoryBudget;
}

/** The limits of a server that listens as the spec says. */
export function sharedLimits(
  { maxPackets, maxBytes }: { readonly maxPackets: number; readonly maxBytes: number },
  { memory }: TransportEvents,
): SharedLimits {
  return { inFlight: new InFlightLimit(maxPackets, maxBytes), memory: memory ?? new MemoryBudget() };
}

/** Counts and reports a connection from now until it is over. */
export function addConnection<Connection extends BackpressuredPeer>(
  connections: Set<Connection>,
  connection: Connection,
  events: TransportEvents,
): void {
  connections.add(connection);
  events.onConnection("opened");
  events.onPeer?.(connection);
  void connection.closed.then(() => {
    connections.delete(connection);
    events.onConnection("closed");
  });
}

/** Why a client can't connect. */
export function tooManyClients(maxConnections: number): OscDroppedError {
  const message = `A connection was refused because ${maxConnections} clients are connected: raise maxConnections.`;
  return new OscDroppedError("maxConnections", message);
}

/**
 * A client with a connection. Its packets are handed on as fast as they are handled, and it is read from only as fast as that. A subclass
 * knows the socket.
 */
export abstract class BackpressuredPeer implements Peer, InFlightWaiter {
  readonly address: NetAddress;
  readonly paced = true;
  /** Resolves when the connection is over. */
  abstract readonly closed: Promise<void>;
  protected readonly events: TransportEvents;
  readonly #inFlight: InFlightLimit;
  readonly #memory: MemoryAccount;
  readonly #maxPending: number;
  /** Packets that were read and not handed on yet. */
  readonly #arrived = new Fifo<Uint8Array>();
  #arrivedBytes = 0;
  /** How many packets are in flight, and how many bytes they have. */
  #pending = 0;
  #pendingBytes = 0;
  /** True while the next packet waits for room among those of all connections. */
  #waiting = false;
  #advancing = false;
  #stopped = false;
  #givenUp = false;
  /** True once it had to let go of its memory. */
  #evicted = false;
  #isOver = false;

  constructor(address: NetAddress, maxPending: number, { inFlight, memory }: SharedLimits, events: TransportEvents) {
    this.address = address;
    this.#maxPending = maxPending;
    this.#inFlight = inFlight;
    this.#memory = memory.open(() => this.#giveUpMemory());
    this.events = events;
  }

  /** The connection itself, because clients of a Unix domain socket have no address that would tell them apart. */
  get key(): object {
    return this;
  }

  abstract send(packet: Uint8Array): void;

  /** Reads nothing more from the client; it may still be sent to. What was read already is handed on when the connection ends. */
  stopReading(): void {
    this.#stopped = true;
    this.pace();
  }

  settled(size: number): void {
    this.#pending -= 1;
    this.#pendingBytes -= size;
    this.#inFlight.give(size);
    this.advance();
  }

  roomTaken(): void {
    this.#waiting = false;
    this.#handOn(this.#shiftArrived() as Uint8Array);
    this.advance();
  }

  /** True if none of its packets is in flight, or waits to be. */
  protected get isQuiet(): boolean {
    return this.#pending === 0 && !this.#waiting;
  }

  /** True if packets were read that have not been handed on. */
  protected get holdsPackets(): boolean {
    return this.#arrived.size > 0;
  }

  /** True if nothing more is to be read from the client for now. */
  protected get isFull(): boolean {
    return this.#stopped || this.holdsPackets || this.#usesItsShare;
  }

  /** Hands a packet on, or keeps it until there is room. `advance` has to follow. */
  protected arrive(packet: Uint8Array): void {
    // Most packets pass at once. Only one that waits is copied out of the memory that was read.
    if (!this.isFull && this.mayProceed() && this.#take(packet)) return this.#handOn(packet);
    this.#arrived.push(compact(packet));
    this.#arrivedBytes += packet.length;
  }

  /** Hands packets on as far as there is room, and reads or stops reading accordingly. */
  protected advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    do this.#handOnArrived();
    while (!this.isFull && this.mayProceed() && this.cutNext());
    this.#advancing = false;
    this.pace();
    this.accountMemory();
  }

  /** Hands on whatever has been read, whether there is room or not. */
  protected handOnAll(): void {
    this.#advancing = true;
    do {
      for (let packet = this.#shiftArrived(); packet !== undefined; packet = this.#shiftArrived()) {
        this.#inFlight.force(packet.length, this);
        this.#waiting = false;
        this.#handOn(packet);
      }
    } while (this.cutNext());
    this.#advancing = false;
    this.accountMemory();
  }

  /** Tells the budget how much memory the connection holds. */
  protected accountMemory(): void {
    const packets = this.#arrived.size + this.#pending;
    if (this.#isOver && packets === 0) return this.#memory.close();
    const read = this.#pending === 0 ? 0 : READ_SIZE;
    // A socket that was destroyed frees its replies a little later. Until then they would cost others their connections.
    const buffered = this.#evicted ? 0 : this.bufferedBytes();
    this.#memory.set(this.#arrivedBytes + this.#pendingBytes + packets * PACKET_OVERHEAD + read + buffered);
  }

  /** The connection is over. Only its packets that are in flight still take memory. */
  protected connectionOver(): void {
    this.#isOver = true;
    this.accountMemory();
  }

  /** Reports why the server ends the connection. */
  protected giveUp(error: OscError): void {
    // It may still take a moment to end, and give another reason meanwhile.
    if (this.#givenUp) return;
    this.#givenUp = true;
    this.events.onConnection("ended");
    this.events.onError(error, this.address);
  }

  /** Ends the connection at once, and lets go of what was read and not cut into packets, and of what was not sent. */
  protected abstract destroy(): void;

  /** How many bytes the subclass holds: unfinished packets, and replies that have not been sent. */
  protected abstract bufferedBytes(): number;

  /** Whether the client takes its replies, so that it may ask for more. */
  protected abstract mayProceed(): boolean;

  /** Makes packets {@link arrive} out of bytes that have been read. False if there are none. */
  protected abstract cutNext(): boolean;

  /** Reads on or stops reading, as `isFull` says. */
  protected abstract pace(): void;

  get #usesItsShare(): boolean {
    return this.#pending >= this.#maxPending || this.#pendingBytes >= this.#inFlight.share;
  }

  /** It holds more than any other connection, and all together hold too much. */
  #giveUpMemory(): void {
    if (this.#isOver || this.#evicted) return;
    this.#evicted = true;
    const message = `A connection was ended because its client made the server hold ${this.#memory.held} bytes, more than any other, and all together exceed maxMemory.`;
    if (!this.#givenUp) this.events.onLoss?.("evicted");
    this.giveUp(new OscDroppedError("maxMemory", message));
    this.#inFlight.leave(this);
    this.#waiting = false;
    this.#arrived.clear();
    this.#arrivedBytes = 0;
    this.destroy();
    this.accountMemory();
  }

  #handOnArrived(): void {
    while (!this.#stopped && !this.#waiting && !this.#usesItsShare && this.mayProceed()) {
      const packet = this.#arrived.peek();
      if (packet === undefined || !this.#take(packet)) return;
      this.#shiftArrived();
      this.#handOn(packet);
    }
  }

  #shiftArrived(): Uint8Array | undefined {
    const packet = this.#arrived.shift();
    if (packet !== undefined) this.#arrivedBytes -= packet.length;
    return packet;
  }

  #take(packet: Uint8Array): boolean {
    this.#waiting = !this.#inFlight.take(packet.length, this);
    return !this.#waiting;
  }

  #handOn(packet: Uint8Array): void {
    // A packet that comes while others are being handled has to wait. The first one may keep what was read together with it.
    const data = this.#pending === 0 ? packet : compact(packet);
    this.#pending += 1;
    this.#pendingBytes += data.length;
    this.events.onPacket(data, this);
  }
}
