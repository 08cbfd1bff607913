import type { Hello } from "../../protocol.ts";

/** Keeps account of what the feed brought, so that nothing is missing silently. */
export class FeedAccount {
  /** Entries that arrived here. */
  received = 0;
  /** Entries that the monitor had to drop on their way, by the gaps in their numbers. */
  dropped = 0;
  /** The newest number that arrived, to go on from after the connection was lost. */
  newest = 0;
  session = "";
  #expected: number | null = null;

  /** @returns true where the monitor was started anew, so that its numbers begin again */
  hello({ session }: Hello): boolean {
    const isAnew = this.session !== "" && this.session !== session;
    if (this.session !== session) {
      this.newest = 0;
      this.#expected = null;
    }
    this.session = session;
    return isAnew;
  }

  /** An entry with that number arrived. What is before the first one is the past, and nobody's loss. */
  entry(number: number): void {
    this.received += 1;
    if (this.#expected !== null && number > this.#expected) this.dropped += number - this.#expected;
    this.#expected = number + 1;
    this.newest = number;
  }
}
