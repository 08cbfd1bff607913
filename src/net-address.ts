import { bad } from "./options.ts";

/**
 * The address of a peer or of a listening server, in Node's notation. For a Unix domain socket, `address` is its path and the port is 0.
 */
export interface NetAddress {
  /**
   * The IP address as text, `"127.0.0.1"` or `"::1"`. An IPv4 client of a dual-stack socket has its IPv4 address, not `"::ffff:127.0.0.1"`.
   * For a Unix domain socket, its path; empty for an unnamed client.
   */
  readonly address: string;
  /**
   * 0 to 65535. 0 for a Unix domain socket, or if the system hasn't assigned a port yet. Clients of a Unix domain socket have no address,
   * so a server numbers them here, starting at 1.
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

/** Formats `host:port`, with IPv6 addresses in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address of an IP peer, from the text that the system returns. */
export function ipAddress(address: string, port: number): NetAddress {
  const plain = plainAddress(address);
  return { address: plain, port, family: plain.includes(":") ? "IPv6" : "IPv4" };
}

/** Converts an IPv4-mapped IPv6 address, such as `::ffff:10.0.0.5`, to IPv4 notation. Returns other text unchanged. */
export function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined || low === undefined) return address;
  const [upper, lower] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [upper >> 8, upper & 0xff, lower >> 8, lower & 0xff].join(".");
}

/** Matches `::ffff:10.0.0.5`, its URL form `::ffff:a00:5`, and both written with all zeros. */
const MAPPED = /^(?:::|(?:0{1,4}:){5})ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/** The remote address of a Node connection. */
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

/** Whether an IP address belongs to a multicast group. */
export function isMulticast(host: string): boolean {
  return /^(?:22[4-9]|23\d)\.\d/.test(host) || /^ff[\da-f]{2}:/i.test(host);
}
