/** Limits on tracked addresses and their bytes; beyond them, the message due first is sent early. */
const MAX_ADDRESSES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Approximate overhead per address, besides its text and packet. */
const OVERHEAD_BYTES = 200;

/** A packet to send later unless a newer one replaces it. */
interface Kept {
  readonly packet: Uint8Array;
  readonly emit: (packet: Uint8Array) => void;
}

interface Slot {
  /** When the next message may pass. */
  readonly at: number;
  readonly kept: Kept | null;
}

/** Limits the messages per second for each address. If messages arrive faster, the newest is kept and sent when allowed. */
export class RateLimit {
  readonly #interval: number;
  readonly #onReplaced: () => void;
  /** Ordered by `at`, because all intervals are the same. */
  readonly #slots = new Map<string, Slot>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = 0;

  /** @param maxRate messages per second, more than 0 */
  constructor(maxRate: number, onReplaced: () => void) {
    this.#interval = 1000 / maxRate;
    this.#onReplaced = onReplaced;
  }

  /** Approximate memory held, in bytes. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /**
   * True if the message may pass now. Otherwise keeps it in place of an older one.
   *
   * @param later creates the packet to send later
   */
  pass(address: string, later: () => Kept): boolean {
    const now = performance.now();
    const slot = this.#slots.get(address);
    if (slot === undefined || (slot.kept === null && slot.at <= now)) {
      this.#remove(address);
      this.#set(address, { at: now + this.#interval, kept: null });
      this.#shrink();
      return true;
    }
    if (slot.kept !== null) this.#onReplaced();
    // Keeps its position in the order.
    this.#set(address, { at: slot.at, kept: later() });
    this.#arm(slot.at, now);
    this.#shrink();
    return false;
  }

  /** Sends all kept packets. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    this.#bytes = 0;
    for (const { kept } of slots) kept?.emit(kept.packet);
  }

  #set(address: string, slot: Slot): void {
    this.#bytes += sizeOf(address, slot) - sizeOf(address, this.#slots.get(address));
    this.#slots.set(address, slot);
  }

  #remove(address: string): void {
    this.#bytes -= sizeOf(address, this.#slots.get(address));
    this.#slots.delete(address);
  }

  #shrink(): void {
    while (this.#slots.size > MAX_ADDRESSES || this.#bytes > MAX_BYTES) {
      const [first] = this.#slots;
      if (first === undefined) return;
      this.#remove(first[0]);
      first[1].kept?.emit(first[1].kept.packet);
    }
  }

  #advance(): void {
    this.#timer = null;
    const now = performance.now();
    for (const [address, { at, kept }] of this.#slots) {
      if (at > now) break;
      this.#remove(address);
      if (kept === null) continue;
      this.#set(address, { at: now + this.#interval, kept: null });
      kept.emit(kept.packet);
    }
    const next = this.#firstKept();
    if (next !== null) this.#arm(next, now);
  }

  /** Ensures that the timer fires by this time. */
  #arm(at: number, now: number): void {
    if (this.#timer !== null) {
      if (this.#timerAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#advance(), Math.max(1, at - now)).unref();
  }

  /** When the first kept packet may pass. */
  #firstKept(): number | null {
    for (const { at, kept } of this.#slots.values()) if (kept !== null) return at;
    return null;
  }
}

function sizeOf(address: string, slot: Slot | undefined): number {
  return slot === undefined ? 0 : OVERHEAD_BYTES + address.length * 2 + (slot.kept?.packet.length ?? 0);
}
