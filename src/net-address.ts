/** Where a peer is, or where a server listens. As Node writes it; a Unix domain socket has its path as `address` and port 0. */
export interface NetAddress {
  readonly address: string;
  readonly port: number;
  readonly family: "IPv4" | "IPv6" | "unix";
}

/** `127.0.0.1:57120`, `[::1]:57120`, or the path of a Unix domain socket. */
export function formatAddress({ address, port, family }: NetAddress): string {
  if (family === "unix") return address === "" ? "(unnamed socket)" : address;
  return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
}
