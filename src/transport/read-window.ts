/** Something that could not go on for want of room, and wants to know when there is some. */
export interface Waiter {
  /** Room was taken for what it waits with. */
  roomTaken(): void;
}

/**
 * How much of what all connections of a server sent may be on its way through handlers at once. A connection that finds no room stops
 * reading, so that its peer is held up by TCP itself, and goes on in its turn: nothing is lost, and no connection starves.
 */
export class ReadWindow {
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  /** Who waits, in the order in which they came, and with how many bytes. */
  readonly #waiters = new Map<Waiter, number>();
  #packets = 0;
  #bytes = 0;
  #giving = false;

  constructor(maxPackets: number, maxBytes: number) {
    this.#maxPackets = maxPackets;
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes room for a packet of so many bytes. Where there is none, or others wait for it, the room is taken when it is the waiter's turn.
   *
   * @returns whether it was taken at once
   */
  take(size: number, waiter: Waiter): boolean {
    if (this.#waiters.size > 0 || !this.#fits(size)) {
      this.#waiters.set(waiter, size);
      return false;
    }
    this.#occupy(size);
    return true;
  }

  /** Takes room for a packet whether there is any or not, for one that waits no longer. */
  force(size: number, waiter: Waiter): void {
    this.#waiters.delete(waiter);
    this.#occupy(size);
  }

  /** Gives the room of a packet back. */
  give(size: number): void {
    this.#packets -= 1;
    this.#bytes -= size;
    // A packet that is refused gives its room back within `roomTaken`: the loop that runs goes on with it, however many wait.
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
