import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { hasPassed } from "../nats/headers.ts";
import { type NetAddress, plainAddress } from "../net-address.ts";
import { type EndpointUrl, formatEndpoint } from "../url/nats-url.ts";

/** How a packet came to the bridge. */
export interface PacketRoute {
  /** The transport by which its client sent it, such as `udp`. */
  readonly transport: string;
  /** The ids of the servers and bridges that it came through over NATS, separated by commas; empty if it came from its client directly. */
  readonly via: string;
}

/** A packet that comes again within this time may be the same one. */
const WINDOW_MS = 1000;
/** How many packets are remembered. */
const MAX_REMEMBERED = 4096;

/** A packet that was forwarded recently. */
interface Earlier {
  readonly firstSender: string;
  readonly at: number;
  /** How often others have sent the same bytes again, each within the window after the last. */
  readonly echoes: number;
}

/**
 * Finds packets that have been through the bridge before. Packets that come over NATS carry the ids of the bridges that they passed. Nothing is added to
 * other packets, so the guard looks at where they come from:
 *
 * - one of the bridge's own sockets: certainly a loop, and once is enough;
 * - this machine, or one that the bridge sends to, but not where the packet came from first: a loop after `maxEchoes` times in a row, each within
 *   a second of the last. That is how a packet comes back through another bridge; a program that repeats itself has one address.
 */
export class LoopGuard {
  /** The id of the bridge. */
  readonly id: string;
  readonly #maxEchoes: number;
  /** Such as `udp 9000`. */
  readonly #ownPorts = new Map<string, number>();
  readonly #targets = new Set<string>();
  readonly #earlier = new Map<string, Earlier>();

  constructor(maxEchoes: number, id: string) {
    this.id = id;
    this.#maxEchoes = maxEchoes;
  }

  /** Remembers the port of a socket that the bridge sends from, until the returned function is called. */
  addOwnPort(transport: string, port: number): () => void {
    const key = `${transport} ${port}`;
    this.#ownPorts.set(key, (this.#ownPorts.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#ownPorts.get(key) ?? 1) - 1;
      if (left === 0) this.#ownPorts.delete(key);
      else this.#ownPorts.set(key, left);
    };
  }

  /** Remembers the IP address of a machine that the bridge sends to. */
  addTarget(address: string): void {
    this.#targets.add(address);
  }

  /** Whether this packet has been here before. */
  isLoop(packet: Uint8Array, from: NetAddress, { transport, via }: PacketRoute): boolean {
    if (hasPassed(via, this.id)) return true;
    const isOwn = isOwnAddress(from.address);
    // A loopback address that another bridge reports is on its machine, which need not be this one.
    const isKnown = isOwn && (via === "" || !isLoopback(from.address));
    if (isKnown && this.#ownPorts.has(`${transport} ${from.port}`)) return true;
    // Clients of a Unix domain socket have no address that tells them apart.
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

/** The IP addresses of a target; none if it has no host that packets go to, or if its name cannot be looked up yet. */
export async function addressesOf(target: EndpointUrl): Promise<string[]> {
  if (target.transport === "unix" || target.transport === "serial" || target.transport === "nats" || target.listens) return [];
  try {
    return (await lookup(target.host ?? "127.0.0.1", { all: true })).map(({ address }) => plainAddress(address));
  } catch {
    return [];
  }
}

/**
 * Whether a target is where the bridge itself listens.
 *
 * @param addresses those of the target
 * @param source the URL that the bridge listens on
 * @param from where it is bound
 */
export function isSelfTarget(target: EndpointUrl, addresses: readonly string[], source: EndpointUrl, from: NetAddress): boolean {
  if (target.transport === "nats" || source.transport === "nats") return formatEndpoint(target) === formatEndpoint(source);
  if (target.transport !== source.transport || target.listens) return false;
  if (target.transport === "unix" || target.transport === "serial") return target.path === from.address;
  return target.port === from.port && (target.host === source.host || addresses.some((address) => isHere(address, from)));
}

/** Whether packets to that address reach a socket that is bound there. */
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
