/** What became of the packets of one direction. A bundle is one packet. */
export interface BridgeCounts {
  /** Packets that arrived. */
  readonly received: number;
  /** Packets that were given to the network: with several targets, or clients, once for each. */
  readonly sent: number;
  /** Packets lost because a target was away for too long, too slow, or refused them: once for each target. */
  readonly dropped: number;
  /** Messages left out by `only` and `drop`. */
  readonly filtered: number;
  /** Messages that a newer one took the place of (`maxRate`). */
  readonly replaced: number;
  /** Packets that had been through the bridge before, and were stopped. */
  readonly loops: number;
  /** Packets that a rule could not be applied to, for they are no OSC; without rules such packets pass. */
  readonly malformed: number;
}

/** What a bridge has done. */
export interface BridgeStats {
  /** From clients to targets. */
  readonly forward: BridgeCounts;
  /** From targets to clients. */
  readonly back: BridgeCounts;
  /** Clients that have sockets to the targets now. */
  readonly sessions: number;
}

export type MutableCounts = { -readonly [Name in keyof BridgeCounts]: number };

export function newCounts(): MutableCounts {
  return { received: 0, sent: 0, dropped: 0, filtered: 0, replaced: 0, loops: 0, malformed: 0 };
}
