import { isIPv6 } from "node:net";
import type { Dispatcher } from "../dispatch/index.ts";
import type { NetAddress } from "../net-address.ts";
import { type UdpOptions, type UdpSpec, udpOptionsOf } from "../transport/udp.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { BlockingServer, type BlockingServerOptions } from "./blocking-server.ts";
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

/** Options of {@link BlockingOSCUDPServer}. */
export interface BlockingUdpServerOptions extends BlockingServerOptions, UdpOptions {}

/**
 * Receives OSC by UDP and handles it in the thread that calls `serveForever()`, which is blocked meanwhile: one handler after another.
 * The socket is owned by a thread of its own, so nothing is lost while a handler is at work, and errors are reported all the same.
 *
 * ```ts
 * const server = new BlockingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls server.shutdown()
 * ```
 *
 * Ctrl-C ends the process at once, for listeners of signals cannot run while the thread is blocked: see `keepSignalListeners`. Programs that
 * must clean up on a signal use {@link AsyncOSCUDPServer}, or `start()` of the threading and forking servers.
 */
export class BlockingOSCUDPServer extends BlockingServer {
  /**
   * Binds at once.
   *
   * @param address where to listen; port 0 lets the system choose
   * @throws OscSocketError where the address cannot be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` where an option has no such value; `OSC_THREAD_FAILED` where the I/O thread cannot be started
   */
  constructor(address: AddressLike, dispatcher: Dispatcher, options: BlockingUdpServerOptions = {}) {
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
