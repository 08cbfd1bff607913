import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { hasPassed } from "../nats/headers.ts";
import { type NetAddress, plainAddress } from "../net-address.ts";
import { type EndpointUrl, formatEndpoint } from "../url/nats-url.ts";

/** How a packet reached the bridge. */
export interface PacketRoute {
  /** The client's transport, such as `udp`. */
  readonly transport: string;
  /** The ids of the servers and bridges that it passed over NATS, separated by commas; empty if it came directly from its client. */
  readonly via: string;
}

/** An identical packet within this time may be an echo. */
const WINDOW_MS = 1000;
/** Maximum number of packets remembered. */
const MAX_REMEMBERED = 4096;

/** A recently forwarded packet. */
interface Earlier {
  readonly firstSender: string;
  readonly at: number;
  /** How often other senders have repeated the bytes, each within the window after the last. */
  readonly echoes: number;
}

/**
 * Detects packets that have passed the bridge before. Packets over NATS carry the ids of the bridges they passed. Other packets carry no such mark, so
 * the guard checks their sender:
 *
 * - one of the bridge's own sockets: a loop, detected the first time;
 * - this machine or a target's, but not the original sender: a loop after `maxEchoes` repeats, each within a second of the last. Packets return this
 *   way through another bridge; a program that repeats a message has a single address.
 */
export class LoopGuard {
  /** The id of the bridge. */
  readonly id: string;
  readonly #maxEchoes: number;
  /** Keys such as `udp 9000`. */
  readonly #ownPorts = new Map<string, number>();
  readonly #targets = new Set<string>();
  readonly #earlier = new Map<string, Earlier>();

  constructor(maxEchoes: number, id: string) {
    this.id = id;
    this.#maxEchoes = maxEchoes;
  }

  /** Registers the port of one of the bridge's sending sockets until the returned function is called. */
  addOwnPort(transport: string, port: number): () => void {
    const key = `${transport} ${port}`;
    this.#ownPorts.set(key, (this.#ownPorts.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#ownPorts.get(key) ?? 1) - 1;
      if (left === 0) this.#ownPorts.delete(key);
      else this.#ownPorts.set(key, left);
    };
  }

  /** Registers the IP address of a target. */
  addTarget(address: string): void {
    this.#targets.add(address);
  }

  /** Whether this packet has passed the bridge before. */
  isLoop(packet: Uint8Array, from: NetAddress, { transport, via }: PacketRoute): boolean {
    if (hasPassed(via, this.id)) return true;
    const isOwn = isOwnAddress(from.address);
    // A loopback address reported by another bridge is on that bridge's machine.
    const isKnown = isOwn && (via === "" || !isLoopback(from.address));
    if (isKnown && this.#ownPorts.has(`${transport} ${from.port}`)) return true;
    // Unix domain socket clients can't be distinguished by address.
    if (from.family === "unix" || (!isOwn && !this.#targets.has(plainAddress(from.address)))) return false;
    return this.#countEchoes(packet, `${from.address} ${from.port}`) > this.#maxEchoes;
  }

  #countEchoes(packet: Uint8Array, sender: string): number {
    const now = performance.now();
    const digest = process.getBuiltinModule("node:crypto").hash("sha1", packet, "base64");
    const last = this.#earlier.get(digest);
    this.#earlier.delete(digest);
    const isAgain = last !== undefined && now - last.at < WINDOW_MS;
    const firstSender = isAgain ? last.firstSender : sender;
    const echoes = isAgain ? last.echoes + (sender === firstSender ? 0 : 1) : 0;
    this.#earlier.set(digest, { firstSender, at: now, echoes });
    if (this.#earlier.size > MAX_REMEMBERED) {
      for (const [oldest] of this.#earlier) {
        this.#earlier.delete(oldest);
        break;
      }
    }
    return echoes;
  }
}

/** The IP addresses of a target; none if it has no remote host, or if its name can't be resolved yet. */
export async function addressesOf(target: EndpointUrl): Promise<string[]> {
  if (target.transport === "unix" || target.transport === "serial" || target.transport === "nats" || target.listens) return [];
  try {
    return (await lookup(target.host ?? "127.0.0.1", { all: true })).map(({ address }) => plainAddress(address));
  } catch {
    return [];
  }
}

/**
 * Whether a target is the bridge's own listening address.
 *
 * @param addresses the target's IP addresses
 * @param source the URL that the bridge listens on
 * @param from the bound address
 */
export function isSelfTarget(target: EndpointUrl, addresses: readonly string[], source: EndpointUrl, from: NetAddress): boolean {
  if (target.transport === "nats" || source.transport === "nats") return formatEndpoint(target) === formatEndpoint(source);
  if (target.transport !== source.transport || target.listens) return false;
  if (target.transport === "unix" || target.transport === "serial") return target.path === from.address;
  return target.port === from.port && (target.host === source.host || addresses.some((address) => isHere(address, from)));
}

/** Whether packets to `address` reach a socket bound to `from`. */
function isHere(address: string, from: NetAddress): boolean {
  const bound = plainAddress(from.address);
  return bound === address || (isOwnAddress(address) && (bound === "0.0.0.0" || bound === "::"));
}

function isOwnAddress(address: string): boolean {
  const plain = plainAddress(address);
  if (isLoopback(plain) || plain === "0.0.0.0" || plain === "::") return true;
  return Object.values(networkInterfaces()).some((interfaces) => interfaces?.some((one) => one.address === plain));
}

function isLoopback(address: string): boolean {
  return plainAddress(address).startsWith("127.") || address === "::1";
}
