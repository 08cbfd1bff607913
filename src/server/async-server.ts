import { type Clock, clockOption, type Dispatcher, type ErrorListener, reportToConsole } from "../dispatch/index.ts";
import type { OscPacket } from "../codec/index.ts";
import { type AdvertiseOption, advertiseOption, advertiseServer } from "../discovery/advertise-server.ts";
import type { Advertisement } from "../discovery/index.ts";
import { OscServerError } from "../errors.ts";
import { type NetAddress, formatAddress } from "../net-address.ts";
import {
  abortSignal,
  callback,
  type CheckedOptions,
  checkOptionValues,
  integer,
  milliseconds,
  oneOf,
  type OptionChecks,
  readOptions,
} from "../options.ts";
import { KernelDrops } from "../transport/kernel-drops.ts";
import type { Peer, Transport } from "../transport/transport.ts";
import { type Backend, Counters, type ServerStats } from "./stats.ts";
import { EventLoopExecutor, watchRejections } from "./event-loop-executor.ts";
import { type AddressLike, type Limits, SERVER_OPTIONS, type ServerOptions, limitsOf } from "./options.ts";
import { packetBytes, recipientAddress } from "./outgoing.ts";
import type { Executor, ExecutorContext, ExecutorEvents, ExecutorFactory } from "./executor.ts";
import { Pipeline } from "./pipeline.ts";
import { type Handling, verifyPacket } from "./handle.ts";
import {
  type AdvertisedService,
  advertisedService,
  type LocalTransportSpec,
  backendOf,
  createTransport,
  requestedAddress,
} from "./transports.ts";
import { isLoadingWorker } from "./pool/worker-role.ts";

/** Options of the async servers. */
export interface AsyncServerOptions extends ServerOptions {
  /**
   * Maximum number of packets in progress while their handlers await something. A single client may have at most seven eighths of them,
   * so that it can't block all others. Default 64.
   */
  readonly concurrency?: number;
  /**
   * `"client"` (default): the packets of one client are handled one after another, in order of arrival.
   * `"none"`: a packet doesn't wait for the one before it.
   */
  readonly order?: "client" | "none";
  /** How long `close()` waits for running handlers, in milliseconds. Default 5,000. */
  readonly closeTimeout?: number;
  /**
   * Handles packets elsewhere than in the event loop: `NatsExecutor.for(…)` of `oscine/nats` sends them to workers on other machines. The
   * server then ignores `concurrency` and `order`, and of its dispatcher uses only `strictTiming`. Default: the event loop.
   */
  readonly executor?: ExecutorFactory;
  /**
   * Lets other programs find the server by DNS-SD over multicast DNS, as `osc.udp` or `osc.tcp`: `true`, or the name to show to users.
   * Needs the package `multicast-dns`, and takes about a second at startup. Only for UDP and TCP. Default false.
   */
  readonly advertise?: AdvertiseOption;
  /** The clock that time tags are compared with. Default: the system clock. */
  readonly clock?: Clock;
}

/** The checks of the options that other servers don't have. */
const ASYNC_CHECKS = {
  concurrency: integer(1, 64),
  order: oneOf(["client", "none"], "client"),
  closeTimeout: milliseconds(5000),
  executor: callback<ExecutorFactory>(),
  advertise: advertiseOption,
  clock: clockOption,
} satisfies OptionChecks<Omit<AsyncServerOptions, keyof ServerOptions>>;

/** The names of {@link AsyncServerOptions}. */
export const ASYNC_OPTIONS: readonly string[] = [...SERVER_OPTIONS, ...Object.keys(ASYNC_CHECKS)];

/** How long to serve. */
export interface ServeOptions {
  /** Closes the server when it is aborted. */
  readonly signal?: AbortSignal;
}

const SERVE_CHECKS = { signal: abortSignal() } satisfies OptionChecks<ServeOptions>;

/** A server's socket while it is served. `await using` closes it. */
export interface ServerTransport extends AsyncDisposable {
  /** The bound address, with the actual port if 0 was requested. */
  readonly localAddress: NetAddress;
  /** Resolves when running handlers have finished and the socket is closed. */
  readonly closed: Promise<void>;
  /** Closes the socket; the port is free when the promise resolves. */
  close(): Promise<void>;
}

/** The sender attributed to an injected packet. */
export interface PacketSender {
  /** Passed to handlers as the client's address; also identifies the sender. */
  readonly address: NetAddress;
  /** Called with the bytes of each reply. */
  send(packet: Uint8Array): void;
}

/** Handles packets, without a socket. */
export interface ServerProtocol {
  /** The handlers. */
  readonly dispatcher: Dispatcher;
  /** Injects a packet, as if it had arrived from that sender. */
  packetReceived(data: Uint8Array, sender: PacketSender): void;
  /** The counters of the server. */
  stats(): ServerStats;
}

interface Endpoint {
  readonly transport: Transport;
  readonly pipeline: Pipeline;
  readonly handle: ServerTransport;
  end(): Promise<void>;
}

/**
 * A server that handles packets in the event loop; the named classes choose its transport.
 *
 * @example
 * const server: AsyncServer = new AsyncOSCUDPServer(["127.0.0.1", 9000], dispatcher);
 * process.once("SIGTERM", () => void server.close());
 * await server.serve();
 */
export class AsyncServer implements AsyncDisposable {
  /** The handlers. */
  readonly dispatcher: Dispatcher;
  readonly #spec: LocalTransportSpec;
  readonly #settings: CheckedOptions<typeof ASYNC_CHECKS>;
  readonly #limits: Limits;
  readonly #onError: ErrorListener;
  readonly #service: AdvertisedService | null;
  readonly #counters = new Counters();
  readonly #kernelDrops = new KernelDrops();
  #address: NetAddress;
  #backend: Backend = "portable";
  #endpoint: Promise<Endpoint> | null = null;
  /** While the sockets are open. */
  #pipeline: Pipeline | null = null;

  /**
   * Called by the named classes, which describe the transport.
   *
   * @internal
   */
  constructor(spec: LocalTransportSpec, dispatcher: Dispatcher, options: AsyncServerOptions) {
    this.#limits = limitsOf(options);
    this.#settings = checkOptionValues(options, ASYNC_CHECKS);
    this.#onError = options.onError ?? reportToConsole;
    this.#service = advertisedService(this.#settings.advertise, spec);
    this.#spec = spec;
    this.#address = requestedAddress(spec);
    this.dispatcher = dispatcher;
  }

  /** The address that the server listens on; before it does, the address passed to the constructor. */
  get serverAddress(): NetAddress {
    return this.#address;
  }

  /**
   * Concurrent mode: binds, starts serving and returns. Close the returned transport at the end.
   *
   * @throws OscSocketError if the address can't be used; its `code` is the system's, such as `EADDRINUSE`
   * @throws OscServerError `OSC_WRONG_STATE` if the server is running
   */
  async createServeEndpoint(options?: ServeOptions): Promise<[transport: ServerTransport, protocol: ServerProtocol]> {
    const { signal } = readOptions("serve", options, SERVE_CHECKS);
    if (this.#endpoint !== null)
      throw new OscServerError("OSC_WRONG_STATE", "The server is already running. Close it first, or create another one.");
    signal?.throwIfAborted();
    this.#endpoint = this.#open();
    let endpoint: Endpoint;
    try {
      endpoint = await this.#endpoint;
    } catch (error) {
      this.#endpoint = null;
      throw error;
    }
    if (signal !== undefined) {
      const abort = (): void => void endpoint.end();
      signal.addEventListener("abort", abort, { once: true });
      void endpoint.handle.closed.then(() => signal.removeEventListener("abort", abort));
      if (signal.aborted) await endpoint.end();
    }
    const { dispatcher } = this;
    const { pipeline, handle } = endpoint;
    const packetReceived: ServerProtocol["packetReceived"] = (data, sender) => pipeline.onPacket(data, handmadePeer(sender));
    return [handle, { dispatcher, packetReceived, stats: () => this.stats() }];
  }

  /**
   * Exclusive mode: serves until `shutdown()`, `close()` or the signal ends it, and then resolves.
   *
   * @throws like {@link createServeEndpoint}
   */
  async serve(options?: ServeOptions): Promise<void> {
    const [transport] = await this.createServeEndpoint(options);
    await transport.closed;
  }

  /**
   * Sends a packet from the server's own socket: over UDP to any address, over a connection to the client with this address
   * (`clientAddress` of a handler's context). May be called at any time while the server is running.
   *
   * Failures are reported to `onError` with the address, and counted in `stats().socketErrors`: `ENOTCONN` if no such client is connected.
   *
   * ```ts
   * const server = new AsyncOSCUDPServer(["0.0.0.0", 9001], dispatcher);
   * await server.createServeEndpoint();
   * server.send(new OscMessage("/meters", [0.5, 0.4]), ["192.168.0.20", 9000]);
   * ```
   *
   * @param packet a message or bundle, or its bytes, which must not change afterwards
   * @param to an IP address and a port
   * @throws OscEncodeError if it isn't a packet; OscServerError `OSC_OPTION` for a bad address, `OSC_WRONG_STATE` if the server isn't
   * running
   */
  send(packet: OscPacket | Uint8Array, to: AddressLike): void {
    const bytes = packetBytes(packet);
    const address = recipientAddress(to);
    if (this.#pipeline === null) {
      throw new OscServerError("OSC_WRONG_STATE", "send() was called on a server that isn't running: await createServeEndpoint() first.");
    }
    this.#pipeline.send(bytes, address);
  }

  /** Stops the server without waiting. May be called from a handler. */
  shutdown(): void {
    void this.close();
  }

  /** Stops the server and waits until it is closed; handlers get `closeTimeout` to finish. The server may serve again later. */
  async close(): Promise<void> {
    await (await this.#endpoint?.catch(() => null))?.end();
  }

  /** `await using server = …` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Counters since the server was created. */
  stats(): ServerStats {
    return this.#counters.stats(this.#backend, this.#kernelDrops.count);
  }

  /** Called for each packet just before it is handled. Override it to reject packets; by default it accepts all. */
  verifyRequest(_data: Uint8Array, _clientAddress: NetAddress): boolean {
    return true;
  }

  async #open(): Promise<Endpoint> {
    const { clock } = this.#settings;
    const limits = this.#limits;
    const handling = {
      ...limits,
      dispatcher: this.dispatcher,
      mode: "async" as const,
      verifier: this,
      shutdown: () => this.shutdown(),
    };
    let executor: Executor | null = null;
    const pipeline = new Pipeline({
      limits,
      strictTiming: this.dispatcher.strictTiming,
      onError: this.#onError,
      onShutdown: () => this.shutdown(),
      executor: (events) => (executor = this.#executor(handling, events)),
      peerAt: (address) => transport.peerAt?.(address) ?? null,
      counters: this.#counters,
      ...(clock === undefined ? {} : { clock }),
    });
    this.#backend = backendOf(this.#spec);
    const transport: Transport = isLoadingWorker()
      ? new NullTransport(this.#address)
      : createTransport(this.#spec, pipeline, this.#backend);
    const requested = this.#address;
    try {
      await (executor as Executor | null)?.prepare?.();
      this.#address = await transport.open();
    } catch (error) {
      await pipeline.close(0);
      throw error;
    }
    if (this.#spec.transport === "udp") this.#kernelDrops.opened(this.#address);
    try {
      const advertisement = await this.#advertise();
      return this.#endpointOf(transport, pipeline, { requested, advertisement });
    } catch (error) {
      await pipeline.close(0);
      await transport.close();
      this.#address = requested;
      throw error;
    }
  }

  async #advertise(): Promise<Advertisement | null> {
    if (this.#service === null || isLoadingWorker()) return null;
    const { type, ...as } = this.#service;
    return advertiseServer(as, { type, port: this.#address.port, onError: this.#onError });
  }

  #executor(handling: Handling, events: ExecutorEvents): Executor {
    const { executor } = this.#settings;
    const limits = this.#limits;
    if (executor === undefined) return new EventLoopExecutor(handling, limits, this.#settings, events);
    const verify: ExecutorContext["verify"] = ({ data, peer: { address } }) =>
      verifyPacket(this, data, address, { error: (error) => events.report(error, address) });
    return executor({ events, limits, transport: this.#spec.transport, verify });
  }

  #endpointOf(
    transport: Transport,
    pipeline: Pipeline,
    { requested, advertisement }: { readonly requested: NetAddress; readonly advertisement: Advertisement | null },
  ): Endpoint {
    this.#pipeline = pipeline;
    const stopWatching = watchRejections();
    let ending: Promise<void> | null = null;
    let resolve = (): void => undefined;
    const closed = new Promise<void>((settle) => (resolve = settle));
    const end = async (): Promise<void> => {
      await advertisement?.close();
      await transport.drain?.();
      // The socket closes last, because running handlers may still reply.
      await pipeline.close(this.#settings.closeTimeout);
      stopWatching();
      this.#kernelDrops.closing();
      this.#pipeline = null;
      await transport.close();
      this.#endpoint = null;
      this.#address = requested;
      resolve();
    };
    const close = (): Promise<void> => (ending ??= end());
    const handle: ServerTransport = { localAddress: this.#address, closed, close, [Symbol.asyncDispose]: close };
    return { transport, pipeline, handle, end: close };
  }
}

/** The peer of an injected packet. */
function handmadePeer(sender: PacketSender): Peer {
  const { address } = sender;
  return { address, key: formatAddress(address), paced: false, send: (packet) => sender.send(packet) };
}

/** The transport of an inert server, created in a worker that runs the program to reach another server: it doesn't bind. */
class NullTransport implements Transport {
  readonly #address: NetAddress;

  constructor(address: NetAddress) {
    this.#address = address;
  }

  async open(): Promise<NetAddress> {
    return this.#address;
  }

  async close(): Promise<void> {
    // Nothing was opened.
  }
}
