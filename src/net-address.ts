import { bad } from "./options.ts";

/** Where a peer is, or where a server listens. As Node writes it; a Unix domain socket has its path as `address` and port 0. */
export interface NetAddress {
  /**
   * The IP address as text, `"127.0.0.1"` or `"::1"`. An IPv4 client of a dual-stack socket has its IPv4 address, not `"::ffff:127.0.0.1"`.
   * The path of a Unix domain socket, empty for a client that has none.
   */
  readonly address: string;
  /**
   * 0 to 65535; 0 for a Unix domain socket, and if the system has not chosen yet. The clients of a Unix domain socket have no address: a server
   * numbers them here, from 1 on.
   */
  readonly port: number;
  /** The kind of address. */
  readonly family: "IPv4" | "IPv6" | "unix";
}

/**
 * `127.0.0.1:57120`, `[::1]:57120`, or the path of a Unix domain socket.
 *
 * @example
 * formatAddress({ address: "::1", port: 57120, family: "IPv6" }); // "[::1]:57120"
 */
export function formatAddress(netAddress: NetAddress): string {
  const { address, port, family } = netAddress ?? {};
  if (typeof address !== "string") throw bad("The address", "a NetAddress, { address, port, family }", netAddress);
  if (family === "unix") return address === "" ? `(unnamed socket${port > 0 ? ` ${port}` : ""})` : address;
  return formatHostPort(address, port);
}

/** A host and a port as one text; an IPv6 address in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address of an IP peer, from the text that the system gives. */
export function ipAddress(address: string, port: number): NetAddress {
  const plain = plainAddress(address);
  return { address: plain, port, family: plain.includes(":") ? "IPv6" : "IPv4" };
}

/** An IPv4 address in IPv4 notation, also if it is given as an IPv4-mapped IPv6 address such as `::ffff:10.0.0.5`. Other text is returned as it is. */
export function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined || low === undefined) return address;
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [upper >> 8, upper & 0xff, lower >> 8, lower & 0xff].join(".");
}

/** `::ffff:10.0.0.5`, as URLs write it `::ffff:a00:5`, and the same with all zeros. */
const MAPPED = /^(?:::|(?:0{1,4}:){5})ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/** The address of the other end of a connection of Node. */
export function remoteAddressOf(socket: {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): NetAddress {
  return ipAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0);
}

/** The 16 bytes of an IPv6 address, without its zone. */
export function ipv6Bytes(address: string): number[] {
  const halves = (address.split("%")[0] ?? "").split("::").map((half) => half.split(":").flatMap(bytesOfGroup));
  const [first = [], last = []] = halves;
  return [...first, ...Array.from({ length: Math.max(0, 16 - first.length - last.length) }, () => 0), ...last].slice(0, 16);
}

/** Two bytes of an IPv6 address, or four if it ends in an IPv4 address. */
function bytesOfGroup(group: string): number[] {
  if (group === "") return [];
  if (group.includes(".")) return group.split(".").map(Number);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

/** Whether an IP address is of a multicast group. */
export function isMulticast(host: string): boolean {
  return /^(?:22[4-9]|23\d)\.\d/.test(host) || /^ff[\da-f]{2}:/i.test(host);
}
