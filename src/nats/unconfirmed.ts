import type { NatsConnectionSettings } from "./nats-options.ts";

interface Published {
  readonly size: number;
  readonly settled: ((ok: boolean) => void) | undefined;
}

/** What a message takes besides its bytes. */
const OVERHEAD = 64;

/** Messages that were published and that the server has not confirmed: how many there may be, and what became of each. */
export class Unconfirmed {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #confirm: () => Promise<void>;
  readonly #onRoom: () => void;
  /** Those that the server has not been asked about. */
  #published: Published[] = [];
  #count = 0;
  #bytes = 0;
  #isAsking = false;
  #scheduled: NodeJS.Immediate | null = null;

  /**
   * @param confirm asks the server, which answers when it has all that was published before; rejects where the connection breaks
   * @param onRoom called when there is room again
   */
  constructor(settings: NatsConnectionSettings, confirm: () => Promise<void>, onRoom: () => void) {
    this.#most = settings.maxUnconfirmed;
    this.#mostBytes = settings.maxUnconfirmedBytes;
    this.#confirm = confirm;
    this.#onRoom = onRoom;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether there is room for a message of so many bytes. One is always let through. */
  hasRoom(size: number): boolean {
    return this.#count === 0 || (this.#count < this.#most && this.#bytes + size + OVERHEAD <= this.#mostBytes);
  }

  /** A message was published. */
  add(size: number, settled: ((ok: boolean) => void) | undefined): void {
    this.#published.push({ size: size + OVERHEAD, settled });
    this.#count += 1;
    this.#bytes += size + OVERHEAD;
    this.#askSoon();
  }

  /** Gives up. */
  close(): void {
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#settle(this.#published.splice(0), false);
  }

  /** Asks once for all that is published in a turn of the event loop, and not again before the answer. */
  #askSoon(): void {
    if (this.#isAsking || this.#scheduled !== null) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = null;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const batch = this.#published;
    if (batch.length === 0 || this.#isAsking) return;
    this.#published = [];
    this.#isAsking = true;
    let ok = true;
    try {
      await this.#confirm();
    } catch {
      ok = false;
    }
    this.#isAsking = false;
    // What was published after the question may have gone with the same connection.
    this.#settle(ok ? batch : [...batch, ...this.#published.splice(0)], ok);
    if (this.#published.length > 0) this.#askSoon();
  }

  #settle(batch: readonly Published[], ok: boolean): void {
    for (const { size, settled } of batch) {
      this.#count -= 1;
      this.#bytes -= size;
      settled?.(ok);
    }
    this.#onRoom();
  }
}
