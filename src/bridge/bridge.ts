import type { NetAddress } from "../net-address.ts";
import { checkString } from "../options.ts";
import type { BridgeOptions } from "./options.ts";

/** What became of the packets of one direction. A bundle is one packet. */
export interface BridgeCounts {
  /** Packets that arrived. */
  readonly received: number;
  /** Packets handed to the network: with several targets, or clients, once for each. */
  readonly sent: number;
  /** Packets lost because a target was away for too long, too slow, or refused them: once for each target. */
  readonly dropped: number;
  /** Messages left out by `only` and `drop`. */
  readonly filtered: number;
  /** Messages that a newer one replaced (`maxRate`). */
  readonly replaced: number;
  /** Packets that were stopped because they had been through the bridge before. */
  readonly loops: number;
  /** Packets that aren't OSC, so that a rule couldn't be applied to them; without rules such packets pass. */
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

/** An open bridge. `await using` closes it. */
export interface Bridge extends AsyncDisposable {
  /** Where it listens, with the real port if port 0 was asked for. */
  readonly from: NetAddress;
  /** Where targets with `?listen` listen; null for the others. */
  readonly to: readonly (NetAddress | null)[];
  /** Resolves when the bridge is closed. */
  readonly closed: Promise<void>;
  /** Counters since the bridge was opened. */
  stats(): BridgeStats;
  /** Sends what waits, as far as possible, and frees all ports. May be called twice. */
  close(): Promise<void>;
}

/**
 * Forwards OSC packets, byte for byte, from where it listens to one or several targets, over any transports, and their answers back.
 *
 * Each client has its own sockets to the targets, so that answers find it: UDP clients until they are silent for `sessionTimeout`, others until they
 * disconnect. The bridge reconnects to a target that is away, with growing pauses. A target with `?listen` waits for clients itself: all
 * of them get every packet, and what they send goes to all clients on the other side.
 *
 * @param from where to listen: `osc.udp://:9000`, `osc.tcp://127.0.0.1:9000/?framing=1.0`, `osc.unix:///tmp/osc.sock`, `ws://127.0.0.1:8080/osc`; without
 * a host on all IPv4 interfaces
 * @param to where to send, likewise, and `wss://…`; without a host to this machine
 * @throws (rejects) OscServerError `OSC_OPTION` for a bad URL, rule or option, and for a target that leads back to `from`; OscSocketError if it
 * cannot listen
 *
 * @example
 * await using one = await bridge("ws://127.0.0.1:8080", "osc.udp://127.0.0.1:57110");
 */
export async function bridge(from: string, to: string | readonly string[], options: BridgeOptions = {}): Promise<Bridge> {
  const targets: readonly unknown[] = Array.isArray(to) ? to : [to];
  for (const [name, url] of [["from", from] as const, ...targets.map((target) => ["to", target] as const)]) checkString(name, url);
  // Few programs use bridges, so the rest is loaded now.
  const { openBridge } = await import("./relay.ts");
  return openBridge(from, targets as readonly string[], options);
}
