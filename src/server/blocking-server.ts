import type { Dispatcher } from "../dispatch/index.ts";
import { loadLibc } from "../transport/native/libc.ts";
import { DirectIo } from "./io-thread/direct-io.ts";
import type { BlockingIo, IoOwner } from "./io-thread/server-io.ts";
import { ThreadedIo } from "./io-thread/threaded-io.ts";
import { SyncServer, type SyncServerOptions } from "./sync-server.ts";
import { type TransportSpec, backendOf } from "./transports.ts";

/** Options of the blocking servers. */
export type BlockingServerOptions = SyncServerOptions;

/**
 * A server that handles packets in the thread that calls it, one after another; the named classes choose its transport.
 *
 * @example
 * const server: BlockingServer = new BlockingOSCUDPServer(["127.0.0.1", 9000], dispatcher, { timeout: 1000 });
 * while (server.handleRequest()) console.log("handled", server.stats().handled);
 */
export class BlockingServer extends SyncServer<BlockingIo> {
  /** The handlers. */
  readonly dispatcher: Dispatcher;

  /**
   * Called by the named classes, which describe the transport.
   *
   * @internal
   */
  constructor(spec: TransportSpec, dispatcher: Dispatcher, options: BlockingServerOptions) {
    super({ spec, open: (owner) => openIo(spec, dispatcher, owner) }, options);
    this.dispatcher = dispatcher;
  }

  /** @inheritDoc */
  override serveForever(): void {
    this.runExclusive(
      "serveForever",
      () => {
        while (this.io.serveOne(Infinity));
        this.io.complete();
      },
      undefined,
    );
  }

  /** @inheritDoc */
  override handleRequest(): boolean {
    const serve = (): boolean => {
      const served = this.io.serveOne(performance.now() + this.timeout);
      this.io.complete();
      if (!served && !this.stopping) this.handleTimeout();
      return served;
    };
    return this.runExclusive("handleRequest", serve, false);
  }

  /**
   * Closes the server for good; the port is free when this returns. If called from a handler, the server closes when the handler has
   * ended. May be called twice.
   */
  override close(): void {
    this.closeBlocking();
  }
}

function openIo(spec: TransportSpec, dispatcher: Dispatcher, owner: IoOwner): BlockingIo {
  if (spec.transport === "udp" && backendOf(spec) === "native") return new DirectIo(loadLibc(), spec, dispatcher, owner);
  return new ThreadedIo(spec, dispatcher, owner);
}
