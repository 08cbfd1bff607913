/** A TCP server that blocks the program: all clients are connected at once, and handlers run one after another. */
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

// Without a mode each connection may use its own; here all have to put the size before each packet, as in OSC 1.0.
const server = new BlockingOSCTCPServer([ip, port], dispatcher, { mode: "1.0" });
console.log(`Serving on ${server.serverAddress.address}:${server.serverAddress.port}`);
server.serveForever(); // Blocks until /quit
server.close();
