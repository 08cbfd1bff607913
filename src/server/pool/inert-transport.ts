import type { NetAddress } from "../../net-address.ts";
import type { Transport } from "../../transport/transport.ts";

/** The transport of a server in a worker that only runs the program again to come to another server: it does not bind, and nothing comes. */
export class InertTransport implements Transport {
  readonly #address: NetAddress;

  constructor(address: NetAddress) {
    this.#address = address;
  }

  open(): Promise<NetAddress> {
    return Promise.resolve(this.#address);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
