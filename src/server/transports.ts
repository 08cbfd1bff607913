import type { Transport, TransportEvents } from "../transport/transport.ts";
import { type UdpSpec, UdpTransport } from "../transport/udp.ts";

/** What to listen on, as plain data, so that it can go to another thread. */
export type TransportSpec = UdpSpec;

/** The transport that a spec describes. */
export function createTransport(spec: TransportSpec, events: TransportEvents): Transport {
  return new UdpTransport(spec, events);
}
