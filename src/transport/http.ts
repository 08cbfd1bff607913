import type { Server } from "node:http";
import type { Duplex } from "node:stream";

/** The limits of HTTP servers whose requests have no body: their head has no reason to be long or slow. In milliseconds, and bytes. */
export const HTTP_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16 * 1024,
} as const;

/** Answers a request for a WebSocket with an error status such as `403 Forbidden`, and ends its connection. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** Ends all connections. Resolves when the port is free. */
export function closeHttp(http: Server): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}
