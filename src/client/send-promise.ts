import type { OscError } from "../errors.ts";
import type { SendDone } from "./connection.ts";
import { nextTurn } from "./timer.ts";

/**
 * The promise of a send. If it fails and nobody looked at it (no `await`, `then` or `catch`), the error goes to a listener instead of
 * ending the process, because an unplugged cable must not end a show.
 */
export class SendPromise extends Promise<void> {
  #isLookedAt = false;

  // What `then` returns is an ordinary promise of the caller's.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /**
   * @param send begins to send; what it throws is the failure of the send
   * @param onUnseen called with a failure that nobody looks at
   */
  static of(send: (done: SendDone) => void, onUnseen: (error: OscError) => void): SendPromise {
    let resolve!: () => void;
    let reject!: (error: OscError) => void;
    const promise = new SendPromise((onSuccess, onFailure) => {
      resolve = onSuccess;
      reject = onFailure;
    });
    const done: SendDone = (error) => {
      if (error === null) resolve();
      else {
        // So that Node doesn't report it as unhandled.
        void super.prototype.then.call(promise, undefined, () => undefined);
        reject(error);
        // An `await` looks at its promise only some microtasks later.
        nextTurn(() => {
          if (!promise.#isLookedAt) onUnseen(error);
        });
      }
    };
    try {
      send(done);
    } catch (error) {
      done(error as OscError);
    }
    return promise;
  }

  // It is still Promise's own `then`; it only takes note.
  // oxlint-disable-next-line unicorn/no-thenable
  override then<Value = void, Failure = never>(
    onFulfilled?: ((value: void) => Value | PromiseLike<Value>) | null,
    onRejected?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    this.#isLookedAt = true;
    return super.then(onFulfilled, onRejected);
  }
}
