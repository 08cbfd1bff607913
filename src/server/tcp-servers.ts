import type { Dispatcher } from "../dispatch/index.ts";
import { checkArguments } from "./check-arguments.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { BlockingServer, type BlockingServerOptions } from "./blocking-server.ts";
import type { HandlersSource } from "./pool/handlers-source.ts";
import { ForkingServer, type ForkingServerOptions, ThreadingServer, type ThreadingServerOptions } from "./pooled-server.ts";
import { type StreamAddress, type TcpServerOptions, tcpSpec } from "./transports.ts";

/** Options of {@link AsyncOSCTCPServer}. */
export interface AsyncTcpServerOptions extends AsyncServerOptions, TcpServerOptions {}

/**
 * Receives OSC over TCP, or over a Unix domain socket, and handles it in the event loop. The server detects the framing of each
 * connection, OSC 1.0 (a size before each packet) or OSC 1.1 (SLIP), from its first bytes, and replies in the same framing.
 *
 * While too many packets of a client are in flight, or it doesn't read its replies, the server stops reading from that client, and TCP
 * slows it down. Other clients are not affected, and the queue never drops packets. `close()` waits for running handlers and sends their
 * replies; packets still queued are counted as `dropped`, and unread ones are lost as in a network failure.
 *
 * ```ts
 * const server = new AsyncOSCTCPServer(["127.0.0.1", 1337], dispatcher);
 * const [transport] = await server.createServeEndpoint();
 * // … your program …
 * await transport.close();
 * ```
 */
export class AsyncOSCTCPServer extends AsyncServer {
  /**
   * @param address where to listen, as `[host, port]` or `{ path }`; port 0 lets the system choose. A stale socket file is replaced; if
   * another program uses it, the error is `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value
   */
  constructor(address: StreamAddress, dispatcher: Dispatcher, options: AsyncTcpServerOptions = {}) {
    checkArguments("Async", "TCP", address, dispatcher, options);
    super(tcpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link BlockingOSCTCPServer}. */
export interface BlockingTcpServerOptions extends BlockingServerOptions, TcpServerOptions {}

/**
 * Receives OSC over TCP, or over a Unix domain socket, and handles it in the thread that calls `serveForever()`, one packet after
 * another. The call blocks that thread; all clients stay connected. Otherwise like {@link AsyncOSCTCPServer}.
 *
 * ```ts
 * const server = new BlockingOSCTCPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls server.shutdown()
 * ```
 */
export class BlockingOSCTCPServer extends BlockingServer {
  /**
   * Binds at once.
   *
   * @param address as for {@link AsyncOSCTCPServer}
   * @throws OscSocketError if the address can't be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value; `OSC_THREAD_FAILED` if the I/O thread can't be started
   */
  constructor(address: StreamAddress, dispatcher: Dispatcher, options: BlockingTcpServerOptions = {}) {
    checkArguments("Blocking", "TCP", address, dispatcher, options);
    super(tcpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link ThreadingOSCTCPServer}. */
export interface ThreadingTcpServerOptions extends ThreadingServerOptions, TcpServerOptions {}

/**
 * Receives OSC over TCP, or over a Unix domain socket, and handles each packet in a worker thread, up to `maxThreads` at the same
 * time. `ThreadingOSCUDPServer` explains how that works, and {@link AsyncOSCTCPServer} explains connections.
 *
 * ```ts
 * const server = new ThreadingOSCTCPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * Packets of different connections are handled in parallel. With `order: "none"` those of one connection are too, so a reply may precede
 * that of an earlier packet.
 */
export class ThreadingOSCTCPServer extends ThreadingServer {
  /**
   * Binds at once.
   *
   * @param address as for {@link AsyncOSCTCPServer}
   * @param handlers a dispatcher, which is then frozen; or a module whose default export is one, as for `ThreadingOSCUDPServer`
   * @throws OscSocketError if the address can't be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value; `OSC_ENTRY_NOT_RUNNABLE` for a dispatcher if the entry
   * script can't be run again, as in a test runner; `OSC_THREAD_FAILED` if the I/O thread can't be started
   */
  constructor(address: StreamAddress, handlers: HandlersSource, options: ThreadingTcpServerOptions = {}) {
    checkArguments("Threading", "TCP", address, handlers, options);
    super(tcpSpec(address, options), handlers, options);
  }
}

/** Options of {@link ForkingOSCTCPServer}. */
export interface ForkingTcpServerOptions extends ForkingServerOptions, TcpServerOptions {}

/**
 * Receives OSC over TCP, or over a Unix domain socket, and handles each packet in its own child process, which then ends.
 * `ForkingOSCUDPServer` explains how that works, and {@link AsyncOSCTCPServer} explains connections.
 *
 * ```ts
 * const server = new ForkingOSCTCPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * Packets of different connections are handled in parallel. With `order: "none"` those of one connection are too, so a reply may precede
 * that of an earlier packet.
 */
export class ForkingOSCTCPServer extends ForkingServer {
  /**
   * Binds at once.
   *
   * @param address as for {@link AsyncOSCTCPServer}
   * @param handlers as for {@link ThreadingOSCTCPServer}
   * @throws as {@link ThreadingOSCTCPServer}
   */
  constructor(address: StreamAddress, handlers: HandlersSource, options: ForkingTcpServerOptions = {}) {
    checkArguments("Forking", "TCP", address, handlers, options);
    super(tcpSpec(address, options), handlers, options);
  }
}
