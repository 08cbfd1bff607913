import type { NetAddress } from "../net-address.ts";
import type { Peer } from "./transport.ts";

/** So many senders are remembered. A power of 2. */
const REMEMBERED = 256;

/** The senders of datagrams, as Node tells of them: what they are is made once for each of the latest, and not for each packet. */
export class PeersByPort<Known extends Peer> {
  readonly #make: (address: NetAddress) => Known;
  readonly #known: (Known | undefined)[] = Array.from({ length: REMEMBERED });

  constructor(make: (address: NetAddress) => Known) {
    this.#make = make;
  }

  of({ address, port, family }: NetAddress): Known {
    const slot = port & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && known.address.port === port && known.address.address === address) return known;
    return (this.#known[slot] = this.#make({ address, port, family }));
  }
}
