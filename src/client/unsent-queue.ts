import { OscDroppedError, type OscError } from "../errors.ts";
import type { Unsent } from "./keeper.ts";

/** What is lost when one packet more is to wait than may: the one that comes, or the one that has waited longest. */
export type ClientOverflowPolicy = "drop-newest" | "drop-oldest";

export interface UnsentLimits {
  readonly maxUnsent: number;
  readonly maxUnsentBytes: number;
  readonly overflow: ClientOverflowPolicy;
}

/** Packets that wait for a connection, or for a slow one, within bounds. Each of them is told when it is lost. */
export class UnsentQueue<Waiting extends Pick<Unsent, "packet" | "done"> = Unsent> {
  readonly #limits: UnsentLimits;
  #packets: Waiting[] = [];
  #bytes = 0;
  /** How many were lost because there was no room. */
  overflowed = 0;

  constructor(limits: UnsentLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#packets.length;
  }

  /** The packet that has waited longest, which goes on waiting. */
  get first(): Waiting | undefined {
    return this.#packets[0];
  }

  push(unsent: Waiting): void {
    let obstacle = this.#obstacle(unsent);
    while (obstacle !== null) {
      const lost = this.#limits.overflow === "drop-oldest" ? (this.shift() ?? unsent) : unsent;
      this.overflowed += 1;
      lost.done(new OscDroppedError(obstacle, `A packet was not sent, for too many wait for the connection: ${obstacle} was reached.`));
      if (lost === unsent) return;
      obstacle = this.#obstacle(unsent);
    }
    this.#packets.push(unsent);
    this.#bytes += unsent.packet.length;
  }

  /** The packet that has waited longest. */
  shift(): Waiting | undefined {
    const first = this.#packets.shift();
    if (first !== undefined) this.#bytes -= first.packet.length;
    return first;
  }

  /** Ends the wait of all. */
  fail(error: OscError): void {
    const lost = this.#packets;
    this.#packets = [];
    this.#bytes = 0;
    for (const { done } of lost) done(error);
  }

  #obstacle({ packet }: Waiting): "maxUnsent" | "maxUnsentBytes" | null {
    const { maxUnsent, maxUnsentBytes } = this.#limits;
    if (this.#packets.length >= maxUnsent) return "maxUnsent";
    return this.#bytes + packet.length > maxUnsentBytes ? "maxUnsentBytes" : null;
  }
}
