import { isIP } from "node:net";
import { type NetAddress, plainAddress } from "../../net-address.ts";
import type { Libc } from "./libc.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_DGRAM = 2;

/** Room for an address of either family. */
export const ADDRESS_ROOM = 32;

const IPV4_SIZE = 16;
const IPV6_SIZE = 28;

/** Offsets in `sockaddr_in` and `sockaddr_in6`. The family has the byte order of the machine, the port that of the network. */
const PORT = 2;
const IPV4_ADDRESS = 4;
const IPV6_ADDRESS = 8;
const IPV6_SCOPE = 24;

const TEXT_ROOM = 64;
/** `struct addrinfo`. */
const INFO_SIZE = 48;
const INFO_FAMILY = 4;
const INFO_TYPE = 8;
const INFO_ADDRESS = 24;
const EAI_AGAIN = -3;

/** An address as a `sockaddr`. */
export function encodeSocketAddress(libc: Libc, host: string, port: number): Uint8Array {
  const [address = "", zone] = host.split("%");
  const isIPv6 = isIP(address) === 6;
  const bytes = new Uint8Array(isIPv6 ? IPV6_SIZE : IPV4_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIPv6 ? AF_INET6 : AF_INET, true);
  view.setUint16(PORT, port);
  bytes.set(encodeIp(libc, address), isIPv6 ? IPV6_ADDRESS : IPV4_ADDRESS);
  if (isIPv6 && zone !== undefined) view.setUint32(IPV6_SCOPE, interfaceIndex(libc, zone), true);
  return bytes;
}

/** An IP address without its zone: 4 or 16 bytes. */
export function encodeIp(libc: Libc, address: string): Uint8Array {
  const isIPv6 = isIP(address) === 6;
  const bytes = new Uint8Array(isIPv6 ? 16 : 4);
  if (libc.inet_pton(isIPv6 ? AF_INET6 : AF_INET, address, bytes) !== 1) throw Object.assign(new Error(address), { code: "EINVAL" });
  return bytes;
}

/** The number of a network interface, from its name or number. */
export function interfaceIndex(libc: Libc, zone: string): number {
  const index = /^\d+$/.test(zone) ? Number(zone) : libc.if_nametoindex(zone);
  if (index === 0) throw Object.assign(new Error(`no network interface ${zone}`), { code: "ENODEV" });
  return index;
}

/** @param bytes a `sockaddr`, at its beginning */
export function decodeSocketAddress(libc: Libc, bytes: Uint8Array): NetAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isIPv6 = view.getUint16(0, true) === AF_INET6;
  const ip = isIPv6 ? bytes.slice(IPV6_ADDRESS, IPV6_SCOPE) : bytes.slice(IPV4_ADDRESS, IPV4_ADDRESS + 4);
  const address = isIPv6 ? decodeIpv6(libc, ip) + zoneOf(libc, ip, view.getUint32(IPV6_SCOPE, true)) : ip.join(".");
  return { address, port: view.getUint16(PORT), family: isIPv6 ? "IPv6" : "IPv4" };
}

function decodeIpv6(libc: Libc, ip: Uint8Array): string {
  const text = new Uint8Array(TEXT_ROOM);
  libc.inet_ntop(AF_INET6, ip, text, text.length);
  return textOf(text);
}

/** A link-local address needs its interface. */
function zoneOf(libc: Libc, ip: Uint8Array, scope: number): string {
  const isLinkLocal = ip[0] === 0xfe && ((ip[1] ?? 0) & 0xc0) === 0x80;
  if (!isLinkLocal || scope === 0) return "";
  const name = new Uint8Array(TEXT_ROOM);
  return libc.if_indextoname(scope, name) === null ? `%${scope}` : `%${textOf(name)}`;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, 0, bytes.indexOf(0)).toString("latin1");
}

/** The IP address of a host by the rule of `resolveHost`, for callers that can't await. */
export function lookUp(libc: Libc, host: string): string {
  if (isIP(host) !== 0) return plainAddress(host);
  const hints = new Uint8Array(INFO_SIZE);
  const view = new DataView(hints.buffer);
  view.setInt32(INFO_TYPE, SOCK_DGRAM, true);
  view.setInt32(INFO_FAMILY, AF_INET, true);
  const result = new Uint8Array(8);
  let status = libc.getaddrinfo(host, null, hints, result);
  if (status !== 0) {
    view.setInt32(INFO_FAMILY, 0, true);
    status = libc.getaddrinfo(host, null, hints, result);
  }
  if (status !== 0) throw Object.assign(new Error(host), { code: status === EAI_AGAIN ? "EAI_AGAIN" : "ENOTFOUND" });
  const first = new DataView(result.buffer).getBigUint64(0, true);
  try {
    const info = libc.bytesAt(first, INFO_SIZE);
    const view = new DataView(info.buffer);
    const size = view.getInt32(INFO_FAMILY, true) === AF_INET6 ? IPV6_SIZE : IPV4_SIZE;
    const bytes = libc.bytesAt(view.getBigUint64(INFO_ADDRESS, true), size).slice();
    return decodeSocketAddress(libc, bytes).address;
  } finally {
    libc.freeaddrinfo(first);
  }
}
