import type { Packet } from "../executor.ts";

/** A packet that a worker has. */
export interface Held {
  /** Its number; one that was given later has a higher one, until they begin again at 2^32. */
  readonly id: number;
  readonly packet: Packet;
  /** Since when it is being handled, as far as is known. */
  since: number;
  /** Where it lies until it is begun; null where it was not handed ahead. */
  readonly place: number | null;
  /** True while it waits for those before it. */
  waits: boolean;
}

/** So many places may stand empty at the front before the rest moves up. */
const SLACK = 64;

/** The packets that a worker has, in the order in which it was given them: most end in that order, too. */
export class HeldPackets {
  #items: (Held | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** The packet that it has had for longest. */
  get first(): Held | undefined {
    return this.#items[this.#head];
  }

  add(held: Held): void {
    this.#items.push(held);
  }

  get(id: number): Held | undefined {
    return this.#items[this.#indexOf(id)];
  }

  /** Takes out the packet of that number. */
  take(id: number): Held | undefined {
    if (this.first?.id === id) return this.shift();
    const index = this.#indexOf(id);
    return index === -1 ? undefined : this.#items.splice(index, 1)[0];
  }

  /** Takes out the first. */
  shift(): Held | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > SLACK && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Takes out those for which the answer is true, which is asked of each in their order. */
  takeWhere(isMeant: (held: Held) => boolean): Held[] {
    const taken: Held[] = [];
    const kept: Held[] = [];
    for (const held of this.#items) if (held !== undefined) (isMeant(held) ? taken : kept).push(held);
    this.#items = kept;
    this.#head = 0;
    return taken;
  }

  /** By halves, for the numbers rise. */
  #indexOf(id: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = ((this.#items[middle]?.id ?? id) - id) | 0;
      if (difference === 0) return middle;
      if (difference < 0) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}
