/** A TCP server in the event loop: concurrent clients, either framing. The reply to `/double` goes back over the same connection. */
import { AsyncOSCTCPServer, Dispatcher } from "oscine";
import type { NetAddress, OscValue } from "oscine";

const dispatcher = new Dispatcher();
dispatcher.map("/double", (address: string, value: number) => [address, value * 2]);
dispatcher.map(
  "/log",
  (client: NetAddress, address: string, ...args: OscValue[]) => console.log(`${client.address} ${address}: ${args.join(", ")}`),
  { needsReplyAddress: true },
);

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

const server = new AsyncOSCTCPServer([ip, port], dispatcher, { maxConnections: 100 });
const [transport] = await server.createServeEndpoint();
console.log(`Serving on ${server.serverAddress.address}:${server.serverAddress.port}`);

process.once("SIGINT", () => void transport.close()); // sends the last replies, then closes every connection
await transport.closed;
