import type { RecordBody } from "../pool/records.ts";

/**
 * Passes the values that described methods get in a pool on to the thread that owns the server. Until that has taken the last ones over, it keeps
 * only the newest of each method: a blocked thread must not make them pile up.
 */
export class ValueRelay {
  readonly #send: (values: readonly Uint8Array[]) => void;
  readonly #addressOf: (record: RecordBody) => string;
  readonly #waiting = new Map<string, Uint8Array>();
  /** Whether values are under way, or about to be sent. */
  #isBusy = false;

  constructor(send: (values: readonly Uint8Array[]) => void, addressOf: (record: RecordBody) => string) {
    this.#send = send;
    this.#addressOf = addressOf;
  }

  add(record: RecordBody): void {
    // Copy: a view would be cloned together with all of its buffer.
    this.#waiting.set(this.#addressOf(record), new Uint8Array(record));
    if (this.#isBusy) return;
    this.#isBusy = true;
    // What comes in one turn of the event loop is handed over together.
    setImmediate(() => this.flush());
  }

  /** The others have been taken over. */
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
