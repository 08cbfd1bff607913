import type { Dispatcher } from "../dispatch/index.ts";
import type { UdpOptions } from "../transport/udp.ts";
import { checkArguments } from "./check-arguments.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { BlockingServer, type BlockingServerOptions } from "./blocking-server.ts";
import type { AddressLike } from "./options.ts";
import type { HandlersSource } from "./pool/handlers-source.ts";
import { ForkingServer, type ForkingServerOptions, ThreadingServer, type ThreadingServerOptions } from "./pooled-server.ts";
import { type NativeOption, udpSpec } from "./transports.ts";

/** Options of {@link AsyncOSCUDPServer}. */
export interface AsyncUdpServerOptions extends AsyncServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC over UDP and handles it in the event loop.
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
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value
   */
  constructor(address: AddressLike, dispatcher: Dispatcher, options: AsyncUdpServerOptions = {}) {
    checkArguments("Async", "UDP", address, dispatcher, options);
    super(udpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link BlockingOSCUDPServer}. */
export interface BlockingUdpServerOptions extends BlockingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC over UDP and handles it in the thread that calls `serveForever()`, one packet after another. The call blocks that thread.
 * Packets that arrive while a handler runs are queued, and errors are reported as they occur.
 *
 * ```ts
 * const server = new BlockingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls server.shutdown()
 * ```
 *
 * Signal handlers can't run while the thread is blocked, so Ctrl-C kills the process immediately: see `keepSignalListeners`. Programs
 * that must clean up on a signal use {@link AsyncOSCUDPServer}, or `start()` of the threading and forking servers.
 */
export class BlockingOSCUDPServer extends BlockingServer {
  /**
   * Binds at once.
   *
   * @param address where to listen; port 0 lets the system choose
   * @throws OscSocketError if the address can't be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value; `OSC_THREAD_FAILED` if the I/O thread can't be started
   */
  constructor(address: AddressLike, dispatcher: Dispatcher, options: BlockingUdpServerOptions = {}) {
    checkArguments("Blocking", "UDP", address, dispatcher, options);
    super(udpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link ThreadingOSCUDPServer}. */
export interface ThreadingUdpServerOptions extends ThreadingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC over UDP and handles each packet in a worker thread, up to `maxThreads` at the same time. For light handlers, and for
 * handlers that wait. Use it like {@link BlockingOSCUDPServer}, or call `start()` to serve without blocking.
 *
 * ```ts
 * const server = new ThreadingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * Functions can't be sent to another thread, so each thread runs the program's entry script again, up to this constructor. In a thread the
 * constructor doesn't bind: it handles packets and never returns. Prefer a handlers module: then the program doesn't run again.
 *
 * - Code above the constructor runs in every thread (see `workerRole`), code below it only in the main program.
 * - A subclass's `verifyRequest` is called on an object whose own fields were never set.
 * - To end the server from a handler, map it with `needsContext` and call `context.shutdown()`. The variable that holds the server is
 *   never set in a thread.
 * - Handlers share nothing, unless `workerData` contains a `SharedArrayBuffer`.
 * - Handlers must be synchronous. With a handlers module instead of a dispatcher they may return promises.
 * - Packets are handled in parallel, so the effects and replies of a packet may precede those of an earlier one.
 */
export class ThreadingOSCUDPServer extends ThreadingServer {
  /**
   * Binds at once.
   *
   * @param address where to listen; port 0 lets the system choose
   * @param handlers a dispatcher, which is then frozen; or a module whose default export is one, as a `URL` or an absolute path. The module
   * may also export a function `verifyRequest`
   * @throws OscSocketError if the address can't be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` if an argument or option has a bad value; `OSC_ENTRY_NOT_RUNNABLE` for a dispatcher if the entry
   * script can't be run again, as in a test runner; `OSC_THREAD_FAILED` if the I/O thread can't be started
   */
  constructor(address: AddressLike, handlers: HandlersSource, options: ThreadingUdpServerOptions = {}) {
    checkArguments("Threading", "UDP", address, handlers, options);
    super(udpSpec(address, options), handlers, options);
  }
}

/** Options of {@link ForkingOSCUDPServer}. */
export interface ForkingUdpServerOptions extends ForkingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC over UDP and handles each packet in its own child process, which then ends; spare processes are kept ready. For heavy
 * handlers, and for handlers that may crash, hang or run out of memory: only their own packet is lost. Use it like
 * {@link BlockingOSCUDPServer}, or call `start()` to serve without blocking.
 *
 * ```ts
 * const server = new ForkingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * The program's entry script runs again, up to this constructor: once if processes can be forked, otherwise once in each process. Prefer
 * a handlers module: then it doesn't run again. The notes on threads in {@link ThreadingOSCUDPServer} apply to processes too, except that
 * they can't share memory.
 */
export class ForkingOSCUDPServer extends ForkingServer {
  /**
   * Binds at once.
   *
   * @param address where to listen; port 0 lets the system choose
   * @param handlers as for {@link ThreadingOSCUDPServer}
   * @throws as {@link ThreadingOSCUDPServer}
   */
  constructor(address: AddressLike, handlers: HandlersSource, options: ForkingUdpServerOptions = {}) {
    checkArguments("Forking", "UDP", address, handlers, options);
    super(udpSpec(address, options), handlers, options);
  }
}
