/** The async server next to a main loop: the loop runs ten times, and messages to /filter are printed as they arrive. */
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

/** Stands in for your program's main loop; ends after ten iterations. */
async function loop(): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    console.log(`Loop ${i}`);
    await sleep(1000);
  }
}

async function main(): Promise<void> {
  const server = new AsyncOSCUDPServer([ip, port], dispatcher);
  const [transport] = await server.createServeEndpoint(); // binds the socket and starts serving

  await loop();

  await transport.close(); // frees the port
}

await main();
