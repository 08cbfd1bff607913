import { hasPassed } from "../nats/headers.ts";
import type { NetAddress } from "../net-address.ts";
import { isLoopback, isOwnAddress, plainAddress } from "./addresses.ts";
import type { Passage } from "./passage.ts";

/** A packet that comes again within this time may be the same one. */
const WINDOW_MS = 1000;
/** So many packets are remembered. */
const MAX_REMEMBERED = 4096;

/** A packet that was passed on not long ago. */
interface Earlier {
  readonly firstSender: string;
  readonly at: number;
  /** How often others have sent the same bytes again, each within the window after the last. */
  readonly echoes: number;
}

/**
 * Finds packets that have been through the bridge before. What comes by NATS says so: the ids of the bridges that it passed travel with it. To other
 * packets nothing is added that would tell, so it goes by where they come from:
 *
 * - from one of the bridge's own sockets: that is certain, and one time is enough;
 * - from this machine, or one that the bridge sends to, and not from where the packet came first: so many times in a row, each within a second
 *   of the last (`maxEchoes`). That is how a packet comes back through another bridge; a program that just sends the same again has one address.
 */
export class LoopGuard {
  /** Of the bridge. */
  readonly id: string;
  readonly #maxEchoes: number;
  /** As `udp 9000`. */
  readonly #ownPorts = new Map<string, number>();
  readonly #targets = new Set<string>();
  readonly #passages = new Map<string, Earlier>();

  constructor(maxEchoes: number, id: string) {
    this.id = id;
    this.#maxEchoes = maxEchoes;
  }

  /** Takes note of the port of a socket that the bridge sends from, until the function that is returned is called. */
  addOwnPort(transport: string, port: number): () => void {
    const key = `${transport} ${port}`;
    this.#ownPorts.set(key, (this.#ownPorts.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#ownPorts.get(key) ?? 1) - 1;
      if (left === 0) this.#ownPorts.delete(key);
      else this.#ownPorts.set(key, left);
    };
  }

  /** Takes note of the IP address of a machine that the bridge sends to. */
  addTarget(address: string): void {
    this.#targets.add(address);
  }

  /** Whether this packet has been here before. */
  isLoop(packet: Uint8Array, from: NetAddress, { transport, via }: Passage): boolean {
    if (hasPassed(via, this.id)) return true;
    const isOwn = isOwnAddress(from.address);
    // What another bridge heard on its loopback is of its machine, which need not be this one.
    const isKnown = isOwn && (via === "" || !isLoopback(from.address));
    if (isKnown && this.#ownPorts.has(`${transport} ${from.port}`)) return true;
    // Clients of a Unix domain socket have no address that would tell one from another.
    if (from.family === "unix" || (!isOwn && !this.#targets.has(plainAddress(from.address)))) return false;
    return this.#countEchoes(packet, `${from.address} ${from.port}`) > this.#maxEchoes;
  }

  #countEchoes(packet: Uint8Array, sender: string): number {
    const now = performance.now();
    const digest = process.getBuiltinModule("node:crypto").hash("sha1", packet, "base64");
    const last = this.#passages.get(digest);
    this.#passages.delete(digest);
    const isAgain = last !== undefined && now - last.at < WINDOW_MS;
    const firstSender = isAgain ? last.firstSender : sender;
    const echoes = isAgain ? last.echoes + (sender === firstSender ? 0 : 1) : 0;
    this.#passages.set(digest, { firstSender, at: now, echoes });
    if (this.#passages.size > MAX_REMEMBERED) {
      for (const [oldest] of this.#passages) {
        this.#passages.delete(oldest);
        break;
      }
    }
    return echoes;
  }
}
