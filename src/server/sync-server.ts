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

/** Options of the servers whose thread may block: blocking, threading and forking. */
export interface SyncServerOptions extends ServerOptions {
  /** How long `close()` waits for handlers that have begun, in milliseconds; then they are ended by force. Default 5,000. */
  readonly closeTimeout?: number;
  /** How long `handleRequest()` waits for a packet, in milliseconds (in Python: seconds). Default null: forever. */
  readonly timeout?: number | null;
  /**
   * Listeners of SIGINT, SIGTERM, SIGHUP and SIGQUIT cannot run while the thread is blocked. Default false: they are set aside meanwhile, so
   * that Ctrl-C ends the process at once. True: they stay; the signal then does nothing until serving ends, and they run after that.
   */
  readonly keepSignalListeners?: boolean;
  /**
   * Lets other programs find the server by DNS-SD over multicast DNS, as `osc.udp` or `osc.tcp`; `true`, or the name that people see. A thread of its own
   * does that until `close()`. Needs the package `multicast-dns`, and about a second in the constructor. Not for Unix domain sockets. Default false.
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

/** What a kind of server adds to its base. */
export interface SyncServerSetup<Io extends ServerIo> {
  /** What the server is to listen on. */
  readonly spec: TransportSpec;
  /** Opens the sockets. Called only if the server is to bind. */
  readonly open: (owner: IoOwner) => Io;
  /** In a worker that runs the program again for this server: does the worker's work, and never returns. */
  readonly becomeWorker?: (worker: WorkerContext, server: SyncServer) => never;
}

/**
 * Base class of the servers that block the calling thread.
 *
 * In a worker that runs the program again for another server, this one is inert: it doesn't bind, and serving it returns at once.
 *
 * While it doesn't serve, packets wait, and the server doesn't keep the process alive.
 *
 * @example
 * const server: SyncServer = new BlockingOSCTCPServer(["127.0.0.1", 9000], dispatcher);
 * console.log("listening on port", server.serverAddress.port);
 * server.serveForever();
 */
export abstract class SyncServer<Io extends ServerIo = ServerIo> implements Disposable {
  /** Told of what goes wrong, as the option `onError`; what it throws itself is shown and goes no further. */
  protected readonly report: (error: OscError, client: NetAddress | undefined) => void;
  protected readonly closeTimeout: number;
  protected readonly timeout: number;
  readonly #address: NetAddress;
  readonly #keepSignalListeners: boolean;
  /** Null if the server is inert. */
  readonly #io: Io | null;
  readonly #kernelDrops = new KernelDrops();
  #advertising: AdvertiseThread | null = null;
  /** The method that serves just now. */
  #occupant: string | null = null;
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

  /** Where the server listens, with the real port if 0 was asked for. */
  get serverAddress(): NetAddress {
    return this.#address;
  }

  /**
   * Serves until `shutdown()`; the calling thread is blocked meanwhile. May be called again afterwards.
   *
   * @throws OscServerError `OSC_CLOSED` after `close()`; `OSC_WRONG_STATE` from inside a handler; `OSC_THREAD_FAILED` if the I/O thread failed
   */
  abstract serveForever(): void;

  /**
   * Handles exactly one packet. Where none comes within the option `timeout`, calls `handleTimeout()` instead.
   * A packet that proves to be malformed, or that `verifyRequest` refuses, is one too.
   *
   * @returns whether there was a packet
   * @throws as {@link serveForever}
   */
  abstract handleRequest(): boolean;

  /** Called by `handleRequest()` when no packet came in time; override it. Here it does nothing. */
  handleTimeout(): void {}

  /**
   * Sends a packet from the server's own socket: over UDP to any address, over a connection to the client that has that address
   * (`clientAddress` of a handler's context). May be called at any time while the server isn't closed.
   *
   * What can't be sent is reported to `onError` with the address, and counted in `stats().socketErrors`: `ENOTCONN` if no such client is
   * connected.
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
    if (this.#closing) throw new OscServerError("OSC_CLOSED", "send() was called on a server that is closed: make another.");
    this.#io?.sendPacket(bytes, address);
  }

  /** Ends `serveForever()` once the running handler has ended. Does nothing if the server doesn't serve. */
  shutdown(): void {
    if (this.#occupant !== null) this.#stopping = true;
  }

  /** Ends the server for good. May be called twice. */
  abstract close(): void | Promise<void>;

  /** `using server = …` closes it at the end of the block. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** Counters since the server was made. May be read at any time. */
  stats(): ServerStats {
    return (this.#io?.counters ?? new Counters()).stats(this.#io?.backend, this.#kernelDrops.count);
  }

  /** Asked for each packet just before it is handled, where it is handled; override it to refuse some. Here it accepts all. */
  verifyRequest(_data: Uint8Array, _clientAddress: NetAddress): boolean {
    return true;
  }

  /** What owns the sockets. */
  protected get io(): Io {
    if (this.#io === null)
      throw new OscServerError("OSC_WRONG_STATE", "This server is inert, for a worker runs the program to come to another.");
    return this.#io;
  }

  /** True if a worker runs the program again for another server. */
  protected get isInert(): boolean {
    return this.#io === null;
  }

  /** True once the server has been closed; not yet while it only will be when the handler has ended. */
  protected get isClosed(): boolean {
    return this.#closing && this.#occupant === null;
  }

  /** What becomes of the one packet that a pool was to handle. */
  protected onServeOne(_status: ServeOneStatus): void {}

  /** The first worker of a pool is ready, or why it isn't. */
  protected onWorkers(_failure: OscError | null, _strategy: ServerStats["strategy"]): void {}

  /** A described method got a value in a worker of a pool. */
  protected onValue(_record: Uint8Array): void {}

  /** Closes the server before it returns; from inside a handler, when that has ended. */
  protected closeBlocking(): void {
    this.#closing = true;
    if (this.#occupant !== null) {
      this.#stopping = true;
      return;
    }
    this.#advertising?.close();
    this.#kernelDrops.closing();
    this.#io?.close(this.closeTimeout);
  }

  /** Closes the server while the event loop goes on. */
  protected async closeWithoutBlocking(): Promise<void> {
    this.#closing = true;
    await this.#advertising?.closed();
    this.#kernelDrops.closing();
    await this.#io?.closed(this.closeTimeout);
    this.#occupant = null;
  }

  /** True when what serves is to end. */
  protected get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Runs what serves: one at a time, and closes the server afterwards if that was asked for meanwhile.
   *
   * @param inert what an inert server returns instead
   */
  protected occupy<Result>(method: string, serve: () => Result, inert: Result): Result {
    if (this.isInert) return inert;
    this.enter(method);
    try {
      return this.#keepSignalListeners ? serve() : withoutSignalListeners(serve);
    } finally {
      this.leave();
    }
  }

  /** @throws OscServerError as {@link serveForever} */
  protected enter(method: string): void {
    if (this.#occupant !== null) {
      throw new OscServerError(
        "OSC_WRONG_STATE",
        `${method}() was called while ${this.#occupant}() of the same server is at work: call it when that has ended.`,
      );
    }
    if (this.#closing) throw new OscServerError("OSC_CLOSED", `${method}() was called on a server that is closed: make another.`);
    this.#occupant = method;
    this.#stopping = false;
  }

  protected leave(): void {
    this.#occupant = null;
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

/** The signals that end a process by default and that a program may listen for. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK"] as const;

type Listener = (...parameters: unknown[]) => void;

/**
 * Runs something that blocks this thread, with the listeners of signals set aside meanwhile.
 *
 * They can't run, because they need the event loop; but while there is one, the system leaves the signal to it, and Ctrl-C would do nothing.
 * Without them the signal does what it does by default: it ends the process.
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
  // Not process.rawListeners: a loader that relays signals (tsx) replaces it, to hide its own listener.
  const listeners = EventEmitter.prototype.rawListeners.call(process, signal) as Listener[];
  for (const listener of listeners) process.off(signal, listener);
  return listeners;
}
