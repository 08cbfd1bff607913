import type { NetAddress } from "../net-address.ts";
import { parsePlace } from "../url/place.ts";
import type { BridgeStats } from "./counts.ts";
import { type BridgeOptions, bridgeSettings } from "./options.ts";
import { Relay } from "./relay.ts";

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
  const { signal } = options;
  signal?.throwIfAborted();
  const targets = typeof to === "string" ? [to] : to;
  const opened = await open(new Relay(parsePlace(from), targets.map(parsePlace), bridgeSettings(options)));
  const abort = (): void => void opened.close();
  signal?.addEventListener("abort", abort, { once: true });
  void opened.closed.then(() => signal?.removeEventListener("abort", abort));
  if (signal?.aborted === true) await opened.close();
  return opened;
}

async function open(relay: Relay): Promise<Bridge> {
  const { from, to } = await relay.open();
  let resolveClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve;
  });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= relay.close().then(resolveClosed));
  return { from, to, closed, close, stats: () => relay.stats(), [Symbol.asyncDispose]: close };
}
