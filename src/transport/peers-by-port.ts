import { type NetAddress, ipAddress } from "../net-address.ts";
import type { Peer } from "./transport.ts";

/** So many senders are remembered. A power of 2. */
const REMEMBERED = 256;

/** A sender, with its IP address as the socket gives it: `::ffff:10.0.0.5` for an IPv4 sender of a dual-stack socket. */
interface Known {
  readonly ip: string;
  readonly port: number;
  readonly peer: Peer;
}

/** The latest senders of datagrams, so that not every packet needs a new peer object. */
export class PeersByPort {
  readonly #make: (address: NetAddress, ip: string) => Peer;
  readonly #known: (Known | undefined)[] = Array.from({ length: REMEMBERED });

  /** @param make makes the peer of an address; `ip` is that address as the socket gives it */
  constructor(make: (address: NetAddress, ip: string) => Peer) {
    this.#make = make;
  }

  of(ip: string, port: number): Peer {
    const slot = port & (REMEMBERED - 1);
    const known = this.#known[slot];
    if (known !== undefined && known.port === port && known.ip === ip) return known.peer;
    const peer = this.#make(ipAddress(ip, port), ip);
    this.#known[slot] = { ip, port, peer };
    return peer;
  }
}
