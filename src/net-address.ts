/** Where a peer is, or where a server listens. As Node writes it; a Unix domain socket has its path as `address` and port 0. */
export interface NetAddress {
  /** The IP address as text, `"127.0.0.1"` or `"::1"`; the path of a Unix domain socket, empty for a client that has none. */
  readonly address: string;
  /** 0 to 65535; 0 for a Unix domain socket, and where the system has not chosen yet. */
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
export function formatAddress({ address, port, family }: NetAddress): string {
  if (family === "unix") return address === "" ? "(unnamed socket)" : address;
  return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether an IP address is of a multicast group. */
export function isMulticast(host: string): boolean {
  return /^(?:22[4-9]|23\d)\.\d/.test(host) || /^ff[\da-f]{2}:/i.test(host);
}
