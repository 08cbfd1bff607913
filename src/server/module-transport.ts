import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import { closedWhileOpening } from "../transport/socket-error.ts";
import type { Transport, TransportEvents } from "../transport/transport.ts";

/** A transport that this folder knows nothing of, as plain data, so that it can go to another thread. */
export interface ModuleSpec {
  readonly transport: "module";
  /** As the server's, until the transport has opened. */
  readonly address: NetAddress;
  /** The URL of a module that exports `createTransport(options, events)`. */
  readonly url: string;
  readonly options: unknown;
}

interface TransportModule {
  readonly createTransport?: (options: unknown, events: TransportEvents) => Transport;
}

/** The transport that a module exports. Loaded when it opens: the module is not part of this package's main entry, such as that of NATS. */
export class ModuleTransport implements Transport {
  readonly #spec: ModuleSpec;
  readonly #events: TransportEvents;
  #inner: Transport | null = null;
  #isClosed = false;

  constructor(spec: ModuleSpec, events: TransportEvents) {
    this.#spec = spec;
    this.#events = events;
  }

  async open(): Promise<NetAddress> {
    const { url, options } = this.#spec;
    const { createTransport } = (await import(url)) as TransportModule;
    if (createTransport === undefined) throw new OscServerError("OSC_OPTION", `The module ${url} exports no function createTransport.`);
    if (this.#isClosed) throw closedWhileOpening();
    this.#inner = createTransport(options, this.#events);
    return this.#inner.open();
  }

  async drain(): Promise<void> {
    await this.#inner?.drain?.();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inner?.close();
  }
}
