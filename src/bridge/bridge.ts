import type { NetAddress } from "../net-address.ts";
import type { BridgeStats } from "./counts.ts";
import type { BridgeOptions } from "./options.ts";

/** A bridge that is open. `await using` closes it. */
export interface Bridge extends AsyncDisposable {
  /** Where it listens: the real port where 0 was asked for. */
  readonly from: NetAddress;
  /** Where the targets listen that were given with `?listen`; null for the others. */
  readonly to: readonly (NetAddress | null)[];
  /** Resolves when the bridge is closed. */
  readonly closed: Promise<void>;
  /** Counters since the bridge was opened. */
  stats(): BridgeStats;
  /** Sends what waits, as far as that is possible, and frees all ports. May be called twice. */
  close(): Promise<void>;
}

/**
 * Passes OSC packets on, byte for byte, from where it listens to one or several targets, over any transports, and what they answer back.
 *
 * Each client has sockets of its own to the targets, so that what comes back to them finds its client: UDP clients until they are silent for
 * `sessionTimeout`, others until they go. A target that is away is asked again, with growing pauses. A target with `?listen` waits for clients itself: all
 * of them get every packet, and what they send goes to all clients on the other side.
 *
 * @param from where to listen: `osc.udp://:9000`, `osc.tcp://127.0.0.1:9000/?framing=1.0`, `osc.unix:///tmp/osc.sock`, `ws://127.0.0.1:8080/osc`; without
 * a host on all IPv4 interfaces
 * @param to where to send, likewise, and `wss://…`; without a host to this machine
 * @throws (rejects) OscServerError `OSC_OPTION` for a URL, a rule or an option that cannot be, and for a target that leads back to `from`;
 * OscSocketError where it cannot listen
 *
 * @example
 * await using one = await bridge("ws://127.0.0.1:8080", "osc.udp://127.0.0.1:57110");
 */
export async function bridge(from: string, to: string | readonly string[], options: BridgeOptions = {}): Promise<Bridge> {
  options.signal?.throwIfAborted();
  const targets = typeof to === "string" ? [to] : [...to];
  // A sixth of all the code, which few programs use.
  const { openBridge } = await import("./open-bridge.ts");
  return openBridge(from, targets, options);
}
