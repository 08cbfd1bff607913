/** So many addresses are held to a rate at once; beyond that, the one whose turn comes first is let go. */
const MAX_ADDRESSES = 10_000;

/** What is to be sent later, unless something newer comes. */
interface Held {
  readonly packet: Uint8Array;
  readonly emit: (packet: Uint8Array) => void;
}

interface Turn {
  /** From when on the next message may pass. */
  readonly at: number;
  readonly held: Held | null;
}

/** Lets so many messages a second pass for each address. Of those that come faster, the newest is kept and passes in its turn. */
export class RateLimit {
  readonly #interval: number;
  readonly #onReplaced: () => void;
  /** In the order of their turns, for all intervals are the same. */
  readonly #turns = new Map<string, Turn>();
  #timer: NodeJS.Timeout | null = null;
  #timerAt = 0;

  /** @param maxRate messages a second, more than 0 */
  constructor(maxRate: number, onReplaced: () => void) {
    this.#interval = 1000 / maxRate;
    this.#onReplaced = onReplaced;
  }

  /**
   * True where the message may pass now. Otherwise it is kept, or takes the place of the one kept before.
   *
   * @param later makes what is to be sent in its turn
   */
  pass(address: string, later: () => Held): boolean {
    const now = performance.now();
    const turn = this.#turns.get(address);
    if (turn === undefined || (turn.held === null && turn.at <= now)) {
      this.#setTurn(address, now + this.#interval, null);
      return true;
    }
    if (turn.held !== null) this.#onReplaced();
    // Its place in the order stays.
    this.#turns.set(address, { at: turn.at, held: later() });
    this.#arm(turn.at, now);
    return false;
  }

  /** Sends what is kept. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const { held } of this.#turns.values()) held?.emit(held.packet);
    this.#turns.clear();
  }

  #setTurn(address: string, at: number, held: Held | null): void {
    this.#turns.delete(address);
    this.#turns.set(address, { at, held });
    if (this.#turns.size <= MAX_ADDRESSES) return;
    for (const [first, turn] of this.#turns) {
      this.#turns.delete(first);
      turn.held?.emit(turn.held.packet);
      return;
    }
  }

  #advance(): void {
    this.#timer = null;
    const now = performance.now();
    for (const [address, { at, held }] of this.#turns) {
      if (at > now) break;
      this.#turns.delete(address);
      if (held === null) continue;
      this.#turns.set(address, { at: now + this.#interval, held: null });
      held.emit(held.packet);
    }
    const next = this.#firstHeld();
    if (next !== null) this.#arm(next, now);
  }

  /** Sees to it that the timer comes no later than that. */
  #arm(at: number, now: number): void {
    if (this.#timer !== null) {
      if (this.#timerAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#advance(), Math.max(1, at - now)).unref();
  }

  /** When the first of those that are kept has its turn. */
  #firstHeld(): number | null {
    for (const { at, held } of this.#turns.values()) if (held !== null) return at;
    return null;
  }
}
