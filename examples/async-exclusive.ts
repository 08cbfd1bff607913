/** The async server alone: the program only serves. */
import { AsyncOSCUDPServer, Dispatcher } from "oscine";
import type { OscValue } from "oscine";

function filterHandler(address: string, ...args: OscValue[]): void {
  console.log(`${address}: ${args.join(", ")}`);
}

const dispatcher = new Dispatcher();
dispatcher.map("/filter", filterHandler);

const ip = "127.0.0.1";
const port = 1337;

const server = new AsyncOSCUDPServer([ip, port], dispatcher);
await server.serve();
