import { OscBatchError, type OscError } from "../errors.ts";
import type { SendDone } from "./send-promise.ts";

/** What becomes of packets that were sent together; tells of it when all have come to their end. */
export class BatchOutcome {
  readonly #size: number;
  readonly #target: string;
  readonly #done: SendDone;
  readonly #failures: { readonly index: number; readonly error: OscError }[] = [];
  #left: number;

  /** @param size how many packets */
  constructor(size: number, target: string, done: SendDone) {
    this.#size = size;
    this.#left = size;
    this.#target = target;
    this.#done = done;
    if (size === 0) done(null);
  }

  ended(index: number, error: OscError | null): void {
    if (error !== null) this.#failures.push({ index, error });
    this.#left -= 1;
    if (this.#left > 0) return;
    const failures = this.#failures.toSorted((a, b) => a.index - b.index);
    this.#done(failures.length === 0 ? null : new OscBatchError(failures, this.#size, this.#target));
  }
}
