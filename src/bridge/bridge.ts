import { checkString } from "../options.ts";
import type { BridgeOptions } from "./options.ts";
import type { Bridge } from "./relay.ts";

/**
 * Listens on one endpoint and forwards OSC packets, byte for byte, to one or more targets over any transport, and forwards replies back.
 *
 * Each client has its own sockets to the targets, so replies reach the right client. They close after a UDP client has been idle for `sessionTimeout`,
 * or when any other client disconnects. The bridge reconnects to unavailable targets with increasing delays. A target with `?listen` accepts clients
 * instead: each of them receives every packet, and their packets go to all clients on the other side.
 *
 * @param from the URL to listen on: `osc.udp://:9000`, `osc.tcp://127.0.0.1:9000/?framing=1.0`, `osc.unix:///tmp/osc.sock`, `ws://127.0.0.1:8080/osc`; without
 * a host, all IPv4 interfaces
 * @param to the URLs to send to: the same forms, and `wss://…`; without a host, this machine
 * @throws (rejects) OscServerError `OSC_OPTION` for a bad URL, rule or option, and for a target that leads back to `from`; OscSocketError if it
 * can't listen
 *
 * @example
 * await using one = await bridge("ws://127.0.0.1:8080", "osc.udp://127.0.0.1:57110");
 */
export async function bridge(from: string, to: string | readonly string[], options: BridgeOptions = {}): Promise<Bridge> {
  const targets: readonly unknown[] = Array.isArray(to) ? to : [to];
  for (const [name, url] of [["from", from] as const, ...targets.map((target) => ["to", target] as const)]) checkString(name, url);
  // Loaded lazily: few programs use bridges.
  const { openBridge } = await import("./relay.ts");
  return openBridge(from, targets as readonly string[], options);
}
