/** The default of `maxMemory`: 256 MiB. */
export const DEFAULT_MAX_MEMORY: number = 256 * 1024 * 1024;

/** What a kept packet takes besides its bytes: a generous estimate of the JavaScript objects around them. */
export const PACKET_OVERHEAD = 256;

/** A view may keep alive this many bytes besides its own. */
const MAX_WASTE = 512;

/** The bytes to keep for long: a copy if they are a small view, which would keep alive everything that was read together with it. */
export function compact(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength - bytes.length <= Math.max(MAX_WASTE, bytes.length) ? bytes : new Uint8Array(bytes);
}

/**
 * How many bytes a server holds for all of its peers together. Limits of one connection multiply with the number of connections; this one
 * does not. If it is exceeded, whoever holds the most has to give it up, and then the next, until the rest fits.
 */
export class MemoryBudget {
  /** How many bytes all accounts may hold together. */
  readonly limit: number;
  readonly #accounts = new Set<MemoryAccount>();
  #held = 0;
  #relieving = false;

  constructor(limit: number = DEFAULT_MAX_MEMORY) {
    this.limit = limit;
  }

  /** How many bytes all accounts hold. */
  get held(): number {
    return this.#held;
  }

  /** Whether that many bytes more may be held. */
  hasRoom(bytes: number): boolean {
    return this.#held + bytes <= this.limit;
  }

  /**
   * An account for one that holds memory.
   *
   * @param giveUp called if it holds the most and all together hold too much; it should let go of as much as it can
   */
  open(giveUp: () => void = () => undefined): MemoryAccount {
    const account = new MemoryAccount(this, giveUp);
    this.#accounts.add(account);
    return account;
  }

  /** An account holds `bytes` more, or less if negative. */
  change(bytes: number): void {
    this.#held += bytes;
    if (bytes > 0 && this.#held > this.limit && !this.#relieving) this.#relieve();
  }

  /** An account was closed. */
  forget(account: MemoryAccount): void {
    this.#accounts.delete(account);
  }

  #relieve(): void {
    this.#relieving = true;
    // One that gave up everything may still hold the packets that are being handled.
    const asked = new Set<MemoryAccount>();
    while (this.#held > this.limit) {
      const largest = this.#largest(asked);
      if (largest === null) break;
      asked.add(largest);
      largest.giveUp();
    }
    this.#relieving = false;
  }

  #largest(except: ReadonlySet<MemoryAccount>): MemoryAccount | null {
    let largest: MemoryAccount | null = null;
    for (const account of this.#accounts) {
      if (account.held > (largest?.held ?? 0) && !except.has(account)) largest = account;
    }
    return largest;
  }
}

/** How much of a {@link MemoryBudget} one connection, queue or schedule holds. */
export class MemoryAccount {
  readonly giveUp: () => void;
  readonly #budget: MemoryBudget;
  #held = 0;
  #closed = false;

  constructor(budget: MemoryBudget, giveUp: () => void) {
    this.#budget = budget;
    this.giveUp = giveUp;
  }

  get held(): number {
    return this.#held;
  }

  /** It holds `bytes` now. */
  set(bytes: number): void {
    this.add(bytes - this.#held);
  }

  /** It holds `bytes` more, or less if negative. */
  add(bytes: number): void {
    if (this.#closed || bytes === 0) return;
    this.#held += bytes;
    this.#budget.change(bytes);
  }

  /** It holds nothing any more, and never will. */
  close(): void {
    this.set(0);
    this.#closed = true;
    this.#budget.forget(this);
  }
}
