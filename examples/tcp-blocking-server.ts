/** A TCP server that blocks the program: any number of clients are connected, and handlers run one after another. */
import { BlockingOSCTCPServer, Dispatcher } from "oscine";
import type { OscValue } from "oscine";

function printHandler(address: string, ...args: OscValue[]): void {
  console.log(`${address}: ${args.join(", ")}`);
}

const dispatcher = new Dispatcher();
dispatcher.map("/filter", printHandler);
dispatcher.map("/volume", (_address: string, volume: number) => ["/volume/dB", 20 * Math.log10(volume)]);
dispatcher.map("/quit", () => server.shutdown());

const ip = "127.0.0.1";
const port = Number(process.argv[2] ?? 1337);

// Without `mode`, each connection may use its own framing. Here all must use size prefixes, as in OSC 1.0.
const server = new BlockingOSCTCPServer([ip, port], dispatcher, { mode: "1.0" });
console.log(`Serving on ${server.serverAddress.address}:${server.serverAddress.port}`);
server.serveForever(); // blocks until /quit
server.close();
