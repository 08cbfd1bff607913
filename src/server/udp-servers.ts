import { isIPv6 } from "node:net";
import type { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import { type UdpOptions, type UdpSpec, udpOptionsOf } from "../transport/udp.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { type AddressLike, hostAndPort } from "./options.ts";

/** Options of {@link AsyncOSCUDPServer}. */
export interface AsyncUdpServerOptions extends AsyncServerOptions, UdpOptions {}

/**
 * Receives OSC by UDP and handles it in the event loop.
 *
 * ```ts
 * const server = new AsyncOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * const [transport] = await server.createServeEndpoint();
 * // … your program …
 * await transport.close();
 * ```
 */
export class AsyncOSCUDPServer extends AsyncServer {
  /**
   * @param address where to listen; port 0 lets the system choose
   * @throws OscServerError `OSC_OPTION` where an option has no such value
   */
  constructor(address: AddressLike, dispatcher: Dispatcher, options: AsyncUdpServerOptions = {}) {
    const spec = udpSpec(address, options);
    super(spec, requestedAddress(spec), dispatcher, options);
  }
}

function udpSpec(address: AddressLike, options: UdpOptions): UdpSpec {
  return { transport: "udp", ...hostAndPort(address), options: udpOptionsOf(options) };
}

function requestedAddress({ host, port }: UdpSpec): NetAddress {
  return { address: host, port, family: isIPv6(host) ? "IPv6" : "IPv4" };
}
