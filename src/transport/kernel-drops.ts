import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { isIPv4 } from "node:net";
import { endianness } from "node:os";
import { type NetAddress, ipv6Bytes } from "../net-address.ts";

/**
 * Counts the datagrams that the kernel dropped because its buffer for the socket was full. Only Linux says so, for every socket.
 */
export class KernelDrops {
  #address: NetAddress | null = null;
  /** Drops of sockets that are closed. */
  #before = 0;
  /** Drops of the current or last socket; null if unknown. */
  #latest: number | null = null;

  /** @param address of a UDP socket that is already bound */
  constructor(address: NetAddress | null = null) {
    this.#address = address;
  }

  /** A UDP socket was bound to that address. */
  opened(address: NetAddress): void {
    this.#before += this.#latest ?? 0;
    this.#latest = null;
    this.#address = address;
  }

  /** The socket is about to be closed. */
  closing(): void {
    this.#look();
    this.#address = null;
  }

  /** All drops so far; null if the system doesn't say, or if no UDP socket was ever bound. */
  get count(): number | null {
    this.#look();
    return this.#latest === null ? null : this.#before + this.#latest;
  }

  /** A closed socket is no longer in the table, so the last known count stays. */
  #look(): void {
    if (this.#address !== null) this.#latest = readKernelDrops(this.#address) ?? this.#latest;
  }
}

/** The drops of the UDP socket with that address; null if the system doesn't say. */
export function readKernelDrops(address: NetAddress): number | null {
  if (process.platform !== "linux" || address.family === "unix") return null;
  try {
    const table = readFileSync(isIPv4(address.address) ? "/proc/net/udp" : "/proc/net/udp6", "latin1");
    return dropsIn(table, address, ownSockets);
  } catch {
    return null;
  }
}

/**
 * The drops of the sockets at an address, from a table in the kernel's format.
 *
 * @param ours the inodes of this process's sockets; needed if several sockets share the address, some of them maybe of other programs
 */
export function dropsIn(table: string, { address, port }: NetAddress, ours: () => ReadonlySet<string>): number | null {
  const place = `${kernelAddress(address)}:${hex(port, 4)}`;
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  const bound = rows.filter((row) => row[1] === place);
  const known = bound.length > 1 ? ours() : null;
  const counted = bound.filter((row) => known === null || known.has(row[9] ?? ""));
  return counted.length === 0 ? null : counted.reduce((sum, row) => sum + Number(row.at(-1)), 0);
}

function ownSockets(): Set<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`)) ?? [];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed in the meantime.
    }
  }
  return inodes;
}

/** Every four bytes as one number, in the byte order of the machine. */
function kernelAddress(address: string): string {
  const bytes = isIPv4(address) ? address.split(".").map(Number) : ipv6Bytes(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.slice(4 * index, 4 * index + 4));
  return words.flatMap((word) => (endianness() === "LE" ? word.toReversed() : word).map((byte) => hex(byte, 2))).join("");
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
