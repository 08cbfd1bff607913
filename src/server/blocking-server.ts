import type { Dispatcher } from "../dispatch/index.ts";
import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { nativeSockets } from "../transport/native/self-test.ts";
import type { BlockingIo } from "./blocking/blocking-io.ts";
import { NativeIo } from "./blocking/native-io.ts";
import { RingIo } from "./blocking/ring-io.ts";
import type { IoOwner } from "./io-thread/server-io.ts";
import { SyncServer, type SyncServerOptions } from "./sync-server.ts";
import type { TransportSpec } from "./road/transports.ts";

/** Options of the blocking servers. */
export type BlockingServerOptions = SyncServerOptions;

/** Whether the system's own calls are used for sockets. */
export interface NativeOption {
  /**
   * `"auto"` (default): packets are received and sent by the system's own calls, on the calling thread itself, where that works: on Linux, with
   * the optional package `koffi` installed, once a test at the first use has passed. It is several times faster, and needs no other thread
   * between the socket and a handler; all else is the same. `false`: by Node's modules, as everywhere else. `stats().backend` says which.
   */
  readonly native?: "auto" | false;
}

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
   * For the named classes, which make the transport's description.
   *
   * @internal
   */
  constructor(spec: TransportSpec, address: NetAddress, dispatcher: Dispatcher, options: BlockingServerOptions & NativeOption) {
    const native = checkedNative(options.native);
    super({ address, transport: spec.transport, open: (owner) => openIo(spec, dispatcher, native, owner) }, options);
    this.dispatcher = dispatcher;
  }

  /** @inheritDoc */
  override serveForever(): void {
    this.occupy(
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
    return this.occupy("handleRequest", serve, false);
  }

  /**
   * Ends the server for good; the port is free when this returns. From inside a handler, the server ends when the handler has ended.
   * May be called twice.
   */
  override close(): void {
    this.closeBlocking();
  }
}

function openIo(spec: TransportSpec, dispatcher: Dispatcher, native: "auto" | false, owner: IoOwner): BlockingIo {
  const libc = spec.transport === "udp" && native !== false ? nativeSockets() : null;
  if (spec.transport === "udp" && libc !== null && !(libc instanceof Error)) return new NativeIo(libc, spec, dispatcher, owner);
  return new RingIo(spec, dispatcher, owner);
}

/** @throws OscServerError `OSC_OPTION` where it is neither */
function checkedNative(native: unknown = "auto"): "auto" | false {
  if (native === "auto" || native === false) return native;
  throw new OscServerError("OSC_OPTION", `native is "auto" or false; got ${JSON.stringify(native)}.`);
}
