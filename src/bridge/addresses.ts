import { networkInterfaces } from "node:os";

/** An IPv4 address as IPv4 writes it, also where a dual-stack socket shows it as `::ffff:10.0.0.5`. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}

/** Whether an IP address is one of this machine's own. */
export function isOwnAddress(address: string): boolean {
  const plain = plainAddress(address);
  if (isLoopback(plain) || plain === "0.0.0.0" || plain === "::") return true;
  return Object.values(networkInterfaces()).some((interfaces) => interfaces?.some((one) => one.address === plain));
}

/** Whether an IP address stands for this machine wherever it is used. */
export function isLoopback(address: string): boolean {
  return plainAddress(address).startsWith("127.") || address === "::1";
}
