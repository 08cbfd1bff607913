/** The async server beside a main loop: the loop runs ten times, and messages to /filter are printed as they come. */
import { setTimeout as sleep } from "node:timers/promises";
import { AsyncOSCUDPServer, Dispatcher } from "oscine";
import type { OscValue } from "oscine";

function filterHandler(address: string, ...args: OscValue[]): void {
  console.log(`${address}: ${args.join(", ")}`);
}

const dispatcher = new Dispatcher();
dispatcher.map("/filter", filterHandler);

const ip = "127.0.0.1";
const port = 1337;

/** An example of a main loop that ends after ten rounds. */
async function loop(): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    console.log(`Loop ${i}`);
    await sleep(1000);
  }
}

async function main(): Promise<void> {
  const server = new AsyncOSCUDPServer([ip, port], dispatcher);
  const [transport] = await server.createServeEndpoint(); // binds the socket and begins to serve

  await loop(); // the main loop of the program

  await transport.close(); // gives the port back
}

await main();
