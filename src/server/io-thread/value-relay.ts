import type { RecordBody } from "../pool/records.ts";

/**
 * Relays new values of described methods from a pool to the thread that owns the server. Until that thread has processed the last batch,
 * the relay keeps only the newest value of each method, so that values don't pile up while the thread is blocked.
 */
export class ValueRelay {
  readonly #send: (values: readonly Uint8Array[]) => void;
  readonly #addressOf: (record: RecordBody) => string;
  readonly #waiting = new Map<string, Uint8Array>();
  /** Whether a batch is in flight or scheduled. */
  #isBusy = false;

  constructor(send: (values: readonly Uint8Array[]) => void, addressOf: (record: RecordBody) => string) {
    this.#send = send;
    this.#addressOf = addressOf;
  }

  add(record: RecordBody): void {
    // Copy: cloning a view would clone its whole buffer.
    this.#waiting.set(this.#addressOf(record), new Uint8Array(record));
    if (this.#isBusy) return;
    this.#isBusy = true;
    // Values from the same iteration of the event loop are sent as a batch.
    setImmediate(() => this.flush());
  }

  /** Called when the last batch has been processed. */
  taken(): void {
    this.#isBusy = false;
    if (this.#waiting.size > 0) this.flush();
  }

  flush(): void {
    if (this.#waiting.size === 0) return;
    this.#isBusy = true;
    const values = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#send(values);
  }
}
