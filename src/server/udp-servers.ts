import type { Dispatcher } from "../dispatch/index.ts";
import type { UdpOptions } from "../transport/udp.ts";
import { checkArguments } from "./check-arguments.ts";
import { AsyncServer, type AsyncServerOptions } from "./async-server.ts";
import { BlockingServer, type BlockingServerOptions } from "./blocking-server.ts";
import { ForkingServer, type ForkingServerOptions } from "./forking-server.ts";
import type { AddressLike } from "./options.ts";
import type { HandlersSource } from "./pool/handlers-source.ts";
import { ThreadingServer, type ThreadingServerOptions } from "./threading-server.ts";
import { type NativeOption, udpSpec } from "./transports.ts";

/** Options of {@link AsyncOSCUDPServer}. */
export interface AsyncUdpServerOptions extends AsyncServerOptions, NativeOption, UdpOptions {}

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
    checkArguments("Async", "UDP", address, dispatcher, options);
    super(udpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link BlockingOSCUDPServer}. */
export interface BlockingUdpServerOptions extends BlockingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC by UDP and handles it in the thread that calls `serveForever()`, which is blocked meanwhile: one handler after another.
 * A thread of its own receives while a handler is at work, so nothing is lost meanwhile, and errors are reported all the same.
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
    checkArguments("Blocking", "UDP", address, dispatcher, options);
    super(udpSpec(address, options), dispatcher, options);
  }
}

/** Options of {@link ThreadingOSCUDPServer}. */
export interface ThreadingUdpServerOptions extends ThreadingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC by UDP and handles each packet in a worker thread of its own, up to `maxThreads` at the same time. For light handlers, and
 * for handlers that wait. Used as {@link BlockingOSCUDPServer} is; `start()` serves without blocking.
 *
 * ```ts
 * const server = new ThreadingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * A function cannot go to another thread, so each thread runs the program's entry script again, up to this constructor; there it does not
 * bind, but handles packets, and never returns. So what stands above the constructor runs in each thread (see `workerRole`), nothing below
 * it does, and a subclass's `verifyRequest` is called on an object whose own fields were never set. A handler that wants to end the server
 * is mapped with `needsContext` and calls `context.shutdown()`: the variable that holds the server has no value in a thread. Handlers share
 * nothing, unless a `SharedArrayBuffer` is given as `workerData`. They must be synchronous; give a handlers module in place of the
 * dispatcher, and promises are awaited, and the program is not run again.
 *
 * Packets are handled at the same time, so what one of them changes, and what it replies, may come before what an earlier one does.
 */
export class ThreadingOSCUDPServer extends ThreadingServer {
  /**
   * Binds at once.
   *
   * @param address where to listen; port 0 lets the system choose
   * @param handlers a dispatcher, which is frozen by this; or a module whose default export is one, as a `URL` or an absolute path. It may
   * also export a function `verifyRequest`
   * @throws OscSocketError where the address cannot be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_OPTION` where an option has no such value; `OSC_ENTRY_NOT_RUNNABLE` for a dispatcher where the entry script
   * cannot be run again, as in a test runner; `OSC_THREAD_FAILED` where the I/O thread cannot be started
   */
  constructor(address: AddressLike, handlers: HandlersSource, options: ThreadingUdpServerOptions = {}) {
    checkArguments("Threading", "UDP", address, handlers, options);
    super(udpSpec(address, options), handlers, options);
  }
}

/** Options of {@link ForkingOSCUDPServer}. */
export interface ForkingUdpServerOptions extends ForkingServerOptions, NativeOption, UdpOptions {}

/**
 * Receives OSC by UDP and handles each packet in a child process of its own, which ends after it; spare processes are started ahead. For
 * heavy handlers, and for handlers that may crash, hang or use up memory: that costs their own packet and nothing else. Used as
 * {@link BlockingOSCUDPServer} is; `start()` serves without blocking.
 *
 * ```ts
 * const server = new ForkingOSCUDPServer(["127.0.0.1", 1337], dispatcher);
 * server.serveForever(); // Blocks until a handler calls context.shutdown()
 * ```
 *
 * Each process runs the program's entry script again, up to this constructor: what {@link ThreadingOSCUDPServer} says about its threads holds
 * for processes, too, but that they cannot share memory.
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
