import { OscServerError } from "../errors.ts";
import type { NetAddress } from "../net-address.ts";
import type { Transport } from "../transport/transport.ts";

/** A transport whose code is loaded when it opens, so that nobody waits for the code of sockets that are not used. */
export class LateTransport implements Transport {
  readonly #load: () => Promise<Transport>;
  #inner: Transport | null = null;
  #isClosed = false;

  constructor(load: () => Promise<Transport>) {
    this.#load = load;
  }

  async open(): Promise<NetAddress> {
    const inner = await this.#load();
    if (this.#isClosed) throw new OscServerError("OSC_CLOSED", "The server was closed before it listened.");
    this.#inner = inner;
    return inner.open();
  }

  async drain(): Promise<void> {
    await this.#inner?.drain?.();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inner?.close();
  }
}
