import type { OscError } from "../errors.ts";
import { nextTurn } from "./event-loop.ts";

/** Ends a send: with `null` where it went well. */
export type SendDone = (error: OscError | null) => void;

/**
 * The promise of a send. Where it fails and nobody looks at it (no `await`, `then` or `catch`), the error goes to a listener, and does not
 * end the process as another promise's would: a cable that is pulled must not end a show.
 */
export class SendPromise extends Promise<void> {
  #isLookedAt = false;

  // What `then` returns is the caller's own affair.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /**
   * @param send begins to send; what it throws is the send's failure
   * @param unseen takes the failure that nobody looks at
   */
  static of(send: (done: SendDone) => void, unseen: (error: OscError) => void): SendPromise {
    const promise = new SendPromise((resolve, reject) => send((error) => (error === null ? resolve() : reject(error))));
    void super.prototype.then.call(promise, undefined, (error: OscError) => {
      // An `await` looks at its promise only some microtasks later.
      nextTurn(() => {
        if (!promise.#isLookedAt) unseen(error);
      });
    });
    return promise;
  }

  // Not a thenable of our own: it is `Promise`'s own `then`, and only takes note.
  // oxlint-disable-next-line unicorn/no-thenable
  override then<Value = void, Failure = never>(
    onFulfilled?: ((value: void) => Value | PromiseLike<Value>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    this.#isLookedAt = true;
    return super.then(onFulfilled, onRejected);
  }
}
