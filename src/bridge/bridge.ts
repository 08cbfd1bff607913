import { checkString } from "../options.ts";
import type { BridgeOptions } from "./options.ts";
import type { Bridge } from "./relay.ts";

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
