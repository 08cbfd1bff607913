import type { Progress } from "../crossing/progress.ts";

/** What a pool knows of how far a thread has come that handles one packet after another. */
export class ThreadTally {
  readonly #progress: Progress;
  readonly #onHandled: (count: number, took?: number) => void;
  /** How many packets it was given, and how many of these are known to be done with. */
  #given = 0;
  #finished = 0;
  /** How many were done with, and how long it had been at work, when it had looked at the clock last. */
  #finishedBefore = 0;
  #workedBefore = 0;
  #givenByPort = 0;

  /** @param onHandled as `PoolWorkerEvents.handled` */
  constructor(progress: Progress, onHandled: (count: number, took?: number) => void) {
    this.#progress = progress;
    this.#onHandled = onHandled;
  }

  given(): void {
    this.#given += 1;
  }

  givenByPort(): void {
    this.given();
    this.#givenByPort = this.#given;
  }

  takenBack(): void {
    this.#given -= 1;
  }

  /** Whether all that went by the port is done with: it does not stand in line with what is in the ring. */
  get isInLine(): boolean {
    return ((this.#finished - this.#givenByPort) | 0) >= 0;
  }

  /** How many the thread has done with by now, for {@link finished}. What is to be said of them lies in the ring then. */
  get now(): number {
    return this.#progress.finished;
  }

  /** The thread has done with so many since it was started, each of which was handled if it is not known to be refused. */
  finished(count: number): void {
    const more = (count - this.#finished) | 0;
    if (more <= 0) return;
    this.#finished = count;
    const { worked } = this.#progress;
    if (worked === this.#workedBefore) return this.#onHandled(more);
    const took = (worked - this.#workedBefore) / ((count - this.#finishedBefore) | 0);
    this.#workedBefore = worked;
    this.#finishedBefore = count;
    this.#onHandled(more, took);
  }

  /** The next one was refused. */
  refused(): void {
    this.#finished = (this.#finished + 1) | 0;
  }
}
