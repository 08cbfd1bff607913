import EventEmitter from "node:events";
import { isMainThread } from "node:worker_threads";
import { type ErrorListener, reportToConsole, tellListener } from "../dispatch/index.ts";
import type { OscPacket } from "../codec/index.ts";
import { type AdvertiseOption, advertiseOption } from "../discovery/advertise-server.ts";
import { OscServerError, type OscError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { boolean, checkOptionValues, milliseconds, type OptionChecks, orNull } from "../options.ts";
import { KernelDrops } from "../transport/kernel-drops.ts";
import { Counters, type ServerStats } from "./stats.ts";
import { AdvertiseThread } from "./io-thread/advertise-thread.ts";
import type { ServeOneStatus } from "./io-thread/messages.ts";
import { type AddressLike, type Limits, SERVER_OPTIONS, type ServerOptions, limitsOf } from "./options.ts";
import { packetBytes, recipientAddress } from "./outgoing.ts";
import type { IoOwner, ServerIo } from "./io-thread/server-io.ts";
import { type AdvertisedService, advertisedService, type TransportSpec, requestedAddress } from "./transports.ts";
import type { WorkerContext } from "./pool/worker-loop.ts";
import { countServer, resolveRole } from "./pool/worker-role.ts";

/** Options of servers that may block the calling thread: blocking, threading and forking. */
export interface SyncServerOptions extends ServerOptions {
  /** How long `close()` waits for running handlers before it kills them, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /** How long `handleRequest()` waits for a packet, in milliseconds (in Python: seconds). Default null: forever. */
  readonly timeout?: number | null;
  /**
   * Listeners of SIGINT, SIGTERM, SIGHUP and SIGQUIT can't run while the thread is blocked. Default false: they are removed meanwhile, so
   * that Ctrl-C ends the process at once. True: they stay, and run only when serving ends; until then the signal has no effect.
   */
  readonly keepSignalListeners?: boolean;
  /**
   * Lets other programs find the server by DNS-SD over multicast DNS, as `osc.udp` or `osc.tcp`: `true`, or the name to show to users. A
   * separate thread does that until `close()`. Needs the package `multicast-dns`, and takes about a second in the constructor. Not for
   * Unix domain sockets. Default false.
   */
  readonly advertise?: AdvertiseOption;
}

/** The checks of the options that async servers don't have. */
const SYNC_CHECKS = {
  closeTimeout: milliseconds(5000),
  timeout: orNull(milliseconds(undefined)),
  keepSignalListeners: boolean(false),
  advertise: advertiseOption,
} satisfies OptionChecks<Omit<SyncServerOptions, keyof ServerOptions>>;

/** The names of {@link SyncServerOptions}. */
export const SYNC_OPTIONS: readonly string[] = [...SERVER_OPTIONS, ...Object.keys(SYNC_CHECKS)];

/** What a kind of server adds to {@link SyncServer}. */
export interface SyncServerSetup<Io extends ServerIo> {
  /** What the server listens on. */
  readonly spec: TransportSpec;
  /** Opens the sockets. Not called for an inert server. */
  readonly open: (owner: IoOwner) => Io;
  /** Called in a worker of this server, which runs the program again: runs the worker's loop and never returns. */
  readonly becomeWorker?: (worker: WorkerContext, server: SyncServer) => never;
}

/**
 * Base class of the servers that block the calling thread.
 *
 * In a worker that runs the program again to reach another server, this one is inert: it doesn't bind, and serving methods return at once.
 *
 * While it isn't serving, packets are queued, and the server doesn't keep the process alive.
 *
 * @example
 * const server: SyncServer = new BlockingOSCTCPServer(["127.0.0.1", 9000], dispatcher);
 * console.log("listening on port", server.serverAddress.port);
 * server.serveForever();
 */
export abstract class SyncServer<Io extends ServerIo = ServerIo> implements Disposable {
  /** Calls the `onError` listener. If the listener throws, that is printed and goes no further. */
  protected readonly report: (error: OscError, client: NetAddress | undefined) => void;
  protected readonly closeTimeout: number;
  protected readonly timeout: number;
  readonly #address: NetAddress;
  readonly #keepSignalListeners: boolean;
  /** Null if the server is inert. */
  readonly #io: Io | null;
  readonly #kernelDrops = new KernelDrops();
  #advertising: AdvertiseThread | null = null;
  /** The serving method that is running; null if none. */
  #activeMethod: string | null = null;
  #stopping = false;
  #closing = false;

  protected constructor(setup: SyncServerSetup<Io>, options: SyncServerOptions) {
    const limits = limitsOf(options);
    const { closeTimeout, timeout, keepSignalListeners, advertise } = checkOptionValues(options, SYNC_CHECKS);
    const service = advertisedService(advertise, setup.spec);
    this.closeTimeout = closeTimeout;
    this.timeout = timeout ?? Infinity;
    this.#keepSignalListeners = keepSignalListeners;
    const listener: ErrorListener = options.onError ?? reportToConsole;
    this.report = (error, client) => tellListener(listener, error, client);
    const role = resolveRole();
    if (role.kind === "worker") setup.becomeWorker?.(role.worker, this);
    this.#io = role.kind === "server" ? this.#open(setup, limits, service) : null;
    this.#address = this.#io?.address ?? (role.kind === "inert" ? role.address : null) ?? requestedAddress(setup.spec);
    if (this.#io !== null && setup.spec.transport === "udp") this.#kernelDrops.opened(this.#address);
  }

  /** The address that the server listens on, with the actual port if 0 was requested. */
  get serverAddress(): NetAddress {
    return this.#address;
  }

  /**
   * Blocks and serves until `shutdown()`. May be called again afterwards.
   *
   * @throws OscServerError `OSC_CLOSED` after `close()`; `OSC_WRONG_STATE` from inside a handler; `OSC_THREAD_FAILED` if the I/O thread
   * failed
   */
  abstract serveForever(): void;

  /**
   * Handles exactly one packet. If none arrives within the option `timeout`, calls `handleTimeout()` instead.
   * A malformed packet, or one that `verifyRequest` rejects, counts too.
   *
   * @returns whether there was a packet
   * @throws like {@link serveForever}
   */
  abstract handleRequest(): boolean;

  /** Called by `handleRequest()` if no packet arrives in time. Override it; by default it does nothing. */
  handleTimeout(): void {}

  /**
   * Sends a packet from the server's own socket: over UDP to any address, over a connection to the client with this address
   * (`clientAddress` of a handler's context). May be called at any time until the server is closed.
   *
   * Failures are reported to `onError` with the address, and counted in `stats().socketErrors`: `ENOTCONN` if no such client is connected.
   *
   * ```ts
   * const server = new ThreadingOSCUDPServer(["0.0.0.0", 9001], dispatcher);
   * server.send(new OscMessage("/meters", [0.5, 0.4]), ["192.168.0.20", 9000]);
   * ```
   *
   * @param packet a message or bundle, or its bytes, which must not change afterwards
   * @param to an IP address and a port
   * @throws OscEncodeError if it isn't a packet; OscServerError `OSC_OPTION` for a bad address, `OSC_CLOSED` after `close()`
   */
  send(packet: OscPacket | Uint8Array, to: AddressLike): void {
    const bytes = packetBytes(packet);
    const address = recipientAddress(to);
    if (this.#closing) throw new OscServerError("OSC_CLOSED", "send() was called on a closed server: create another one.");
    this.#io?.sendPacket(bytes, address);
  }

  /** Ends `serveForever()` once the running handler has ended. Does nothing if the server isn't serving. */
  shutdown(): void {
    if (this.#activeMethod !== null) this.#stopping = true;
  }

  /** Closes the server for good. May be called twice. */
  abstract close(): void | Promise<void>;

  /** `using server = …` closes it at the end of the block. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Counters since the server was created. May be read at any time. */
  stats(): ServerStats {
    return (this.#io?.counters ?? new Counters()).stats(this.#io?.backend, this.#kernelDrops.count);
  }

  /**
   * Called for each packet just before it is handled, in the same thread or process. Override it to reject packets; by default it accepts
   * all.
   */
  verifyRequest(_data: Uint8Array, _clientAddress: NetAddress): boolean {
    return true;
  }

  /** Owns the sockets. */
  protected get io(): Io {
    if (this.#io === null)
      throw new OscServerError("OSC_WRONG_STATE", "This server is inert: a worker runs the program only to reach another server.");
    return this.#io;
  }

  /** True in a worker that runs the program again to reach another server. */
  protected get isInert(): boolean {
    return this.#io === null;
  }

  /** True once the server has closed. While a handler runs, a closing server isn't closed yet. */
  protected get isClosed(): boolean {
    return this.#closing && this.#activeMethod === null;
  }

  /** Progress of the single packet that a pool handles for `handleRequest()`. */
  protected onServeOne(_status: ServeOneStatus): void {}

  /** The first worker of a pool is ready, or has failed. */
  protected onWorkers(_failure: OscError | null, _strategy: ServerStats["strategy"]): void {}

  /** A described method got a value in a worker of a pool. */
  protected onValue(_record: Uint8Array): void {}

  /** Closes the server, blocking; if called from a handler, once that has ended. */
  protected closeBlocking(): void {
    this.#closing = true;
    if (this.#activeMethod !== null) {
      this.#stopping = true;
      return;
    }
    this.#advertising?.close();
    this.#kernelDrops.closing();
    this.#io?.close(this.closeTimeout);
  }

  /** Closes the server without blocking. */
  protected async closeWithoutBlocking(): Promise<void> {
    this.#closing = true;
    await this.#advertising?.closed();
    this.#kernelDrops.closing();
    await this.#io?.closed(this.closeTimeout);
    this.#activeMethod = null;
  }

  /** True once serving should end. */
  protected get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Runs a serving method, one at a time. Closes the server afterwards if `close()` was called meanwhile.
   *
   * @param inert the result for an inert server
   */
  protected runExclusive<Result>(method: string, serve: () => Result, inert: Result): Result {
    if (this.isInert) return inert;
    this.enter(method);
    try {
      return this.#keepSignalListeners ? serve() : withoutSignalListeners(serve);
    } finally {
      this.leave();
    }
  }

  /** @throws OscServerError like {@link serveForever} */
  protected enter(method: string): void {
    if (this.#activeMethod !== null) {
      throw new OscServerError(
        "OSC_WRONG_STATE",
        `${method}() was called while ${this.#activeMethod}() of the same server is running: call it after that has returned.`,
      );
    }
    if (this.#closing) throw new OscServerError("OSC_CLOSED", `${method}() was called on a closed server: create another one.`);
    this.#activeMethod = method;
    this.#stopping = false;
  }

  protected leave(): void {
    this.#activeMethod = null;
    this.#stopping = false;
    if (this.#closing) this.closeBlocking();
  }

  #open(setup: SyncServerSetup<Io>, limits: Limits, service: AdvertisedService | null): Io {
    const io = setup.open({
      limits,
      onError: this.report,
      onShutdown: () => this.shutdown(),
      onServeOne: (status) => this.onServeOne(status),
      onWorkers: (failure, strategy) => this.onWorkers(failure, strategy),
      onValue: (record) => this.onValue(record),
      verifier: this,
      isStopping: () => this.#stopping,
    });
    try {
      if (service !== null) this.#advertising = new AdvertiseThread(service, io.address.port, (error) => this.report(error, undefined));
    } catch (error) {
      io.close(0);
      throw error;
    }
    countServer(io.address);
    return io;
  }
}

/** Signals that end a process by default and that a program may listen for. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"] as const;

type Listener = (...parameters: unknown[]) => void;

/**
 * Runs a function that blocks this thread, with signal listeners removed.
 *
 * They need the event loop, so they can't run while it is blocked. But their presence disables the default action, so Ctrl-C would have no
 * effect. Without them, the signal ends the process.
 */
function withoutSignalListeners<Result>(block: () => Result): Result {
  if (!isMainThread) return block();
  const setAside = ENDING_SIGNALS.flatMap((signal) => takeListeners(signal).map((listener) => [signal, listener] as const));
  try {
    return block();
  } finally {
    for (const [signal, listener] of setAside) process.on(signal, listener);
  }
}

function takeListeners(signal: NodeJS.Signals): readonly Listener[] {
  // Not process.rawListeners: loaders that relay signals (tsx) replace it to hide their own listener.
  const listeners = EventEmitter.prototype.rawListeners.call(process, signal) as Listener[];
  for (const listener of listeners) process.off(signal, listener);
  return listeners;
}
