/** Handles each packet in its own process. Only the class name differs from blocking-server.ts. */
import { Dispatcher, ForkingOSCUDPServer } from "oscine";
import type { OscValue } from "oscine";

function printHandler(address: string, ...args: OscValue[]): void {
  console.log(`${address}: ${args.join(", ")}`);
}

function defaultHandler(address: string, ...args: OscValue[]): void {
  console.log(`DEFAULT ${address}: ${args.join(", ")}`);
}

const dispatcher = new Dispatcher();
dispatcher.map("/something/*", printHandler);
dispatcher.setDefaultHandler(defaultHandler);

const ip = "127.0.0.1";
const port = 1337;

const server = new ForkingOSCUDPServer([ip, port], dispatcher);
server.serveForever(); // blocks forever
