import type { Reporter } from "../dispatch/index.ts";
import { OscDroppedError, type OscError, OscRejectedError } from "../errors.ts";
import type { Peer } from "../transport/transport.ts";
import { type BridgeCounts, type MutableCounts, newCounts } from "./counts.ts";
import { type BridgeRule, Rules } from "./rules.ts";

/** One direction of a bridge: what its rules make of a packet, and what became of all of them. */
export class Direction {
  readonly #rules: Rules;
  readonly #counts: MutableCounts = newCounts();
  readonly #reporter: Reporter;

  /** @throws OscServerError, OscDispatchError for a rule that can mean nothing */
  constructor(rules: readonly BridgeRule[], reporter: Reporter) {
    this.#reporter = reporter;
    this.#rules = new Rules(rules, {
      onFiltered: () => {
        this.#counts.filtered += 1;
      },
      onReplaced: () => {
        this.#counts.replaced += 1;
      },
    });
  }

  get counts(): BridgeCounts {
    return { ...this.#counts };
  }

  /** A packet arrived. */
  received(): void {
    this.#counts.received += 1;
  }

  /**
   * Applies the rules to a packet.
   *
   * @param emit takes what passes, now or later
   * @returns false where nothing passes now
   */
  pass(packet: Uint8Array, { address }: Peer, emit: (packet: Uint8Array, when: "now" | "later") => void): boolean {
    const passed = this.#rules.apply(packet, (late) => emit(late, "later"));
    if (passed === undefined) {
      this.#counts.malformed += 1;
      const message = "A packet was not passed on, for it is not OSC and the rules cannot be applied to it.";
      this.#reporter.report(new OscRejectedError("malformed", message), address);
    }
    if (passed === undefined || passed === null) return false;
    emit(passed, "now");
    return true;
  }

  /** Gives a packet to each of these. */
  sendTo(peers: Iterable<Peer>, packet: Uint8Array): void {
    for (const peer of peers) {
      this.#counts.sent += 1;
      peer.send(packet);
    }
  }

  /** A packet was given to the network, or could not be. */
  sent(error: OscError | null): void {
    if (error === null) {
      this.#counts.sent += 1;
      return;
    }
    this.#counts.dropped += 1;
    // What is given up when the bridge, or a session, ends is no fault.
    if (error.code !== "OSC_CLOSED") this.#reporter.report(error);
  }

  /** A packet is stopped that has been here before. */
  stopLoop({ address }: Peer): void {
    this.#counts.loops += 1;
    const message = "A packet was stopped that has been through this bridge before: the targets lead back to it (maxEchoes).";
    this.#reporter.report(new OscDroppedError("maxEchoes", message), address);
  }

  /** Sends what the rules kept for later. */
  flush(): void {
    this.#rules.flush();
  }
}
